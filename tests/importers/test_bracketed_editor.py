"""The editor of labelled trees: digits and chips label the chosen node, one undoable edit each."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from workbench_plugins.importers.bracketed.gui import LabelledTreeEditor

from workbench.api import LabelledTree, Record, StoredRecord
from workbench.api.trees import parse_bracketed
from workbench.data import DatasetStore, ReplaceRecord
from workbench.data.importing import import_records
from workbench.shell.sdk import EditorContext
from workbench.shell.theme import Theme

TREE = parse_bracketed("(3 (2 It) (4 (2 's) (4 good)))")
LABELS = {"node": ("0", "1", "2", "3", "4")}


class Edits:
    """What the editor committed."""

    def __init__(self) -> None:
        self.made: list[tuple[Record, str]] = []

    def __call__(self, record: Record, what: str) -> None:
        self.made.append((record, what))

    @property
    def last(self) -> LabelledTree:
        record = self.made[-1][0]
        assert isinstance(record, LabelledTree)
        return record


def editor_of(qtbot: QtBot, edits: Edits, *, read_only: bool = False, answer: str = "") -> LabelledTreeEditor:
    context = EditorContext(Theme("light"), lambda _what: None, edits, LABELS, read_only=read_only)
    editor = LabelledTreeEditor(context, ask_label=lambda _parent: answer)
    qtbot.addWidget(editor)
    editor.resize(500, 400)
    editor.show_stored(StoredRecord(1, 0, "train", "", TREE))
    return editor


def test_a_digit_labels_the_chosen_node_and_zero_clears_it(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits)
    qtbot.keyClick(editor.view, Qt.Key.Key_5)
    assert edits.last == TREE.with_tag(4, "4")
    assert edits.made[-1][1] == "Label “(It … good)” 4"
    qtbot.keyClick(editor.view, Qt.Key.Key_Down)
    qtbot.keyClick(editor.view, Qt.Key.Key_0)
    assert edits.last == TREE.with_tag(4, "4").with_tag(0, "")
    assert edits.made[-1][1] == "Take the label off “It”"
    assert editor.caption.text() == "It · no label · node 1 of 5"
    count = len(edits.made)
    qtbot.keyClick(editor.view, Qt.Key.Key_0)
    qtbot.keyClick(editor.view, Qt.Key.Key_9)
    assert len(edits.made) == count, "nothing changed, so nothing is an edit"


def test_a_new_label_is_added_and_given(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits, answer=" very good ")
    editor.chips.add_requested.emit()
    assert edits.last.tags[-1] == "verygood"
    assert editor.labels[-1] == "verygood"


def test_enter_and_page_keys_go_on(qtbot: QtBot) -> None:
    editor = editor_of(qtbot, Edits())
    steps: list[int] = []
    editor.accepted.connect(lambda: steps.append(0))
    editor.moved_on.connect(steps.append)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        qtbot.keyClick(editor.view, key)
    assert steps == [0, 1, -1]


def test_a_read_only_dataset_is_only_shown(qtbot: QtBot) -> None:
    edits = Edits()
    editor = editor_of(qtbot, edits, read_only=True, answer="9")
    qtbot.keyClick(editor.view, Qt.Key.Key_1)
    editor.chips.add_requested.emit()
    assert not edits.made


def test_the_cursor_stays_through_an_edit_and_begins_at_the_root_of_another_tree(qtbot: QtBot) -> None:
    editor = editor_of(qtbot, Edits())
    editor.view.choose(2)
    editor.show_stored(StoredRecord(1, 0, "train", "", TREE.with_tag(2, "0")), keep_cursor=True)
    assert editor.view.chosen == 2
    editor.show_stored(StoredRecord(2, 1, "train", "", TREE))
    assert editor.view.chosen == 4
    editor.show_stored(None)
    assert editor.view.chosen == -1


def test_an_edit_can_be_undone_in_the_store(qtbot: QtBot, tmp_path: Path) -> None:
    with DatasetStore.create(tmp_path / "data.sqlite") as store:
        layers = {"node": {"kind": "label"}}
        info = import_records(store, "trees", LabelledTree.KIND, [("train", "", TREE)], layers=layers).dataset.id
        edits = Edits()
        editor = editor_of(qtbot, edits)
        qtbot.keyClick(editor.view, Qt.Key.Key_1)
        (stored,) = store.iterate(info)
        store.apply(info, ReplaceRecord(stored.id, edits.last))
        assert [one.record for one in store.iterate(info)] == [TREE.with_tag(4, "0")]
        store.undo(info)
        assert [one.record for one in store.iterate(info)] == [TREE]


@pytest.mark.parametrize("theme", ["dark", "high_contrast"])
def test_it_is_painted_in_every_theme(qtbot: QtBot, theme: str) -> None:
    editor = LabelledTreeEditor(EditorContext(Theme(theme), lambda _what: None, labels=LABELS))
    qtbot.addWidget(editor)
    editor.resize(500, 400)
    editor.show_stored(StoredRecord(1, 0, "train", "", TREE))
    assert not editor.grab().isNull()
