"""A text of a dataset is edited in place and written back; what was not touched comes out byte for byte."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from workbench_plugins.exporters.text import EXPORTER
from workbench_plugins.importers.text import IMPORTER
from workbench_plugins.tasks.language_modelling.gui_editor import TextEditor

from workbench.api import StoredRecord, Text, WorkbenchError
from workbench.data import DatasetStore
from workbench.data.edits import ReplaceRecord
from workbench.data.exporting import export_dataset
from workbench.data.importing import import_file
from workbench.shell.sdk import EditorContext
from workbench.shell.theme import Theme


@pytest.fixture
def committed():
    return []


@pytest.fixture
def editor(qtbot, committed):
    context = EditorContext(
        theme=Theme("light"), notify=lambda _: None, commit=lambda record, name: committed.append((record, name))
    )
    editor = TextEditor(context)
    qtbot.addWidget(editor)
    editor.show()
    qtbot.waitExposed(editor)
    editor.show_stored(StoredRecord(1, 0, "train", "", Text("FIRST:\nSpeak.")))
    return editor


def test_typing_is_one_edit_after_a_pause(editor, committed, qtbot):
    QTest.keyClicks(editor.field, "Oh ")
    assert committed == []
    qtbot.waitUntil(lambda: committed != [], timeout=3000)
    assert committed == [(Text("Oh FIRST:\nSpeak."), "Edit the text")]
    assert editor.counts.text() == "16 characters, 3 words"


def test_ctrl_enter_stores_and_goes_on(editor, committed, qtbot):
    QTest.keyClicks(editor.field, "!")
    with qtbot.waitSignal(editor.accepted):
        QTest.keyClick(editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert committed[0][0] == Text("!FIRST:\nSpeak.")
    with qtbot.waitSignal(editor.moved_on) as moved:
        QTest.keyClick(editor.field, Qt.Key.Key_PageUp)
    assert moved.args == [-1]


def test_showing_a_text_stores_nothing_and_line_ends_are_no_edit(editor, committed):
    editor.show_stored(StoredRecord(2, 1, "train", "", Text("a\r\nb")))
    editor.store()
    editor.show_stored(None)
    assert committed == []
    assert not editor.isEnabled()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("unit", ["line", "paragraph"])
def test_an_export_is_the_file_and_an_edit_changes_its_own_lines(tmp_path, unit, newline):
    text = "\n\nFIRST:\nSpeak, speak.\n\n\nALL:\nResolved.\n\nFIRST:\nYou are all".replace("\n", newline)
    path = tmp_path / "play.txt"
    path.write_bytes(text.encode())
    store = DatasetStore.create(tmp_path / "data.sqlite")
    info = import_file(store, IMPORTER, path, options={"unit": unit}).dataset
    out = tmp_path / "out.txt"
    export_dataset(store, info.id, EXPORTER, out)
    assert out.read_bytes().decode() == text
    stored = next(one for one in store.iterate(info.id) if isinstance(one.record, Text) and "Speak" in one.record.text)
    changed = Text(stored.record.text.replace("Speak, speak.", "Hear\nme."))
    store.apply(info.id, ReplaceRecord(stored.id, changed))
    export_dataset(store, info.id, EXPORTER, out)
    assert out.read_bytes().decode() == text.replace("Speak, speak.", f"Hear{newline}me.")
    store.close()


def test_new_paragraphs_are_parted_by_empty_lines(tmp_path):
    write = EXPORTER.factory.resolve()
    path = tmp_path / "new.txt"
    records = [StoredRecord(i, i, "", "", Text(text)) for i, text in enumerate(("one\ntwo", "three\nfour", "five"))]
    write(iter(records), {}, {}, path, {})
    assert path.read_text(encoding="utf-8") == "one\ntwo\n\nthree\nfour\n\nfive\n"
    write(iter(records[2:]), {}, {}, path, {})
    assert path.read_text(encoding="utf-8") == "five\n"


def test_a_character_the_encoding_lacks_is_named(tmp_path):
    write = EXPORTER.factory.resolve()
    source = {"kind": "text", "unit": "line", "newline": "\n", "bom": False, "encoding": "latin-1"}
    with pytest.raises(WorkbenchError, match="latin-1"):
        write(iter([StoredRecord(1, 0, "", "", Text("→"))]), {"sources": [source]}, {}, tmp_path / "x.txt", {})
