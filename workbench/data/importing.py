"""Importing files as datasets: streamed, with progress and cancel, in one transaction that leaves all or nothing."""

from __future__ import annotations

import itertools
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import (
    SPLITS,
    Cancelled,
    Finding,
    ImportedRecord,
    Importer,
    ImportStream,
    Record,
    RecordType,
    Sample,
    TaggedTokens,
    WorkbenchError,
    validate,
)
from workbench.api.batches import BatchedStream, SentenceBatch
from workbench.api.files import sha256_file
from workbench.api.schemes import Evidence, Scheme
from workbench.data.bulk import derive
from workbench.data.connection import half_character
from workbench.data.rows import (
    INSERT_BODY,
    INSERT_IMPORTED,
    LabelIndex,
    Layers,
    digest_of,
    encode_body,
    fold,
    problem_of,
)
from workbench.data.store import DatasetInfo, DatasetStore, create_dataset_row

if TYPE_CHECKING:
    from workbench.data.proposals import Proposal

_logger = logging.getLogger(__name__)

Progress = Callable[[int, int, int], None]
"""``(bytes done, bytes in all, records so far)``."""

BATCH_RECORDS = 1000
MAX_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import brought: the dataset, records by split, and what was strange but did not stop it."""

    dataset: DatasetInfo
    records: int
    splits: Mapping[str, int]
    problems: tuple[Finding, ...] = ()
    seconds: float = 0.0
    files: tuple[Path, ...] = ()

    @property
    def records_per_second(self) -> float:
        return self.records / self.seconds if self.seconds else 0.0


def import_file(
    store: DatasetStore,
    importer: Importer,
    path: Path,
    *,
    dataset_name: str | None = None,
    options: Mapping[str, Any] | None = None,
    split: str = "",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    skip_bad: bool = False,
) -> ImportReport:
    """Import one file as a dataset. See :func:`import_files`."""
    return import_files(
        store,
        importer,
        [(Path(path), split)],
        dataset_name=dataset_name,
        options=options,
        progress=progress,
        cancelled=cancelled,
        skip_bad=skip_bad,
    )


def import_files(
    store: DatasetStore,
    importer: Importer,
    files: Sequence[tuple[Path, str]],
    *,
    dataset_name: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    skip_bad: bool = False,
) -> ImportReport:
    """Import (path, split) pairs as one dataset, in one transaction.

    ``options`` are those of the importer. With ``skip_bad`` records that cannot be read are left out and reported
    instead of stopping the import. :class:`WorkbenchError` (with file and line) or :class:`Cancelled` leave the store
    as it was. Without a name the dataset is called after its first file.
    """
    if not files:
        raise WorkbenchError("There is nothing to import.", fix="Choose at least one file.")
    for _, split in files:
        if split and split not in SPLITS:
            raise WorkbenchError(f"There is no split {split!r}.", fix=f"Use one of {', '.join(SPLITS)}.")
    values = dict(options or {})
    if skip_bad and "skip_bad" in importer.params.model_fields:
        values["skip_bad"] = True
    params = validate(importer.params, values, where=importer.id)
    factory = importer.factory.resolve()
    name = dataset_name or store.unused_name(name_for([path for path, _ in files]))
    total = sum(path.stat().st_size for path, _ in files if path.is_file())
    began = time.perf_counter()
    problems: list[Finding] = []
    formats: list[dict[str, Any]] = []
    layers: dict[str, dict[str, Any]] = {}
    done = 0

    with store.connections.writing() as connection:
        dataset_id = create_dataset_row(connection, name, importer.record, {}, {})
        writer = _Writer(connection, dataset_id, store.record_type(importer.record), cancelled)
        for number, (path, split) in enumerate(files):
            stream: ImportStream = factory(path, params)
            writer.layers, writer.path = {**layers, **stream.layers}, path
            before = writer.count

            def report(stream: ImportStream = stream, done: int = done) -> None:
                if progress is not None:
                    progress(done + stream.position()[0], total, writer.count)

            writer.write(stream, number, split, report)
            if writer.count == before:
                raise WorkbenchError(
                    "No record was found in this file.",
                    why="It holds only empty lines or comments, or has another format.",
                    fix="Look into the file, or choose another importer.",
                    file=path,
                )
            layers = _join_layers(layers, stream.layers, path)
            formats.append({**stream.format, "split": split, "file": path.name, "sha256": sha256_file(path)})
            problems.extend(stream.problems[: MAX_FINDINGS - len(problems)])
            done += stream.position()[1]
        writer.finish({"importer": importer.id, "sources": formats}, layers)
        if progress is not None:
            progress(total, total, writer.count)
    return ImportReport(
        dataset=store.dataset(dataset_id),
        records=writer.count,
        splits={split: writer.splits[split] for split in (*SPLITS, "") if split in writer.splits},
        problems=tuple(problems),
        seconds=time.perf_counter() - began,
        files=tuple(path for path, _ in files),
    )


def import_proposal(
    store: DatasetStore,
    proposal: Proposal,
    *,
    dataset_name: str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    skip_bad: bool = False,
) -> ImportReport:
    """Import what :func:`workbench.data.proposals.propose` proposed."""
    return import_files(
        store,
        proposal.importer,
        proposal.files,
        dataset_name=dataset_name or store.unused_name(proposal.dataset_name),
        options=proposal.options,
        progress=progress,
        cancelled=cancelled,
        skip_bad=skip_bad,
    )


def import_records(
    store: DatasetStore,
    name: str,
    kind: str,
    records: Iterable[tuple[str, str, Record]],
    *,
    layers: Layers | None = None,
    format: Mapping[str, Any] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ImportReport:
    """Make a dataset of (split, document, record) triples; layers are recognised where they are not given."""
    began = time.perf_counter()
    head = list(itertools.islice(iterator := iter(records), 2000))
    known = {name: dict(layer) for name, layer in (layers or recognise_layers(head)).items()}
    with store.connections.writing() as connection:
        dataset_id = create_dataset_row(connection, name, kind, {}, known)
        writer = _Writer(connection, dataset_id, store.record_type(kind), cancelled)
        writer.layers = known
        triples = itertools.chain(head, iterator)
        writer.write((ImportedRecord(r, 0, document=d, split=s) for s, d, r in triples), -1, "", lambda: None)
        if not writer.count:
            raise WorkbenchError("There is no record to import.")
        writer.finish(dict(format or {"importer": "", "sources": []}), known)
    return ImportReport(
        dataset=store.dataset(dataset_id),
        records=writer.count,
        splits={split: writer.splits[split] for split in (*SPLITS, "") if split in writer.splits},
        seconds=time.perf_counter() - began,
    )


def import_sample(store: DatasetStore, sample: Sample, *, dataset_name: str | None = None) -> ImportReport:
    """Make a dataset of a shipped sample."""
    return import_records(
        store, dataset_name or store.unused_name(sample.id), sample.record, sample.factory.resolve()()
    )


def recognise_layers(records: Iterable[tuple[str, str, Record]]) -> dict[str, dict[str, Any]]:
    """The layers of some records and whether they hold spans (in tagged sentences) or plain labels."""
    evidence: dict[str, Evidence] = {}
    plain: dict[str, dict[str, Any]] = {}
    for _, _, record in records:
        if isinstance(record, TaggedTokens):
            for name, tags in record.layers.items():
                evidence.setdefault(name, Evidence()).update(tags)
        else:
            plain |= {name: {"kind": "label"} for name in record.labels()}
    return plain | {
        name: {"kind": "label"}
        if seen.scheme() is Scheme.PLAIN
        else {"kind": "span", "source_scheme": seen.scheme().value}
        for name, seen in evidence.items()
    }


def name_for(paths: Sequence[Path]) -> str:
    """What to call a dataset of these files: what their names share, or the folder they lie in."""
    from workbench.data.proposals import split_word

    first = paths[0]
    stem = split_word(first)[1]
    if len(paths) > 1 or not stem:
        shared = {split_word(path)[1] for path in paths}
        stem = stem if len(shared) == 1 and stem else first.absolute().parent.name
    return stem or first.stem or "dataset"


def _lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _join_layers(
    layers: dict[str, dict[str, Any]], more: Mapping[str, Mapping[str, Any]], path: Path
) -> dict[str, dict[str, Any]]:
    for name, layer in more.items():
        if name in layers and layers[name].get("kind") != layer.get("kind"):
            raise WorkbenchError(
                f"The layer {name!r} has another kind of labels here than in the files before.",
                fix="Import the files as separate datasets, or name the columns in the options.",
                file=path,
            )
    return {**{name: dict(layer) for name, layer in more.items()}, **layers}


def _batches(records: Iterable[ImportedRecord]) -> Iterator[SentenceBatch | Sequence[ImportedRecord]]:
    """At most :data:`BATCH_RECORDS` at a time; as flat columns where a stream can do so."""
    if isinstance(records, BatchedStream):
        yield from records.batches(BATCH_RECORDS)
        return
    iterator: Iterator[ImportedRecord] = iter(records)
    while batch := list(itertools.islice(iterator, BATCH_RECORDS)):
        yield batch


class _Writer:
    """Writes a stream of records in batches, inside the caller's transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        dataset_id: int,
        kind: RecordType,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._connection = connection
        self._dataset_id = dataset_id
        self._kind = kind
        self._cancelled = cancelled
        self._index = LabelIndex(connection, dataset_id)
        self._next = int(connection.execute("SELECT value FROM meta WHERE key = 'next_id'").fetchone()[0])
        self.layers: Layers = {}
        self.path: Path | None = None
        """The file being read, for errors."""
        self.count = 0
        self.splits: Counter[str] = Counter()

    def write(self, records: Iterable[ImportedRecord], source: int, split: str, report: Callable[[], None]) -> None:
        for batch in _batches(records):
            if self._cancelled is not None and self._cancelled():
                raise Cancelled("The import was cancelled; nothing was added.")
            if isinstance(batch, SentenceBatch):
                self._write_sentences(batch, source, split)
            else:
                self._write_batch(batch, source, split)
            report()

    def _write_batch(self, batch: Sequence[ImportedRecord], source: int, split: str) -> None:
        number, position, dataset_id = self._next, self.count, self._dataset_id
        text, layers = self._index.text, self.layers
        rows: list[tuple[Any, ...]] = []
        bodies: list[tuple[int, str, str, int]] = []
        for imported in batch:
            record = imported.record
            body = encode_body(record)
            digest = digest_of(body)
            own = split or imported.split
            self.splits[own] += 1
            problem, labels, search = problem_of(record, layers), text(record.labels()), fold(record.search_text())
            place = (number, dataset_id, position, own, imported.document, source)
            rows.append((*place, record.size(), problem, digest, labels, search))
            bodies.append((number, body, imported.raw, imported.line))
            number += 1
            position += 1
        try:
            self._insert(rows, bodies, len(rows))
        except UnicodeEncodeError as error:
            broken = next((line for _, body, raw, line in bodies if _lone_surrogate(body + raw)), 0)
            raise half_character(self.path, broken) from error

    def _write_sentences(self, batch: SentenceBatch, source: int, split: str) -> None:
        n = len(batch)
        numbers = range(self._next, self._next + n)
        places = range(self.count, self.count + n)
        same = ([self._dataset_id] * n, [split] * n, [source] * n)
        made = derive(batch, self.layers, self._index)
        self.splits[split] += n
        self._insert(
            zip(numbers, same[0], places, same[1], batch.documents, same[2], batch.lengths, made.problems,
                made.digests, made.labels, made.searches, strict=True),
            zip(numbers, made.bodies, batch.raws, batch.lines, strict=True),
            n,
        )  # fmt: skip

    def _insert(self, rows: Iterable[tuple[Any, ...]], bodies: Iterable[tuple[int, str, str, int]], n: int) -> None:
        self._connection.executemany(INSERT_IMPORTED, rows)
        self._connection.executemany(INSERT_BODY, bodies)
        self._next += n
        self.count += n

    def finish(self, format: Mapping[str, Any], layers: Layers) -> None:
        import json

        self._connection.execute("UPDATE meta SET value = ? WHERE key = 'next_id'", (str(self._next),))
        self._connection.execute(
            "UPDATE datasets SET format = ?, layers = ?, count = ?, revision = 1 WHERE id = ?",
            (
                json.dumps(format, ensure_ascii=False),
                json.dumps(layers, ensure_ascii=False),
                self.count,
                self._dataset_id,
            ),
        )
