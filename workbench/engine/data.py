"""From records to encoded splits: the codec is fitted on the training split and on nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.api import Record, WorkbenchError
from workbench.api.files import write_atomic
from workbench.data.packing import Packed, pack
from workbench.nn.contract import Batch, Codec, Encoding, TaskModel
from workbench.runs.config import DataSection, RunConfig

KEEP_IN_MEMORY = 50_000
"""Splits up to this many records are read once and kept; larger ones are streamed once for every pass."""
_PHASE_SECONDS = 0.1
_ID, _LENGTH = "_id", "_length"
"""Packed beside what the codec yields: which record it is, and its steps."""
_NONE: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

Progress = Callable[[str, int, int], None]
"""``(what is being done, done, total)``; it may raise to cancel."""


def no_progress(name: str, done: int, total: int) -> None:
    """For callers who watch nothing."""


class RecordSource(Protocol):
    """Where records come from: a dataset of a store, or lists in memory."""

    def count(self, split: str) -> int: ...

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]: ...

    def get(self, ids: Sequence[int]) -> list[Record]: ...

    def content_hash(self, split: str) -> str:
        """Changes with any record of the split; "" where it cannot be told (nothing is then cached)."""
        ...


class Stored(Protocol):
    """What the engine reads of ``workbench.data.DatasetStore``."""

    def dataset(self, name_or_id: Any) -> Any: ...

    def iterate(self, dataset_id: int, split: str | None = None) -> Iterator[Any]: ...

    def get(self, ids: Any) -> list[Any]: ...

    def split_counts(self, dataset_id: int) -> Mapping[str, int]: ...

    def content_hash(self, dataset_id: int, split: str) -> str: ...


class StoreSource:
    """A dataset of a store, by its name or id."""

    def __init__(self, store: Stored, dataset: str) -> None:
        self._store = store
        self._id = int(store.dataset(dataset).id)

    def count(self, split: str) -> int:
        return int(self._store.split_counts(self._id).get(split, 0))

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]:
        for stored in self._store.iterate(self._id, split):
            yield int(stored.id), stored.record

    def get(self, ids: Sequence[int]) -> list[Record]:
        return [stored.record for stored in self._store.get([int(id_) for id_ in ids])]

    def content_hash(self, split: str) -> str:
        return self._store.content_hash(self._id, split)


class ListSource:
    """Records in memory by split, for notebooks and tests; a record's id is its place over all splits."""

    def __init__(self, splits: Mapping[str, Sequence[Record]]) -> None:
        self._all = [record for records in splits.values() for record in records]
        self._spans: dict[str, range] = {}
        start = 0
        for name, records in splits.items():
            self._spans[name] = range(start, start + len(records))
            start += len(records)

    def count(self, split: str) -> int:
        return len(self._spans.get(split, ()))

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]:
        for i in self._spans.get(split, ()):
            yield i, self._all[i]

    def get(self, ids: Sequence[int]) -> list[Record]:
        return [self._all[int(i)] for i in ids]

    def content_hash(self, split: str) -> str:
        return ""


def as_source(source: Any, dataset: str) -> RecordSource:
    """A source of records from a store, a mapping of splits to records, or a source itself."""
    if isinstance(source, Mapping):
        return ListSource(source)
    if hasattr(source, "split_counts"):
        return StoreSource(source, dataset)
    found: RecordSource = source
    return found


@dataclass(slots=True)
class Split:
    """An encoded split: ``encodings[i]`` has ``lengths[i]`` steps and is record ``ids[i]`` of the source."""

    name: str
    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    encodings: Sequence[Encoding]
    source: RecordSource
    empty: int = 0
    """Records left out because they have no steps at all."""
    _records: list[Record] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, codec: Codec, indices: NDArray[np.int64]) -> Batch:
        encodings = self.encodings
        return codec.collate([encodings[i] for i in indices.tolist()])

    def records(self, indices: NDArray[np.int64]) -> list[Record]:
        """The gold records at ``indices``; small splits are read once and kept."""
        if len(self) > KEEP_IN_MEMORY:
            return self.source.get(self.ids[indices].tolist())
        if self._records is None:
            self._records = self.source.get(self.ids.tolist())
        return [self._records[i] for i in indices.tolist()]


class Told:
    """Passes records through and tells the progress at most ten times a second, the first and the last always."""

    def __init__(self, progress: Progress, name: str, total: int) -> None:
        self._progress, self._name, self._total = progress, name, total
        self._done, self._next = 0, 0.0

    def over(self, records: Iterable[Any]) -> Iterator[Any]:
        for record in records:
            if self._done & 63 == 0:
                now = time.monotonic()
                if now >= self._next:
                    self._progress(self._name, self._done, self._total)
                    self._next = now + _PHASE_SECONDS
            yield record
            self._done += 1
        self._progress(self._name, self._done, self._total)


def encode_split(
    source: RecordSource,
    split: str,
    codec: Codec,
    *,
    cache: Path | None = None,
    limit: int = 0,
    progress: Progress = no_progress,
    pairs: Iterable[tuple[int, Record]] | None = None,
) -> Split:
    """Encode ``split`` of ``source`` (from ``pairs``, where its records were already read).

    With a ``cache`` folder the arrays are memory-mapped from there, keyed by the content of the split and the codec.
    """
    total = min(limit or source.count(split), source.count(split))
    told = Told(progress, f"encoding the {split} split", total)

    def encoded() -> Iterator[Encoding]:
        for id_, record in told.over(pairs if pairs is not None else _first(source.iterate(split), limit)):
            length = codec.length(record)
            if length > 0:
                yield {**codec.encode(record), _ID: np.array([id_]), _LENGTH: np.array([length])}

    content = source.content_hash(split) if cache is not None else ""
    if cache is None or not content:
        encodings: Sequence[Encoding] = list(encoded())
        ids = np.array([int(encoding[_ID][0]) for encoding in encodings], dtype=np.int64)
        lengths = np.array([int(encoding[_LENGTH][0]) for encoding in encodings], dtype=np.int64)
    else:
        key = hashlib.sha256(f"{content}\n{limit}\n{codec_hash(codec)}".encode()).hexdigest()[:32]
        packed = pack(encoded(), cache, f"arrays-{key}")
        if len(packed) == 0:
            return Split(split, _NONE, _NONE, [], source, total)
        ids, lengths = np.array(packed.values(_ID)), np.array(packed.values(_LENGTH))
        # small splits become plain views at once: indexing a memory map costs more than a small record
        encodings = _views(packed) if len(packed) <= KEEP_IN_MEMORY else packed
    return Split(split, ids, lengths, encodings, source, total - len(ids))


def _views(packed: Packed) -> list[Encoding]:
    flat = {
        name: (np.asarray(packed.values(name)).view(np.ndarray), packed.offsets(name).tolist())
        for name in packed.fields
    }
    return [
        {name: values[offsets[i] : offsets[i + 1]] for name, (values, offsets) in flat.items()}
        for i in range(len(packed))
    ]


def _first(pairs: Iterator[tuple[int, Record]], limit: int) -> Iterator[tuple[int, Record]]:
    for number, pair in enumerate(pairs):
        if limit and number >= limit:
            return
        yield pair


@dataclass(slots=True)
class Prepared:
    """What a training needs of the data; ``validation`` is None where that split is empty."""

    codec: Codec
    train: Split
    validation: Split | None


def prepare(
    source: RecordSource,
    section: DataSection,
    task: TaskModel,
    *,
    codec: Codec | None = None,
    codec_key: str = "",
    cache: Path | None = None,
    progress: Progress = no_progress,
) -> Prepared:
    """Check the training records, fit the codec on them (unless it is given: a resumed run), encode both splits.

    ``codec_key`` names the task and its options for the cache. :class:`WorkbenchError` when there is no record.
    """
    total = source.count(section.train)
    count = min(section.limit, total) if section.limit else total
    if count == 0:
        raise WorkbenchError(
            f"There is nothing to train on: the split {section.train!r} of {section.dataset!r} is empty.",
            fix="Import records into it, or assign splits in the Data stage.",
        )
    records = _TrainingRecords(source, section, count, progress)
    if codec is None:
        codec = _fit_or_recall(task, source, section, codec_key, cache, records)
    train = encode_split(
        source,
        section.train,
        codec,
        cache=cache,
        limit=section.limit,
        progress=progress,
        pairs=records.pairs(),
    )
    if len(train) == 0:
        raise WorkbenchError("Every training record is empty.", fix="Import records that have at least one step.")
    validation = None
    if source.count(section.validation):
        validation = encode_split(source, section.validation, codec, cache=cache, progress=progress)
    return Prepared(codec, train, validation if validation is not None and len(validation) else None)


class _TrainingRecords:
    """The training records, read when they are first asked for; few are kept, many are streamed every time."""

    def __init__(self, source: RecordSource, section: DataSection, count: int, progress: Progress) -> None:
        self._source, self._section, self._count, self._progress = source, section, count, progress
        self._kept: list[tuple[int, Record]] | None = None

    def pairs(self) -> Iterator[tuple[int, Record]]:
        if self._count > KEEP_IN_MEMORY:
            yield from self._stream()
            return
        if self._kept is None:
            self._kept = list(Told(self._progress, "reading records", self._count).over(self._stream()))
        yield from self._kept

    def records(self, doing: str) -> Iterator[Record]:
        return (record for _, record in Told(self._progress, doing, self._count).over(self.pairs()))

    def _stream(self) -> Iterator[tuple[int, Record]]:
        return _first(self._source.iterate(self._section.train), self._section.limit)


def fitted_codec(
    source: RecordSource, section: DataSection, task: TaskModel, *, codec_key: str = "", cache: Path | None = None
) -> Codec:
    """The codec a training of these records would use, from the cache where it is there."""
    count = source.count(section.train)
    records = _TrainingRecords(source, section, min(section.limit or count, count), no_progress)
    return _fit_or_recall(task, source, section, codec_key, cache, records)


def key_of_codec(config: RunConfig) -> str:
    """What, besides the records, decides how a codec is fitted."""
    return json.dumps([config.task.id, config.task.params], sort_keys=True)


def codec_hash(codec: Codec) -> str:
    """A digest of everything the codec knows."""
    return hashlib.sha256(json.dumps(codec.to_json(), sort_keys=True).encode()).hexdigest()


def _fit_or_recall(
    task: TaskModel,
    source: RecordSource,
    section: DataSection,
    codec_key: str,
    cache: Path | None,
    records: _TrainingRecords,
) -> Codec:
    """The codec from the cache when the training split and the task's options are as they were, else fitted."""

    def fit() -> Codec:
        task.check(records.records("checking records"))
        return task.fit_codec(records.records("building vocabulary"))

    content = source.content_hash(section.train) if cache is not None and codec_key else ""
    if cache is None or not content:
        return fit()
    key = hashlib.sha256(f"{content}\n{section.limit}\n{codec_key}".encode()).hexdigest()[:32]
    path = cache / f"codec-{key}.json"
    try:
        return task.load_codec(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, WorkbenchError):
        codec = fit()
    # a project that cannot be written to can still be described and used
    with contextlib.suppress(OSError, WorkbenchError):
        cache.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(codec.to_json()))
    return codec
