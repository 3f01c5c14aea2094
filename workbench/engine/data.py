"""From records to encoded splits: the codec is fitted on the training split and on nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api import Record, WorkbenchError
from workbench.api.files import write_atomic
from workbench.data.packing import Packed, pack
from workbench.engine.sources import (
    ListSource,
    RecordSource,
    Stored,
    StoreSource,
    TimeSplitSource,
    as_source,
    source_for,
)
from workbench.engine.splits import KEEP_IN_MEMORY, Split, StreamSplit, WindowSplit
from workbench.nn.contract import Codec, Encoding, TaskModel
from workbench.nn.protocols import KnowsTargetLength, ReadsFiles, Role, Streams, Windows
from workbench.runs.config import DataSection, RunConfig

__all__ = [
    "KEEP_IN_MEMORY",
    "ListSource",
    "Prepared",
    "RecordSource",
    "Split",
    "StoreSource",
    "Stored",
    "StreamSplit",
    "Told",
    "WindowSplit",
    "as_source",
    "codec_hash",
    "encode_split",
    "fitted_codec",
    "key_of_codec",
    "no_progress",
    "prepare",
    "source_for",
]
_PHASE_SECONDS = 0.1
_ID, _LENGTH = "_id", "_length"
"""Packed beside what the codec yields: which record it is, and its steps."""
_WINDOWS_AT_ONCE = 1 << 20
_NONE: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

Progress = Callable[[str, int, int], None]
"""``(what is being done, done, total)``; it may raise to cancel."""


def no_progress(name: str, done: int, total: int) -> None:
    """For callers who watch nothing."""


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
    role: Role = "train",
) -> Split:
    """Encode ``split`` of ``source`` (from ``pairs``, where its records were already read).

    With a ``cache`` folder the arrays are memory-mapped from there, keyed by the content of the split and the codec.
    ``role`` decides what the examples of a codec with windows or streams are: to "predict", one for each record (of a
    stream: the record after the stream's start), else windows, or one stream.
    """
    total = min(limit or source.count(split), source.count(split))
    told = Told(progress, f"encoding the {split} split", total)
    before = codec.stream_start() if isinstance(codec, Streams) else None
    apart = role == "predict"
    target_length = codec.target_length if isinstance(codec, KnowsTargetLength) else None

    def encoded() -> Iterator[Encoding]:
        if before is not None and not apart:
            yield {**before, _ID: np.array([-1]), _LENGTH: np.array([0])}
        for id_, record in told.over(pairs if pairs is not None else _first(source.iterate(split), limit)):
            length = codec.length(record)
            if length > 0:
                encoding = codec.encode(record)
                if target_length is not None:
                    length = max(length, target_length(encoding))
                yield {**encoding, _ID: np.array([id_]), _LENGTH: np.array([length])}

    content = source.content_hash(split) if cache is not None else ""
    if cache is None or not content:
        encodings: Sequence[Encoding] = list(encoded())
        ids = np.array([int(encoding[_ID][0]) for encoding in encodings], dtype=np.int64)
        lengths = np.array([int(encoding[_LENGTH][0]) for encoding in encodings], dtype=np.int64)
    else:
        kind = "\napart" if before is not None and apart else ""
        key = hashlib.sha256(f"{content}\n{limit}\n{codec_hash(codec)}{kind}".encode()).hexdigest()[:32]
        packed = pack(encoded(), cache, f"arrays-{key}")
        if len(packed) == 0:
            return Split(split, _NONE, _NONE, [], source, total)
        ids, lengths = np.array(packed.values(_ID)), np.array(packed.values(_LENGTH))
        # small splits become plain views at once: indexing a memory map costs more than a small record
        encodings = _views(packed) if len(packed) <= KEEP_IN_MEMORY else packed
    gold = source.only(split) if isinstance(source, TimeSplitSource) else source
    if before is not None and isinstance(codec, Streams):
        if apart:
            return Split(split, ids, lengths, _after(before, encodings), gold, total - len(ids))
        return _stream(codec, Split(split, ids, lengths, encodings, gold, total - len(ids) + 1))
    if isinstance(codec, Windows):
        return _windows(codec, Split(split, ids, lengths, encodings, gold, total - len(ids)), role)
    return Split(split, ids, lengths, encodings, gold, total - len(ids))


def _after(before: Encoding, encodings: Iterable[Encoding]) -> list[Encoding]:
    return [{name: np.concatenate([before[name], encoding[name]]) for name in before} for encoding in encodings]


def _stream(codec: Streams, whole: Split) -> StreamSplit:
    """The records of ``whole`` joined; the first of them is what comes before the stream and is none itself."""
    packed, name = whole.encodings, codec.STREAM
    if isinstance(packed, Packed):
        stream = np.asarray(packed.values(name)).view(np.ndarray)
    else:
        stream = np.concatenate([encoding[name] for encoding in packed])
    return StreamSplit(
        whole.name,
        whole.ids[1:],
        whole.lengths[1:],
        packed[1:] if isinstance(packed, list) else (),
        whole.source,
        whole.empty,
        stream=stream,
        array=name,
        chunk=codec.chunk,
        overlap=codec.overlap,
    )


def _windows(codec: Windows, whole: Split, role: Role) -> WindowSplit:
    """The windows of the records of ``whole``. A record too short for one is left out, as an empty one is."""
    # ten million windows are not rare: every step of a long series may begin one, so they are kept small
    found = [_narrow(codec.windows(encoding, role).reshape(-1, 2)) for encoding in whole.encodings]
    counts = np.array([len(spans) for spans in found], dtype=np.int64)
    if len(found) == 1:
        spans, rows = found[0], np.broadcast_to(np.int64(0), (len(found[0]),))
        ids = np.broadcast_to(whole.ids[0], (len(spans),))
    else:
        spans = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int32)
        rows = np.repeat(np.arange(len(found), dtype=np.int64), counts)
        ids = whole.ids[rows]
    return WindowSplit(
        whole.name,
        ids,
        _window_lengths(codec, spans),
        whole.encodings,
        whole.source,
        whole.empty + int((counts == 0).sum()),
        codec=codec,
        rows=rows,
        spans=spans,
        record_ids=whole.ids,
    )


def _narrow(spans: NDArray[np.int64]) -> NDArray[Any]:
    """The same in half the memory, where they fit."""
    return spans.astype(np.int32) if not len(spans) or int(spans.max()) < 2**31 else spans


def _window_lengths(codec: Windows, spans: NDArray[Any]) -> NDArray[np.int64]:
    """What is read of each window; those of one width are asked for once. Where all are alike it takes no memory."""
    steps_of: dict[int, int] = {}
    pieces = [spans[begin : begin + _WINDOWS_AT_ONCE] for begin in range(0, len(spans), _WINDOWS_AT_ONCE)]
    for piece in pieces:
        widths, first = np.unique(piece[:, 1] - piece[:, 0], return_index=True)
        for width, (start, stop) in zip(widths.tolist(), piece[first].tolist(), strict=True):
            if width not in steps_of:
                steps_of[width] = codec.window_length(start, stop)
    if len(set(steps_of.values())) == 1:
        return np.broadcast_to(np.int64(next(iter(steps_of.values()))), (len(spans),))
    known = np.array(sorted(steps_of), dtype=np.int64)
    steps = np.array([steps_of[width] for width in known.tolist()], dtype=np.int64)
    lengths = np.empty(len(spans), dtype=np.int64)
    for number, piece in enumerate(pieces):
        begin = number * _WINDOWS_AT_ONCE
        lengths[begin : begin + len(piece)] = steps[np.searchsorted(known, piece[:, 1] - piece[:, 0])]
    return lengths


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
    source = source_for(source, task, section)
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
        validation = encode_split(source, section.validation, codec, cache=cache, progress=progress, role="evaluate")
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
    source = source_for(source, task, section)
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
    files = f"\n{task.files_key()}" if isinstance(task, ReadsFiles) else ""
    key = hashlib.sha256(f"{content}\n{section.limit}\n{codec_key}{files}".encode()).hexdigest()[:32]
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
