"""Predicting a file: read by an importer (or as text, a line at a time), written by an exporter, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from workbench.api import Catalogue, Finding, Importer, Record, Result, WorkbenchError, validate
from workbench.api.files import atomic_path
from workbench.api.textfiles import TextFile
from workbench.engine.predict import Predictor
from workbench.engine.unknowns import Unknowns
from workbench.nn.contract import DecodeOptions

_HEAD_BYTES = 65536
SURE = 0.8
"""The confidence of an importer from which on a .txt file is not read as plain text."""
Progress = Callable[[int, int], None]
"""``(bytes read, bytes in all)``; it may raise to cancel."""


def predict_file(
    predictor: Predictor,
    source: Path,
    target: Path,
    catalogue: Catalogue,
    *,
    options: DecodeOptions | None = None,
    importer: str = "",
    progress: Progress | None = None,
    unknowns: Unknowns | None = None,
    skip_bad: bool = False,
    problems: list[Finding] | None = None,
) -> int:
    """Predict every record of ``source`` into ``target`` and return how many; a cancel or an error leaves no target.

    ``importer`` is an id, "text" for plain text, or "" to look at the file. The target's suffix chooses an exporter
    of predictions; without one, ``.jsonl`` (a record and its result in each line) and ``.txt`` (a summary a line).
    With ``skip_bad`` records that cannot be read are left out instead of stopping; ``problems`` receives what the
    importer found, those among it, at the end.
    """
    if not source.is_file():
        raise WorkbenchError(
            "This is a folder." if source.is_dir() else "There is no such file.",
            fix="Name one file." if source.is_dir() else "Check the path.",
            file=source,
        )
    count = 0

    def counted(pairs: Iterable[tuple[Record, Result]]) -> Iterator[tuple[Record, Result]]:
        nonlocal count
        for pair in pairs:
            count += 1
            yield pair

    found: list[Finding] = [] if problems is None else problems
    records = _records(predictor, source, catalogue, importer, progress, skip_bad, found)
    if unknowns is not None:
        records = unknowns.watch(records)
    write = _writer(predictor, target, catalogue)
    with atomic_path(target) as temporary:
        write(counted(predictor.predict_stream(records, options)), temporary)
        if not count:
            raise WorkbenchError(
                "There is nothing to read in this file.",
                why=f"Every record was left out. {found[0].message}"
                if skip_bad and found
                else "It is empty, or holds only empty lines.",
                fix="Check the path, and that the file was copied whole.",
                file=source,
                line=found[0].line if skip_bad and found else None,
            )
    return count


def _records(
    predictor: Predictor,
    source: Path,
    catalogue: Catalogue,
    wanted: str,
    progress: Progress | None,
    skip_bad: bool,
    problems: list[Finding],
) -> Iterator[Record]:
    length = predictor.model.codec.length
    spec, options = _importer(predictor, source, catalogue, wanted)
    if spec is None:
        text = TextFile(source)
        for number, line in enumerate(text, start=1):
            if progress is not None and number % 64 == 0:
                progress(*text.position())
            for record in predictor.parse(line.rstrip("\r\n")) if line.strip() else ():
                if length(record) > 0:
                    yield record
        return
    if skip_bad and "skip_bad" in spec.params.model_fields:
        options["skip_bad"] = True
    stream = spec.factory.resolve()(source, validate(spec.params, options, where=spec.id))
    for number, imported in enumerate(stream, start=1):
        if progress is not None and number % 64 == 0:
            progress(*stream.position())
        if length(imported.record) > 0:
            yield imported.record
    problems.extend(stream.problems)


def _importer(
    predictor: Predictor, source: Path, catalogue: Catalogue, wanted: str
) -> tuple[Importer | None, dict[str, object]]:
    """The importer of ``source`` with the options it proposes; None for plain text."""
    if wanted == "text":
        return None, {}
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    best: tuple[float, Importer, dict[str, object]] | None = None
    for spec in catalogue.importers():
        if spec.record != predictor.model.task_spec.record or (wanted and spec.id != wanted):
            continue
        sniff = spec.sniff.resolve()(head, source)
        if sniff is not None and (best is None or sniff.confidence > best[0]):
            best = sniff.confidence, spec, dict(sniff.options)
        elif sniff is None and wanted:
            best = 0.0, spec, {}
    # a .txt file is text, unless it is surely something else: columns of tokens and tags often end so
    if best is not None and (wanted or source.suffix.lower() != ".txt" or best[0] >= SURE):
        return best[1], best[2]
    if wanted:
        raise WorkbenchError(f"There is no importer {wanted!r} for the records of this model.")
    return None, {}


def _writer(
    predictor: Predictor, target: Path, catalogue: Catalogue
) -> Callable[[Iterable[tuple[Record, Result]], Path], object]:
    suffix = target.suffix.lower()
    task = predictor.model.task_spec
    for spec in catalogue.exporters():
        fits = spec.record in ("", task.record) and spec.result in ("", task.result)
        if spec.of == "predictions" and spec.suffix.lower().lstrip(".") == suffix.lstrip(".") and fits:
            write: Callable[[Iterable[tuple[Record, Result]], Path], object] = spec.factory.resolve()
            return write
    if suffix == ".jsonl":
        return _write_json_lines
    if suffix == ".txt":
        return _write_summaries
    known = sorted({s.suffix for s in catalogue.exporters() if s.of == "predictions"} | {".jsonl", ".txt"})
    raise WorkbenchError(f"Predictions cannot be written as {suffix or 'a file without a suffix'}.",
                         fix=f"Use one of: {', '.join(known)}.", file=target)  # fmt: skip


def _write_json_lines(pairs: Iterable[tuple[Record, Result]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record, result in pairs:
            values = {"record": record.to_json(), "result": result.to_json()}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def _write_summaries(pairs: Iterable[tuple[Record, Result]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _, result in pairs:
            file.write(result.summary() + "\n")
