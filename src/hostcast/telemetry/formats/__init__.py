"""Reading one telemetry file of any format into untyped columns."""

from hostcast.telemetry.formats.blocks import RawBlock, Stretch, Unread, read_stretch, stretches_of
from hostcast.telemetry.formats.reading import RawFile, read_file

__all__ = ["RawBlock", "RawFile", "Stretch", "Unread", "read_file", "read_stretch", "stretches_of"]
