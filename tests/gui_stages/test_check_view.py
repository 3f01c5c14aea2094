"""Check in the Data stage: findings with their records and their fix, one undoable step each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workbench.api import DoctorCheck, Ref, TaggedTokens
from workbench.data import InsertRecord, MoveToSplit, ReplaceRecord
from workbench.shell.session import Session
from workbench.shell.stages.data import DataStage


@pytest.fixture
def stage(qtbot: Any, session: Session, open_project: Callable[..., Any]) -> DataStage:
    made = DataStage(session)
    qtbot.addWidget(made)
    made.resize(900, 690)
    made.show()
    open_project(60)
    return made


def break_labels(session: Session, *ids: int) -> None:
    assert session.project is not None
    assert session.dataset is not None
    store = session.project.store
    for one in store.get(ids):
        tags = ["O"] * one.record.size()
        tags[0] = "I-LOC"
        store.apply(session.dataset.id, ReplaceRecord(one.id, one.record.with_layer("ner", tags)))  # type: ignore[attr-defined]
    session.refresh_dataset()


def card_of(stage: DataStage, check: str) -> Any:
    return next((card for card in stage.check.cards if card.finding.check == check), None)


def look(qtbot: Any, stage: DataStage, check: str) -> Any:
    if not stage.check_button.isChecked():
        stage.check_button.click()
    qtbot.waitUntil(lambda: card_of(stage, check) is not None)
    return card_of(stage, check)


def test_broken_labels_are_mended_in_one_step_that_undo_takes_back(
    qtbot: Any, stage: DataStage, session: Session
) -> None:
    break_labels(session, 2, 5)
    card = look(qtbot, stage, "scheme")
    assert stage.pages.currentWidget() is stage.check
    assert card.finding.message.startswith("2 records break")
    card.fix_button.click()
    qtbot.waitUntil(lambda: card_of(stage, "scheme") is None)
    store = session.project.store  # type: ignore[union-attr]
    assert [one.record.layers["ner"][0] for one in store.get([2, 5])] == ["B-LOC", "B-LOC"]
    assert stage.undo_button.toolTip() == "Undo: Mend labels"
    session.undo()
    assert [one.record.layers["ner"][0] for one in store.get([2, 5])] == ["I-LOC", "I-LOC"]
    qtbot.waitUntil(lambda: card_of(stage, "scheme") is not None)


def test_show_chooses_the_records_in_the_list(qtbot: Any, stage: DataStage, session: Session) -> None:
    break_labels(session, 3, 7, 11)
    look(qtbot, stage, "scheme").show_button.click()
    assert stage.pages.currentWidget() is stage.editor
    assert not stage.check_button.isChecked()
    assert stage.editor.chosen_ids() == (3, 7, 11)


def test_copies_in_training_are_taken_out_and_the_test_split_stays(
    qtbot: Any, stage: DataStage, session: Session
) -> None:
    assert session.project is not None
    assert session.dataset is not None
    store = session.project.store
    copy = store.get([1])[0].record
    store.apply(session.dataset.id, InsertRecord(copy, split="test"))
    session.refresh_dataset()
    look(qtbot, stage, "leak").fix_button.click()
    qtbot.waitUntil(lambda: stage.check.cards != [] and card_of(stage, "leak") is None)
    assert store.get([1])[0].split == ""
    assert store.get([61])[0].split == "test"


def test_an_empty_split_offers_to_divide(qtbot: Any, stage: DataStage, session: Session) -> None:
    assert session.project is not None
    assert session.dataset is not None
    store = session.project.store
    store.apply(session.dataset.id, MoveToSplit(tuple(store.ids(session.dataset.id).tolist()), "test"))
    session.refresh_dataset()
    asked: list[object] = []
    stage.ask_division = lambda parent, _time: asked.append(parent)
    card = look(qtbot, stage, "splits")
    assert card.finding.severity == "error"
    card.fix_button.click()
    assert asked == [stage]


def test_good_data_say_so_and_a_failing_check_of_a_plugin_is_a_problem(
    qtbot: Any, stage: DataStage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = DoctorCheck(id="bad", title="bad", record=TaggedTokens.KIND, factory=Ref("json:no_such_name"))
    monkeypatch.setattr(session.catalogue, "doctor_checks", lambda: (bad,))
    assert session.project is not None
    assert session.dataset is not None
    store, taken = session.project.store, session.dataset.id
    seen: dict[str, int] = {}
    doubles = []
    for number in store.ids(taken).tolist():
        text = store.get([number])[0].record.search_text()
        if text in seen:
            doubles.append(number)
        seen[text] = number
    from workbench.data import DeleteRecords

    if doubles:
        store.apply(taken, DeleteRecords(tuple(doubles)))
        session.refresh_dataset()
    stage.check_button.click()
    qtbot.waitUntil(lambda: "Checking" not in stage.check.outcome.text())
    left = {card.finding.check for card in stage.check.cards}
    assert left <= {"labels", "splits"}
    assert left or "Nothing was found" in stage.check.outcome.text()
    assert any("bad" in problem.where for problem in session.problems.problems())
