"""Telemetry of a large fleet as it arrives: a file for each stretch of time, all servers in each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["COVARIATES", "SERVERS", "STEP_SECONDS", "TARGETS", "write_fleet"]

TARGETS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
COVARIATES = ["net_mbit", "iops"]
SERVERS = 2000
STEP_SECONDS = 60

FILE_ROWS = 2_000_000
START = 1_736_121_600  # 2025-01-06
DAY = 86_400


def write_fleet(folder: Path, rows: int, seed: int, *, servers: int = SERVERS) -> None:
    """Write so many rows of all servers, minute by minute: levels, daily waves and noise."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = [*TARGETS, *COVARIATES]
    rng = np.random.default_rng(seed)
    level, swing, phase = (
        rng.uniform(low, high, (servers, len(metrics))).astype(np.float32)
        for low, high in ((20.0, 60.0), (2.0, 12.0), (0.0, 2 * np.pi))
    )
    names = pa.array([f"server-{number:05d}" for number in range(servers)])
    steps, per_file = rows // servers, FILE_ROWS // servers
    for number, first in enumerate(range(0, steps, per_file)):
        times = np.arange(first, min(first + per_file, steps))
        of_day = (2 * np.pi * (times * STEP_SECONDS % DAY) / DAY).astype(np.float32)
        values = rng.standard_normal((len(times), servers, len(metrics)), dtype=np.float32)
        values *= 2
        values += level + swing * np.sin(of_day[:, None, None] + phase)
        np.clip(values, 0, 100, out=values)
        micros = np.repeat((START + times * STEP_SECONDS) * 1_000_000, servers)
        codes = pa.array(np.tile(np.arange(servers, dtype=np.int32), len(times)))
        table = pa.table(
            {
                "server": pa.DictionaryArray.from_arrays(codes, names),
                "timestamp": pa.array(micros).cast(pa.timestamp("us", "UTC")),
                **{name: pa.array(values[:, :, place].ravel()) for place, name in enumerate(metrics)},
            }
        )
        pq.write_table(table, folder / f"{number:05d}.parquet", use_dictionary=["server"], store_schema=False)
