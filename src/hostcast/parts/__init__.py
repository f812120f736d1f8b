"""Tables of many servers as a folder of Parquet files, none of which holds more than fits in memory."""

from hostcast.parts.cache import PartCache, code_digest, digest_of
from hostcast.parts.grouping import CHUNK_STEPS, group_bounds
from hostcast.parts.index import INDEX, PartFile, PartIndex, read_index, write_index
from hostcast.parts.layout import Layout, Part, Piece
from hostcast.parts.pool import each_in_order, workers
from hostcast.parts.progress import row_bar
from hostcast.parts.reading import part_numbers, read_frame
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
    "code_digest",
    "digest_of",
    "each_in_order",
    "group_bounds",
    "part_numbers",
    "part_table",
    "publish",
    "read_frame",
    "read_index",
    "row_bar",
    "workers",
    "write_index",
    "write_part",
]
