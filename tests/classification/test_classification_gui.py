"""The editor of labelled texts, and the view of a classifier's answers with the words that decided."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot
from workbench_plugins.tasks.classification.codec import ClassificationCodec
from workbench_plugins.tasks.classification.gui import ClassProbabilitiesView, LabelledTextEditor, SaliencyPanel
from workbench_plugins.tasks.classification.params import ClassificationParams

from workbench.api import ClassProbabilities, LabelledText, Record, StoredRecord, WorkbenchError
from workbench.shell.sdk import EditorContext, PanelContext, Theme

LABELS = {"label": ("bad", "good")}
RESULT = ClassProbabilities(
    "good",
    {"bad": 0.2, "good": 0.8},
    ("not", "a", "fine", "film"),
    {"integrated gradients": (-0.5, 0.0, 1.5, 0.1), "left out": (-0.4, 0.0, 1.1, 0.2)},
)


class Edits:
    """What the editor committed."""

    def __init__(self) -> None:
        self.made: list[tuple[Record, str]] = []

    def __call__(self, record: Record, what: str) -> None:
        self.made.append((record, what))


def editor_of(qtbot: QtBot, edits: Edits, *, read_only: bool = False, answer: str = "") -> LabelledTextEditor:
    context = EditorContext(Theme("light"), lambda _what: None, edits, LABELS, read_only=read_only)
    editor = LabelledTextEditor(context, ask_label=lambda _parent: answer)
    qtbot.addWidget(editor)
    editor.show_stored(StoredRecord(1, 0, "train", "", LabelledText("a fine film", "bad")))
    editor.show()
    return editor


def view_of(qtbot: QtBot, **settings: Any) -> ClassProbabilitiesView:
    context = PanelContext(Theme("light"), lambda _what: None, settings={"place": "use", **settings})
    view = ClassProbabilitiesView(context)
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    return view


def test_a_digit_labels_the_text_and_zero_clears_it(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits)
    qtbot.keyClick(editor.text, Qt.Key.Key_2)
    assert edits.made == [(LabelledText("a fine film", "good"), "Label the text good")]
    assert editor.caption.text() == "Label: good"
    qtbot.keyClick(editor.text, Qt.Key.Key_2)
    assert len(edits.made) == 1
    qtbot.keyClick(editor.text, Qt.Key.Key_0)
    assert edits.made[-1] == (LabelledText("a fine film", ""), "Take the label off the text")
    assert editor.caption.text() == "No label yet"


def test_a_new_label_is_added_and_given(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits, answer="mixed  feelings")
    editor.chips.add_requested.emit()
    assert edits.made[-1][0] == LabelledText("a fine film", "mixed feelings")
    assert editor.labels == ("bad", "good", "mixed feelings")


def test_the_text_is_opened_changed_and_kept(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits)
    qtbot.keyClick(editor.text, Qt.Key.Key_F2)
    assert editor.editing
    editor.text.setPlainText("a fine film 2")
    qtbot.keyClick(editor.text, Qt.Key.Key_1)  # typed, not a label
    assert not edits.made
    qtbot.keyClick(editor.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert edits.made == [(LabelledText("1a fine film 2", "bad"), "Change the text")]
    assert not editor.editing


def test_escape_gives_up_what_was_typed(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits)
    editor.edit_text()
    editor.text.setPlainText("something else")
    qtbot.keyClick(editor.text, Qt.Key.Key_Escape)
    assert editor.text.toPlainText() == "a fine film"
    assert not edits.made


def test_enter_and_page_keys_go_on(qtbot: QtBot) -> None:
    editor = editor_of(qtbot, Edits())
    with qtbot.waitSignal(editor.accepted):
        qtbot.keyClick(editor.text, Qt.Key.Key_Return)
    with qtbot.waitSignal(editor.moved_on) as moved:
        qtbot.keyClick(editor.text, Qt.Key.Key_PageUp)
    assert moved.args == [-1]


def test_a_read_only_record_is_not_changed(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits, read_only=True, answer="x")
    qtbot.keyClick(editor.text, Qt.Key.Key_2)
    qtbot.keyClick(editor.text, Qt.Key.Key_F2)
    editor.chips.add_requested.emit()
    assert not editor.editing
    assert not edits.made


def test_an_answer_is_shown_with_bars_and_words(qtbot: QtBot) -> None:
    view = view_of(qtbot)
    view.show_result(RESULT)
    assert view.headline.text() == "good  ·  80%"
    assert view.bars.values == (("good", 0.8), ("bad", 0.2))
    assert view.words.words == RESULT.tokens
    assert view.words.strongest(2) == [("fine", 1.5), ("not", -0.5)]
    assert view.words.isVisible()


def test_the_method_is_chosen_and_asked_for(qtbot: QtBot) -> None:
    view = view_of(qtbot)
    view.show_result(RESULT)
    assert view.options() == {"explain": True}
    with qtbot.waitSignal(view.options_changed):
        view.method.setCurrentIndex(1)
    assert view.words.values == (-0.4, 0.0, 1.1, 0.2)
    view.method.setCurrentIndex(2)
    assert view.options() == {"explain": False}
    assert not view.words.isVisible()


def test_a_word_tells_its_figure_and_is_described_without_colour(qtbot: QtBot) -> None:
    view = view_of(qtbot)
    view.show_result(RESULT)
    view.words.grab()
    assert "“not” speaks against the answer: -0.500" in view.words.tip_at(QPointF(5.0, 8.0))
    assert view.words.accessibleDescription().startswith("fine +1.50, not -0.50")


def test_an_answer_without_words_and_none_at_all_are_shown(qtbot: QtBot) -> None:
    view = view_of(qtbot, compact=True)
    view.show_result(ClassProbabilities("good", {"good": 1.0}))
    assert not view.words.isVisible()
    view.show_result(None)
    assert view.headline.text() == ""


class Worker:
    """Answers the panel when told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[dict[str, Any], Any, Any]] = []

    def __call__(self, job: dict[str, Any], answered: Any, failed: Any) -> None:
        self.jobs.append((job, answered, failed))


@pytest.fixture
def panel(qtbot: QtBot) -> tuple[SaliencyPanel, Worker]:
    run = SimpleNamespace(path="runs/x", config=SimpleNamespace(inputs=("a first text",)))
    worker = Worker()
    context = PanelContext(Theme("light"), lambda _what: None, run=lambda: run, submit=worker)
    found = SaliencyPanel(context)
    qtbot.addWidget(found)
    found.show()
    return found, worker


def test_the_panel_asks_for_the_first_input_and_then_for_what_is_typed(
    qtbot: QtBot, panel: tuple[SaliencyPanel, Worker]
) -> None:
    widget, worker = panel
    qtbot.waitUntil(lambda: len(worker.jobs) == 1)
    job, answered, _ = worker.jobs[0]
    assert job["texts"] == ["a first text"]
    assert job["options"] == {"explain": True}
    widget.input.setText("another text")
    widget.ask()
    widget.ask()
    assert len(worker.jobs) == 1  # one question at a time
    answered({"result_kind": "class_probabilities", "results": [RESULT.to_json()]})
    assert widget.view.words.words == RESULT.tokens
    assert [job["texts"] for job, _, _ in worker.jobs] == [["a first text"], ["another text"]]


def test_the_panel_says_what_went_wrong(qtbot: QtBot, panel: tuple[SaliencyPanel, Worker]) -> None:
    widget, worker = panel
    qtbot.waitUntil(lambda: len(worker.jobs) == 1)
    worker.jobs[0][2](WorkbenchError("The model is gone.", fix="Train it again."))
    assert widget.problem.text() == "The model is gone. Train it again."


def test_the_vocabulary_is_shown_and_cuts_as_the_model_reads(qtbot: QtBot, tmp_path: Path) -> None:
    params = ClassificationParams(minimum_frequency=1)
    cut = [LabelledText("a fine film , not long . it is , in all , good .", label) for label in ("good", "bad")] * 20
    codec = ClassificationCodec.fit(cut, params)
    assert codec.cut_already
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "codec.json").write_text(json.dumps({"codec": codec.to_json()}))
    run = SimpleNamespace(path=tmp_path)
    settings = {"place": "use"}
    view = ClassProbabilitiesView(
        PanelContext(Theme("light"), lambda _what: None, run=lambda: run, settings=settings)
    )
    qtbot.addWidget(view)
    view.show()
    qtbot.mouseClick(view.more, Qt.MouseButton.LeftButton)
    vocabulary = view.vocabulary
    assert vocabulary is not None
    assert vocabulary.isVisible()
    assert vocabulary.model.rowCount() == len(codec.tokeniser) - 4
    vocabulary.trial.setText("a fine film, zebra.")
    assert vocabulary.pieces.accessibleName().startswith("a fine film ,")
    assert "zebra (unknown)" in vocabulary.pieces.accessibleName()
    qtbot.mouseClick(view.more, Qt.MouseButton.LeftButton)
    assert not vocabulary.isVisible()
    assert not view_of(qtbot, compact=True).more.isVisible()
    assert not view_of(qtbot, place="evaluate").more.isVisible()
