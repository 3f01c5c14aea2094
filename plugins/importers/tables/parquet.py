"""Parquet files: read some thousand rows at a time by polars, so that memory does not grow with the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench_plugins.importers.tables.forms import Bad, Row, plain

from workbench.api import WorkbenchError

if TYPE_CHECKING:
    import polars as pl

_ROWS = 10_000
_SAMPLE = 500


class ParquetForm:
    """Columns of texts, whole numbers, numbers and truth values; fields of a struct are columns (translation.en)."""

    headed = True

    def __init__(self, path: Path) -> None:
        import polars as pl

        self._path = path
        self._size = path.stat().st_size
        self._at = 0
        try:
            self._frame = pl.scan_parquet(path)
            schema = self._frame.collect_schema()
            self._rows = int(self._frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise WorkbenchError(
                "This Parquet file cannot be read.", why=f"{error}".splitlines()[0] + ".",
                fix="Check that it was copied whole.", file=path,
            ) from error  # fmt: skip
        self._columns: dict[str, pl.Expr] = {}
        lost: list[str] = []
        for name, kind in schema.items():
            if isinstance(kind, pl.Struct):
                for field in kind.fields:
                    if _is_plain(field.dtype):
                        self._columns[f"{name}.{field.name}"] = pl.col(name).struct.field(field.name)
                lost.append(name)
            elif _is_plain(kind):
                self._columns[name] = pl.col(name)
            else:
                lost.append(name)
        self.lost = tuple(lost)
        self.names: tuple[str, ...] = tuple(self._columns)
        if not self.names:
            raise WorkbenchError("No column of this Parquet file holds texts or numbers.", file=path)
        self.format: dict[str, Any] = {"form": "parquet", "names": list(self.names), "tail": ""}

    def position(self) -> tuple[int, int]:
        return (self._size * self._at // self._rows if self._rows else self._size), self._size

    def sample(self) -> list[list[str]]:
        return [[plain(cell) or "" for cell in row] for row in self._slice(0, _SAMPLE)]

    def rows(self, wanted: Sequence[int], bad: Bad) -> Iterator[Row]:
        for start in range(0, self._rows, _ROWS):
            for number, row in enumerate(self._slice(start, _ROWS), start=start + 1):
                self._at = number
                raw = json.dumps(dict(zip(self.names, row, strict=True)), ensure_ascii=False)
                yield Row(number, [plain(row[i]) for i in wanted], raw)

    def _slice(self, start: int, count: int) -> list[tuple[Any, ...]]:
        import polars as pl

        chosen = [expression.alias(name) for name, expression in self._columns.items()]
        try:
            return self._frame.slice(start, count).select(chosen).collect().rows()
        except pl.exceptions.PolarsError as error:
            raise WorkbenchError(
                f"The rows from {start + 1:,} of this Parquet file cannot be read.",
                why=f"{error}".splitlines()[0] + ".",
                fix="Check that it was copied whole.",
                file=self._path,
                line=start + 1,
            ) from error


def _is_plain(kind: Any) -> bool:
    import polars as pl

    return bool(kind in (pl.String, pl.Boolean, pl.Categorical, pl.Enum) or kind.is_integer() or kind.is_float())
