"""Figures, what is taken for what, the worst records, and a test split that is touched knowingly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from workbench.api import Exporter, Ref, Report, TaggedTokens, TokenLabels
from workbench.shell.session import Session
from workbench.shell.stages.evaluate import EvaluateStage
from workbench.shell.stages.evaluate.confusion import short_count
from workbench.shell.stages.evaluate.tables import TypeTableModel
from workbench.testing.fakes import FakeWorker

REPORTS = "workbench_plugins.exporters.reports.report"
WORDS = ("Jordan", "is", "in", "Asia")


def example(record_id: int, gold: tuple[str, ...], found: tuple[str, ...], errors: int) -> dict[str, Any]:
    result = TokenLabels(WORDS, found, (1.0,) * 4, layer="ner")
    record = TaggedTokens(WORDS, {"upos": ("X",) * 4, "ner": gold})
    return {
        "record_id": record_id,
        "gold": record.to_json(),
        "result": result.to_json(),
        "errors": errors,
        "loss": float(errors),
    }


REPORT = Report(
    "validation",
    120,
    1500,
    {"entity_f1": 0.75, "precision": 0.8, "recall": 0.7, "token_accuracy": 0.95},
    (
        {"label": "LOC", "precision": 0.9, "recall": 0.8, "f1": 0.85, "support": 10, "predicted": 9},
        {"label": "PER", "precision": 0.7, "recall": 0.6, "f1": 0.65, "support": 30, "predicted": 25},
    ),
    ("LOC", "PER", "O"),
    ((8, 2, 0), (1, 27, 2), (0, 0, 1000)),
    (
        example(11, ("B-LOC", "O", "O", "B-LOC"), ("B-PER", "O", "O", "O"), 2),
        example(12, ("B-LOC", "O", "O", "B-LOC"), ("B-LOC", "O", "O", "B-PER"), 1),
        example(13, ("O", "O", "O", "B-LOC"), ("B-PER", "O", "O", "B-LOC"), 1),
    ),
    {"layer": "ner", "scoring": "conlleval"},
)


@pytest.fixture
def stage(qtbot: Any, session: Session, fake_run: SimpleNamespace) -> EvaluateStage:
    made = EvaluateStage(session)
    qtbot.addWidget(made)
    made.resize(800, 690)
    made.show()
    assert made.state() == "empty"
    session.run = fake_run
    session.run_changed.emit()
    return made


def test_validation_is_measured_without_asking(qtbot: Any, stage: EvaluateStage, worker: FakeWorker) -> None:
    def work(job: dict[str, Any]) -> Any:
        assert job["split"] == "validation"
        yield {"done": 60, "total": 120}
        return REPORT.to_json()

    worker.answers["evaluate"] = work
    assert stage.pages.currentWidget() is stage.not_yet
    qtbot.mouseClick(stage.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: stage.report is not None)
    assert "120 records" in stage.status.text()
    assert stage.table_model.index(0, 3).data() == "85.00"
    assert stage.matrix.summary().startswith("PER taken for O 2 times")


def test_the_test_split_asks_once_for_a_run(qtbot: Any, stage: EvaluateStage, worker: FakeWorker) -> None:
    worker.answers["evaluate"] = lambda job: {**REPORT.to_json(), "split": job["split"]}
    stage.split.setCurrentIndex(stage.split.findData("test"))
    stage.evaluate()
    assert not stage.confirm.isHidden()
    assert worker.jobs == []
    qtbot.mouseClick(stage.confirm_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: stage.report is not None and stage.report.split == "test")
    stage.evaluate()
    assert stage.confirm.isHidden()
    assert [job["split"] for job in worker.jobs] == ["test", "test"]
    qtbot.waitUntil(lambda: stage.state() == "ready")


def test_what_was_measured_before_is_shown(stage: EvaluateStage, fake_run: SimpleNamespace) -> None:
    folder: Path = fake_run.path / "evaluations"
    folder.mkdir()
    (folder / "validation.json").write_text(json.dumps(REPORT.to_json()))
    stage.activated()
    assert stage.report is not None
    assert stage.report.n_records == 120
    (folder / "validation.json").write_text("{")
    stage.activated()
    assert stage.state() == "problem"


def test_what_a_report_notes_stands_beside_its_counts(stage: EvaluateStage) -> None:
    stage.show_report(replace(REPORT, protocol={"note": "1 text has a label that training lacks: odd."}))
    assert "training lacks: odd" in stage.status.text()
    stage.show_report(REPORT)
    assert "odd" not in stage.status.text()


def test_a_cell_filters_the_errors(qtbot: Any, stage: EvaluateStage) -> None:
    stage.show_report(REPORT)
    assert len(stage.errors.shown) == 3
    stage.matrix.choose((0, 1))
    assert [one["record_id"] for one in stage.errors.shown] == [11, 12]
    stage.matrix.choose((0, 1))
    assert len(stage.errors.shown) == 3
    stage.matrix.setFocus()
    qtbot.keyClick(stage.matrix, Qt.Key.Key_Down)
    qtbot.keyClick(stage.matrix, Qt.Key.Key_Down)
    qtbot.keyClick(stage.matrix, Qt.Key.Key_Space)
    assert [one["record_id"] for one in stage.errors.shown] == [13]


def test_gold_and_predicted_stand_side_by_side(stage: EvaluateStage) -> None:
    stage.show_report(REPORT)
    assert stage.errors.gold.summary() == "[Jordan: LOC] is in [Asia: LOC]"
    assert stage.errors.predicted.summary() == "[Jordan: PER] is in Asia"


def test_an_error_opens_in_the_editor(qtbot: Any, stage: EvaluateStage, session: Session) -> None:
    stage.show_report(REPORT)
    session.dataset = SimpleNamespace(name="generated")  # type: ignore[assignment]
    with qtbot.waitSignal(session.stage_requested) as asked:
        stage.errors.open_button.click()
    assert asked.args == ["data"]


def test_the_table_sorts_and_is_a_correct_model(qtmodeltester: Any) -> None:
    model = TypeTableModel()
    model.show_rows(REPORT.table)
    qtmodeltester.check(model)
    model.sort(4, Qt.SortOrder.DescendingOrder)
    assert model.index(0, 0).data() == "PER"


@pytest.mark.parametrize("suffix", [".md", ".csv", ".json"])
def test_the_report_is_exported(
    stage: EvaluateStage, session: Session, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporters = tuple(
        Exporter(id=kind, title=kind, suffix=end, of="report", factory=Ref(f"{REPORTS}:write_{kind}"))
        for kind, end in (("markdown", ".md"), ("csv", ".csv"), ("json", ".json"))
    )
    monkeypatch.setattr(session.catalogue, "_exporters", exporters)
    stage.show_report(REPORT)
    path = tmp_path / f"report{suffix}"
    stage.ask_export_path = lambda _parent, _name, _kinds: str(path)
    stage.export()
    text = path.read_text()
    assert "LOC" in text
    if suffix == ".json":
        assert Report.from_json(json.loads(text)).metrics == dict(REPORT.metrics)
    if suffix == ".md":
        assert "entity_f1" in text


def test_large_counts_fit_a_cell() -> None:
    assert [short_count(n) for n in (7, 1234, 38_000, 2_500_000)] == ["7", "1.2k", "38k", "2.5M"]
