"""Tables of many servers as a folder of Parquet files, none of which holds more than fits in memory."""

from hostcast.parts.cache import PartCache, code_digest, digest_of, open_cache
from hostcast.parts.grouping import CHUNK_STEPS, group_bounds
from hostcast.parts.index import INDEX, PartFile, PartIndex, read_index, write_index
from hostcast.parts.layout import Layout, Part, Piece
from hostcast.parts.memory import system_memory
from hostcast.parts.pool import Pool, Threads, each_in_order, pool_of, workers
from hostcast.parts.progress import row_bar
from hostcast.parts.reading import (
    column_names,
    missing_counts,
    part_numbers,
    part_texts,
    read_frame,
    read_part,
)
from hostcast.parts.workshop import workshop
from hostcast.parts.writing import part_table, publish, write_part

__all__ = [
    "CHUNK_STEPS",
    "INDEX",
    "Layout",
    "Part",
    "PartCache",
    "PartFile",
    "PartIndex",
    "Piece",
    "Pool",
    "Threads",
    "code_digest",
    "column_names",
    "digest_of",
    "each_in_order",
    "group_bounds",
    "missing_counts",
    "open_cache",
    "part_numbers",
    "part_table",
    "part_texts",
    "pool_of",
    "publish",
    "read_frame",
    "read_index",
    "read_part",
    "row_bar",
    "system_memory",
    "workers",
    "workshop",
    "write_index",
    "write_part",
]
