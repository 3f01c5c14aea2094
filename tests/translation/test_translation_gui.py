"""Pairs side by side with undoable edits; translations with their attention, alternatives and a forced beginning."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from workbench_plugins.tasks.translation.gui import TextPairEditor, TranslationView

from workbench.api import Alternative, StoredRecord, TextPair, Translation
from workbench.nn.text import Tokeniser
from workbench.shell.sdk import EditorContext, PanelContext
from workbench.shell.theme import Theme

RESULT = Translation(
    "a small <house>",
    ("a", "small", "<house>"),
    score=-0.2,
    token_log_probabilities=(-0.1, -0.9, -0.1, 0.0),
    source_tokens=("ein", "kleines", "Haus", "∎"),
    attention=((0.9, 0.1, 0, 0), (0.1, 0.8, 0.1, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
    n_best=(Alternative("a small <house>", ("a",), -0.2), Alternative("one little house", ("one",), -0.7)),
)


@pytest.fixture
def edits():
    return []


@pytest.fixture
def editor(qtbot, edits):
    made = TextPairEditor(EditorContext(Theme("light"), lambda _what: None, lambda *edit: edits.append(edit)))
    qtbot.addWidget(made)
    made.show()
    made.show_stored(StoredRecord(1, 0, "train", "", TextPair("ein Haus", "a house")))
    return made


def test_what_is_typed_becomes_one_edit_after_a_pause(qtbot, editor, edits) -> None:
    editor.target.selectAll()
    qtbot.keyClicks(editor.target, "the house")
    qtbot.waitUntil(lambda: bool(edits))
    assert edits == [(TextPair("ein Haus", "the house"), "Edit the target")]
    assert editor.counts.text() == "2 and 2 words"


def test_control_enter_stores_and_goes_on(qtbot, editor, edits) -> None:
    editor.source.selectAll()
    qtbot.keyClicks(editor.source, "zwei")
    qtbot.keyClick(editor.source, Qt.Key.Key_Return)
    qtbot.keyClicks(editor.source, "H")
    with qtbot.waitSignal(editor.accepted):
        qtbot.keyClick(editor.source, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert edits == [(TextPair("zweiH", "a house"), "Edit the source")]
    with qtbot.waitSignal(editor.moved_on) as moved:
        qtbot.keyClick(editor.source, Qt.Key.Key_PageDown)
    assert moved.args == [1]
    assert len(edits) == 1


def test_another_record_is_shown_without_an_edit(editor, edits) -> None:
    editor.show_stored(StoredRecord(2, 1, "train", "", TextPair("zwei", "")))
    assert editor.record() == TextPair("zwei", "")
    assert "target is empty" in editor.counts.text()
    editor.store()
    editor.show_stored(None)
    assert not editor.isEnabled()
    assert edits == []


def test_nothing_can_be_typed_into_data_that_is_read_only(qtbot, edits) -> None:
    context = EditorContext(Theme("light"), lambda _what: None, lambda *edit: edits.append(edit), read_only=True)
    editor = TextPairEditor(context)
    qtbot.addWidget(editor)
    editor.show_stored(StoredRecord(1, 0, "train", "", TextPair("a", "b")))
    qtbot.keyClicks(editor.source, "xyz")
    editor.store()
    assert editor.record() == TextPair("a", "b")
    assert edits == []


@pytest.fixture
def view(qtbot):
    made = TranslationView(PanelContext(Theme("light"), lambda _what: None, settings={"place": "use"}))
    qtbot.addWidget(made)
    made.resize(600, 500)
    made.show()
    return made


def test_a_translation_is_shown_with_its_attention_and_other_answers(view) -> None:
    view.show_result(RESULT)
    assert view.text.text() == "a small <house>"
    assert "least of “small” (41%)" in view.sure.text()
    assert "one little house" in view.others.text()
    assert "&lt;house&gt;" in view.others.text()
    assert view.map.isVisible()
    assert view.map.told(2, 2) == "“<house>” looked at “Haus”: 100%"
    assert "small from kleines (80%)" in view.map.accessibleDescription()
    assert not view.grab().isNull()
    view.show_result(Translation("x", ("x",)))
    assert not view.map.isVisible()
    assert not view.others.isVisible()
    view.show_result(None)
    assert view.text.text() == ""


def test_cells_of_the_map_are_found_by_mouse_and_keys(qtbot, view) -> None:
    view.show_result(RESULT)
    (left, above), cell = view.map._margins(), view.map._cell()
    from PySide6.QtCore import QPointF

    assert view.map.cell_at(QPointF(left + 1.5 * cell, above + 0.5 * cell)) == (0, 1)
    assert view.map.cell_at(QPointF(1, 1)) == (-1, -1)
    with qtbot.waitSignal(view.map.pointed) as at:
        qtbot.keyClick(view.map, Qt.Key.Key_Down)
    assert at.args == [0, 0]


def test_a_beginning_is_sent_with_the_question(qtbot, view) -> None:
    assert view.options() == {}
    with qtbot.waitSignal(view.options_changed):
        qtbot.keyClicks(view.prefix, "the")
    assert view.options() == {"prefix": "the"}


def test_a_small_place_shows_text_alone(qtbot) -> None:
    view = TranslationView(PanelContext(Theme("dark"), lambda _what: None, settings={"compact": True}))
    qtbot.addWidget(view)
    view.show()
    view.show_result(RESULT)
    assert view.source.text() == "ein kleines Haus"
    assert not view.map.isVisible()


def test_the_vocabulary_is_shown_and_cuts_what_is_typed(qtbot, tmp_path) -> None:
    tokeniser = Tokeniser.fit("words", ["a house, a mouse"], size=6)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "codec.json").write_text(json.dumps({"codec": {"source": tokeniser.to_json(), "target": None}}))
    context = PanelContext(
        Theme("light"), lambda _what: None, run=lambda: SimpleNamespace(path=tmp_path), settings={"place": "use"}
    )
    view = TranslationView(context)
    qtbot.addWidget(view)
    view.show()
    qtbot.mouseClick(view.more, Qt.MouseButton.LeftButton)
    vocabulary = view.vocabulary
    assert vocabulary is not None
    assert vocabulary.isVisible()
    assert vocabulary.about.text().startswith("2 symbols, words; 40.0% of the training texts is not among them.")
    assert vocabulary.model.index(0, 0).data() == "a"
    assert vocabulary.model.index(0, 1).data() == 2
    vocabulary.trial.setText("a zebra")
    assert vocabulary.pieces.accessibleName() == "a zebra (unknown)"
    vocabulary.search.setText("hou")
    assert vocabulary.found.rowCount() == 1
    qtbot.mouseClick(view.more, Qt.MouseButton.LeftButton)
    assert not vocabulary.isVisible()


def test_the_symbols_are_a_proper_model(qtmodeltester) -> None:
    from workbench_plugins.tasks.translation.vocabulary_view import SymbolsModel

    model = SymbolsModel()
    model.show(Tokeniser.fit("characters", ["some text\n"]))
    qtmodeltester.check(model)
    assert "↵" in {model.index(row, 0).data() for row in range(model.rowCount())}


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (Translation("x", ("x",), source_tokens=("3", " ", "M", "∎"), source="3 M"), "3 M"),
        (Translation("x", ("x",), source_tokens=("3", " ", "M", "∎")), "3 M"),
        (Translation("x", ("x",), source_tokens=("ein", "Haus", "∎")), "ein Haus"),
        (Translation("x", ("x",), source_tokens=("two", "zero")), "two zero"),
        (Translation("x", ("x",)), ""),
    ],
    ids=["as written", "characters of an older answer", "words", "a task without an end symbol", "nothing"],
)
def test_a_small_view_shows_the_source_as_it_was_written(qtbot, result: Translation, shown: str) -> None:
    view = TranslationView(PanelContext(Theme("light"), lambda _what: None, settings={"compact": True}))
    qtbot.addWidget(view)
    view.show_result(Translation.from_json(json.loads(json.dumps(result.to_json()))))
    assert view.source.text() == shown
    assert view.source.isVisibleTo(view) == bool(shown)
