"""The stage `featurize`, part by part: no feature looks at another server."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import hostcast.features
from hostcast.errors import HostcastError
from hostcast.features.build import as_float32, made_of, require_reach, schema_of
from hostcast.features.roles import Roles
from hostcast.features.rows import ServerRows
from hostcast.params import Params
from hostcast.parts import (
    CHUNK_STEPS,
    Part,
    PartCache,
    PartFile,
    PartIndex,
    code_digest,
    column_names,
    digest_of,
    open_cache,
    part_numbers,
    part_table,
    part_texts,
    pool_of,
    publish,
    read_index,
    row_bar,
    system_memory,
    workshop,
    write_index,
    write_part,
)

__all__ = ["featurize_into"]


def featurize_into(folder: Path, prepared: Path, params: Params, *, kept: Path | None = None) -> Roles:
    """Add the features that `params.featurize` asks for; see `featurize`.

    Args:
        folder: where the parts go; what is there is replaced once all is well.
        prepared: folder of the prepared telemetry.
        params: see `featurize`, and runtime.
        kept: folder of finished work of the last run, for the next one; None = keep nothing.

    Returns:
        The role of every column.
    """
    index = read_index(prepared, stage="prepare")
    schema = schema_of(params, column_names(index))
    require_reach(int(index.layout.rows.max()), params)
    with (
        system_memory(),
        workshop(folder) as place,
        open_cache(kept, place) as cache,
        pool_of(params.prepare.engine, params.runtime.ray_address, place) as pool,
    ):
        work = _Work(index, params, schema, cache)
        made: list[tuple[str, PartFile]] = []
        with row_bar("featurizing", int(index.layout.rows.sum()), shown=params.runtime.progress) as bar:
            for parts in pool.each_in_order(work.group, range(len(index.layout.groups) - 1)):
                made += [(key, file) for key, file, _ in parts]
                bar.update(sum(rows for _, _, rows in parts))
        cache.claim(key for key, _ in made)
        files = [
            PartFile(part.name, file.sha256, file.bytes)
            for part, (_, file) in zip(index.layout.parts, made, strict=True)
        ]
        publish([(cache.path(key), file) for (key, _), file in zip(made, files, strict=True)], folder)
        write_index(folder, index.layout, files)
    return schema


@dataclass(frozen=True)
class _Work:
    """How groups are worked on; one at a time per thread."""

    index: PartIndex
    params: Params
    schema: Roles
    cache: PartCache

    @property
    def context(self) -> int | None:
        """Steps before a row that its features are made from; None = all."""
        # running sums carry rounding from a server's first row on
        if self.params.featurize.rolling_windows:
            return None
        return max(self.params.featurize.lags, default=0)

    @cached_property
    def _key(self) -> str:
        featurize, prepare = self.params.featurize, self.params.prepare
        code = code_digest([Path(str(hostcast.features.__file__)).parent])
        asked = [self.params.base.target_metrics, prepare.covariates, prepare.static]
        return digest_of([code, featurize.model_dump(mode="json"), asked])

    def group(self, number: int) -> list[tuple[str, PartFile, int]]:
        """Keys, files and rows of the parts of a group."""
        layout = self.index.layout
        parts = list(layout.parts_of(number))
        begin = bisect_left(layout.parts, number, key=_group_of)
        keys = [
            digest_of(
                [self._key, [self.index.files[begin + needed].sha256 for needed in self._needed(parts, own)]]
            )
            for own in range(len(parts))
        ]
        files = {own: found[0] for own, key in enumerate(keys) if (found := self.cache.part(key)) is not None}
        lacking = [own for own in range(len(parts)) if own not in files]
        # with all that came before to be looked at, once is enough
        for batch in [lacking] if self.context is None and lacking else [[own] for own in lacking]:
            for own, table in self._made(parts, batch):
                files[own] = write_part(self.cache.path(keys[own]), table, counted=False)
                self.cache.keep_part(keys[own], files[own], None)
        return [(keys[own], files[own], part.rows) for own, part in enumerate(parts)]

    def _needed(self, parts: Sequence[Part], own: int) -> range:
        """Which parts of a group one part's features are made from."""
        if self.context is None:
            return range(own + 1)
        first = (parts[own].chunk * CHUNK_STEPS - self.context) // CHUNK_STEPS
        return range(next(place for place, part in enumerate(parts) if part.chunk >= first), own + 1)

    def _made(self, parts: Sequence[Part], batch: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
        history = _History.read(
            self.index, [parts[own] for own in self._needed(parts, batch[-1])], self.measured
        )
        try:
            made = as_float32(made_of(history.rows, self.params))
        except HostcastError as error:
            raise history.located(error) from None
        for own in batch:
            numbers = {name: history.cut(values, parts[own]) for name, values in made.items()}
            texts = part_texts(self.index, parts[own], self.params.prepare.static)
            yield (
                own,
                part_table(
                    self.index.layout,
                    parts[own],
                    numbers,
                    texts,
                    list(self.schema.columns),
                    whole=self.whole,
                ),
            )

    @property
    def whole(self) -> list[str]:
        """Columns that time alone decides, or which tell of missing values and so miss none."""
        return [*self.schema.made_by("calendar"), *self.schema.made_by("missing")]

    @property
    def measured(self) -> list[str]:
        """Columns of numbers in the prepared telemetry."""
        return [*self.params.base.target_metrics, *self.params.prepare.covariates]


def _group_of(part: Part) -> int:
    return part.group


@dataclass(frozen=True)
class _History:
    """Rows of a group's servers over consecutive parts.

    Attributes:
        index: of the prepared telemetry.
        servers: their places.
        offset: each one's first row here, counted from the server's first.
        rows: of each, one after the other.
    """

    index: PartIndex
    servers: list[int]
    offset: list[int]
    rows: ServerRows

    @classmethod
    def read(cls, index: PartIndex, parts: Sequence[Part], names: Sequence[str]) -> _History:
        """Read some columns."""
        read = [part_numbers(index, part, names) for part in parts]
        cuts: dict[int, list[tuple[int, slice]]] = {}
        offset: dict[int, int] = {}
        for place, part in enumerate(parts):
            begin = 0
            for piece in part.pieces:
                cuts.setdefault(piece.server, []).append((place, slice(begin, begin + piece.count)))
                offset.setdefault(piece.server, piece.offset)
                begin += piece.count
        servers = sorted(cuts)
        order = [cut for server in servers for cut in cuts[server]]
        numbers = (
            read[0]
            if len(parts) == 1
            else {name: np.concatenate([read[place][name][own] for place, own in order]) for name in names}
        )
        layout = index.layout
        rows = ServerRows(
            counts=[sum(own.stop - own.start for _, own in cuts[server]) for server in servers],
            first=[(int(layout.first[server]) + offset[server]) * layout.step_micros for server in servers],
            step=layout.step_micros,
            numbers=numbers,
        )
        return cls(index, servers, [offset[server] for server in servers], rows)

    def cut(self, values: npt.NDArray[np.float32], part: Part) -> npt.NDArray[np.float32]:
        """The rows of one part."""
        if part.rows == len(values):
            return values
        begin = dict(zip(self.servers, (own.start for own in self.rows.slices()), strict=True))
        skipped = dict(zip(self.servers, self.offset, strict=True))
        first = [begin[piece.server] + piece.offset - skipped[piece.server] for piece in part.pieces]
        return np.concatenate(
            [values[low : low + piece.count] for low, piece in zip(first, part.pieces, strict=True)]
        )

    def located(self, error: HostcastError) -> HostcastError:
        """An error whose row is counted from here, with the row of the table."""
        row = error.row or 1
        begin = [own.start for own in self.rows.slices()]
        place = bisect_right(begin, row - 1) - 1
        table = int(self.index.layout.bounds[self.servers[place]]) + self.offset[place]
        return HostcastError(
            error.problem,
            remedy=error.remedy,
            file=error.file,
            column=error.column,
            row=table + row - begin[place],
        )
