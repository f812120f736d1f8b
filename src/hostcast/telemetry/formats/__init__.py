"""Reading one telemetry file of any format into untyped columns."""

from hostcast.telemetry.formats.reading import RawFile, read_file

__all__ = ["RawFile", "read_file"]
