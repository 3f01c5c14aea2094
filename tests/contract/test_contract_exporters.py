"""Every exporter writes what it says, and a runner starts what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from contract_subjects import contributions, loaded, name_of

from workbench.api import Exporter, Importer, LabelledSpan, Report, Runner, StoredRecord, TaggedTokens, TokenLabels
from workbench.testing.datasets import GENERATORS

LAYERS = {"ner": {"kind": "span", "source_scheme": "iob2"}, "upos": {"kind": "label"}}
REPORT = Report(
    split="test",
    n_records=2,
    n_tokens=9,
    metrics={"entity_f1": 0.5, "accuracy": 0.9},
    table=({"label": "PER", "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4},),
    confusion_labels=("O", "PER"),
    confusion=((5, 1), (1, 2)),
)


def exporters(of: str) -> list[Exporter]:
    return [exporter for exporter in contributions(Exporter) if exporter.of == of]


def stored(record: str) -> list[StoredRecord]:
    generated = GENERATORS[record](8, 3)
    return [StoredRecord(i + 1, i, "train", "", one) for i, one in enumerate(generated)]


@pytest.mark.parametrize("exporter", exporters("dataset"), ids=name_of)
def test_a_dataset_is_written_and_read_again_by_an_importer(exporter: Exporter, tmp_path: Path) -> None:
    path = tmp_path / f"data{exporter.suffix}"
    records = stored(exporter.record)
    exporter.factory.resolve()(iter(records), {}, LAYERS, path, {})
    readers = [one for one in contributions(Importer) if one.record == exporter.record]
    sniffed = [(one.sniff.resolve()(path.read_bytes()[:65536], path), one) for one in readers]
    best, importer = max(((s, one) for s, one in sniffed if s is not None), key=lambda pair: pair[0].confidence)
    read = [item.record for item in importer.factory.resolve()(path, importer.params(**best.options))]
    assert [_tokens(record) for record in read] == [_tokens(one.record) for one in records]
    assert _spans(read) == _spans([one.record for one in records])


def _tokens(record: Any) -> Any:
    return record.tokens if isinstance(record, TaggedTokens) else record.search_text()


def _spans(records: list[Any]) -> list[Any]:
    """The span labels, whatever the layer is called in a file without a header."""
    found = []
    for record in records:
        layers = getattr(record, "layers", {}).values()
        found.append([tags for tags in layers if any(tag.startswith("B-") for tag in tags)])
    return found


@pytest.mark.parametrize("exporter", exporters("predictions"), ids=name_of)
def test_predictions_are_written(exporter: Exporter, tmp_path: Path) -> None:
    if exporter.result not in ("", TokenLabels.KIND):
        pytest.skip(f"no example of a {exporter.result} result")
    record = TaggedTokens(("Ada", "sang"), {})
    result = TokenLabels(("Ada", "sang"), ("B-PER", "O"), (0.9, 0.8), (LabelledSpan(0, 1, "PER", 0.9),), layer="ner")
    path = tmp_path / f"out{exporter.suffix}"
    exporter.factory.resolve()(iter([(record, result)]), path)
    written = path.read_text(encoding="utf-8")
    assert "Ada" in written
    assert "PER" in written


@pytest.mark.parametrize("exporter", exporters("report"), ids=name_of)
def test_a_report_is_written(exporter: Exporter, tmp_path: Path) -> None:
    path = tmp_path / f"report{exporter.suffix}"
    exporter.factory.resolve()(REPORT, path)
    assert "PER" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("runner", contributions(Runner), ids=name_of)
def test_a_runner_names_a_command_and_an_environment(runner: Runner) -> None:
    command, environment = runner.factory.resolve()(runner.params())
    assert command
    assert all(isinstance(word, str) for word in command)
    assert {**os.environ, **environment}
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in environment.items())


def test_there_is_a_way_out_for_every_dataset_of_a_built_in_task() -> None:
    written = {exporter.record for exporter in exporters("dataset")}
    ours = {info.name for info in loaded().plugins if info.builtin}
    assert {task.record for task in loaded().catalogue.tasks() if loaded().catalogue.owner(task) in ours} <= written
