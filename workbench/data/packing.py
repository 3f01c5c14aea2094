"""Encoded records as flat, memory-mapped arrays with offsets, cached by what they were made of.

A training split of any size is then read without copies and without Python objects for each token.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, overload

import numpy as np
from numpy.typing import NDArray

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error, sync_folder, write_atomic

_logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
INDEX_NAME = "index.json"
PROGRESS_EVERY = 1024

Encoding = Mapping[str, NDArray[Any]]
"""One record: arrays (T,) or (T, …), each with a first axis of its own."""


class Packed(Sequence[Encoding]):
    """Packed records. ``packed[i]`` is a mapping of views into memory-mapped arrays: nothing is copied."""

    def __init__(self, folder: Path) -> None:
        """Open what :func:`pack` wrote; ``ValueError`` or ``OSError`` when it is not whole."""
        self.folder = Path(folder)
        index = json.loads((self.folder / INDEX_NAME).read_text(encoding="utf-8"))
        if index.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("packed by another version")
        self.key = str(index["key"])
        self._count = int(index["count"])
        self._arrays: dict[str, NDArray[Any]] = {}
        self._offsets: dict[str, NDArray[np.int64]] = {}
        for name, field in index["fields"].items():
            dtype, width = np.dtype(field["dtype"]), tuple(field["width"])
            offsets = _map(self.folder / field["offsets"], np.dtype(np.int64), (self._count + 1,))
            values = _map(self.folder / field["values"], dtype, (int(field["length"]), *width))
            if offsets[0] != 0 or offsets[-1] != len(values):
                raise ValueError(f"field {name} does not fit its offsets")
            self._arrays[name], self._offsets[name] = values, offsets

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Encoding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Encoding]: ...
    def __getitem__(self, index: int | slice) -> Encoding | list[Encoding]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        i = index + self._count if index < 0 else index
        if not 0 <= i < self._count:
            raise IndexError(index)
        return {
            name: values[self._offsets[name][i] : self._offsets[name][i + 1]] for name, values in self._arrays.items()
        }

    def __iter__(self) -> Iterator[Encoding]:
        return (self[i] for i in range(self._count))

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self._arrays)

    def values(self, field: str) -> NDArray[Any]:
        """All records' values of one field, one after another."""
        return self._arrays[field]

    def offsets(self, field: str) -> NDArray[np.int64]:
        """Record i's values are ``values[offsets[i]:offsets[i + 1]]``."""
        return self._offsets[field]

    def lengths(self, field: str) -> NDArray[np.int64]:
        """The length of every record's ``field``."""
        return np.diff(self._offsets[field])


def pack(
    encodings: Iterable[Encoding],
    folder: Path,
    key: str,
    progress: Callable[[int], None] | None = None,
) -> Packed:
    """Write ``encodings`` below ``folder`` in bounded memory, or open what an earlier call packed under ``key``.

    ``key`` must name everything the arrays depend on (content hash, codec). ``encodings`` is not touched when the
    cache is good; a damaged one is made anew. ``progress`` gets the number of records so far. :class:`WorkbenchError`
    for a full disk, or encodings that differ in their names, types or widths.
    """
    target = Path(folder) / re.sub(r"[^A-Za-z0-9._-]+", "-", key)[:120]
    existing = open_packed(target, key)
    if existing is not None:
        return existing
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        temporary.mkdir(parents=True)
        with _Writer(temporary) as writer:
            for encoding in encodings:
                writer.add(encoding)
                if progress is not None and writer.count % PROGRESS_EVERY == 0:
                    progress(writer.count)
        writer.finish(key)
        if progress is not None:
            progress(writer.count)
        shutil.rmtree(target, ignore_errors=True)
        try:
            temporary.rename(target)
        except OSError:
            # another process packed the same in the meantime
            existing = open_packed(target, key)
            if existing is None:
                raise
            return existing
        sync_folder(target.parent)
    except OSError as error:
        raise explain_os_error(error, target, "cannot be packed") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Packed(target)


def open_packed(folder: Path, key: str) -> Packed | None:
    """What was packed under ``key``, or None when there is nothing or it is damaged."""
    try:
        packed = Packed(folder)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        _logger.warning("packed arrays in %s are damaged and will be made anew: %s", folder, error)
        return None
    return packed if packed.key == key else None


class _Writer:
    """Appends each field to a file of its own as the records come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values: dict[str, IO[bytes]] = {}
        self._offsets: dict[str, IO[bytes]] = {}
        self._shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._lengths: dict[str, int] = {}
        self.count = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (*self._values.values(), *self._offsets.values()):
            handle.close()

    def add(self, encoding: Encoding) -> None:
        arrays = {name: np.ascontiguousarray(values) for name, values in encoding.items()}
        if self.count == 0:
            for number, (name, values) in enumerate(arrays.items()):
                self._begin(number, name, values)
        if arrays.keys() != self._shapes.keys():
            raise WorkbenchError(
                f"Record {self.count} was encoded to {sorted(arrays)} and the first one to {sorted(self._shapes)}.",
                why="A codec must yield the same names for every record.",
            )
        for name, values in arrays.items():
            dtype, width = self._shapes[name]
            if values.dtype != dtype or values.shape[1:] != width:
                raise WorkbenchError(
                    f"Record {self.count}: {name} is {values.dtype}{values.shape[1:]}, the first one {dtype}{width}.",
                    why="A codec must yield the same types for every record.",
                )
            self._values[name].write(values.data if values.size else b"")
            self._lengths[name] += len(values)
            self._offsets[name].write(self._lengths[name].to_bytes(8, "little"))
        self.count += 1

    def _begin(self, number: int, name: str, values: NDArray[Any]) -> None:
        if values.ndim < 1 or values.dtype.hasobject:
            raise WorkbenchError(f"{name} cannot be packed: it needs a first axis and a plain type ({values.dtype}).")
        self._shapes[name] = (values.dtype.newbyteorder("<"), values.shape[1:])
        self._lengths[name] = 0
        self._values[name] = (self._folder / f"{number}.values").open("wb", buffering=1 << 20)
        self._offsets[name] = (self._folder / f"{number}.offsets").open("wb", buffering=1 << 16)
        self._offsets[name].write((0).to_bytes(8, "little"))

    def finish(self, key: str) -> None:
        """The index, written last: with it the folder is whole."""
        fields = {
            name: {
                "dtype": dtype.str,
                "width": list(width),
                "length": self._lengths[name],
                "values": f"{number}.values",
                "offsets": f"{number}.offsets",
            }
            for number, (name, (dtype, width)) in enumerate(self._shapes.items())
        }
        index = {"schema_version": SCHEMA_VERSION, "key": key, "count": self.count, "fields": fields}
        write_atomic(self._folder / INDEX_NAME, json.dumps(index))


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Map a file, which must have exactly the size of ``shape``."""
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if path.stat().st_size != expected:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, not {expected}")
    if expected == 0:
        return np.empty(shape, dtype)
    mapped = np.memmap(path, dtype=dtype, mode="r", shape=shape)
    return mapped.view(np.ndarray)  # a memmap costs microseconds more for every slice
