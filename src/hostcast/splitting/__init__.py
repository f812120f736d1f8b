"""Cutting telemetry into training, validation and test spans by time."""

from hostcast.splitting.cutoffs import Cutoffs
from hostcast.splitting.files import fold_files, read_split, write_split
from hostcast.splitting.parts import split_of
from hostcast.splitting.spans import Span, spans_of
from hostcast.splitting.split import Split, make_split

__all__ = [
    "Cutoffs",
    "Span",
    "Split",
    "fold_files",
    "make_split",
    "read_split",
    "spans_of",
    "split_of",
    "write_split",
]
