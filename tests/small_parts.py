"""Parts so small that a test's few rows fill many of them."""

from __future__ import annotations

import importlib

import pytest

__all__ = ["CHUNK", "shrink_parts"]

# steps
CHUNK = 8


def shrink_parts(patch: pytest.MonkeyPatch) -> None:
    """Let parts hold two servers or so over eight steps, and rows be read a few at a time."""
    for module in ("parts.layout", "parts.index", "telemetry.runs", "telemetry.groups", "features.parts"):
        patch.setattr(importlib.import_module(f"hostcast.{module}"), "CHUNK_STEPS", CHUNK)
    grouping = importlib.import_module("hostcast.parts.grouping")
    patch.setattr(grouping, "MEAN_SERVERS", 2)
    patch.setattr(grouping, "MOST_SERVERS", 3)
    blocks = importlib.import_module("hostcast.telemetry.formats.blocks")
    patch.setattr(blocks, "WHOLE_BYTES", 64)
    patch.setattr(blocks, "BLOCK_ROWS", 7)
    patch.setattr(blocks, "BLOCK_BYTES", 300)
    intake = importlib.import_module("hostcast.telemetry.intake")
    patch.setattr(intake, "SMALL_BYTES", 200)
    patch.setattr(intake, "RUN_ROWS", 5)
    patch.setattr(intake, "MEMORY_BYTES", 500)
