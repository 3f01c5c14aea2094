"""The dataset editor over a real store: what is edited is kept, undone after a restart, and never blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget

from workbench.api import Importer, Params, Ref, TaggedTokens, WorkbenchError, option
from workbench.api.io import ImportedRecord, Sniff
from workbench.data import DatasetStore, ReplaceRecord
from workbench.shell.session import Session
from workbench.shell.stages.data import DataStage
from workbench.shell.stages.data.divide_dialog import Division
from workbench.shell.stages.data.records_model import PAGE, RecordsModel


@pytest.fixture
def stage(qtbot: Any, session: Session, open_project: Callable[..., Any]) -> DataStage:
    made = DataStage(session)
    qtbot.addWidget(made)
    made.resize(800, 690)
    made.show()
    open_project(2500)
    return made


def editor_of(stage: DataStage) -> Any:
    assert stage.editor.frame is not None
    return stage.editor.frame.widget


def test_without_data_it_says_what_to_do(qtbot: Any, session: Session) -> None:
    stage = DataStage(session)
    qtbot.addWidget(stage)
    assert stage.state() == "empty"
    assert stage.pages.currentWidget() is stage.empty
    assert stage.empty.button is not None


def test_the_model_is_a_correct_table_and_reads_only_pages(
    qtmodeltester: Any, open_project: Callable[..., Any]
) -> None:
    project = open_project(1000)
    model = RecordsModel()
    model.show(project.store, project.store.ids(project.store.datasets()[0].id), ["ner"])
    model.record(500)
    assert model.reads == 1
    assert model.row_of(model.id_at(700)) == 700
    qtmodeltester.check(model)
    assert model.reads <= 1 + 1000 // PAGE + 1


def test_a_label_is_stored_at_once_and_shown(stage: DataStage, session: Session) -> None:
    editor = editor_of(stage)
    row_id = stage.editor.current_id()
    editor.tokens.place_cursor(1, 0)
    place = editor.chips.labels.index("LOC") + 1
    editor.apply_label(place)
    stored = session.project.store.get([row_id])[0]
    assert stored.record.layers["ner"][:2] == ("B-LOC", "I-LOC")
    assert stored.edited
    assert "saved" in stage.saved.text()
    assert stage.undo_button.isEnabled()
    assert stage.undo_button.toolTip().startswith("Undo: Label")


def test_keys_label_clear_extend_and_go_on(qtbot: Any, stage: DataStage) -> None:
    editor = editor_of(stage)
    tokens = editor.tokens
    qtbot.keyClick(tokens, Qt.Key.Key_Home)
    qtbot.keyClick(tokens, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert tokens.selection == (0, 2)
    qtbot.keyClick(tokens, Qt.Key.Key_1)
    first = editor.chips.labels[0]
    assert editor.record.layers["ner"][:2] == (f"B-{first}", f"I-{first}")
    qtbot.keyClick(tokens, Qt.Key.Key_Home)
    qtbot.keyClick(tokens, Qt.Key.Key_0)
    assert editor.record.layers["ner"][:2] == ("O", "O"), "with a cursor in a span, 0 clears the whole span"
    qtbot.keyClick(tokens, Qt.Key.Key_Return)
    assert stage.editor.current_row() == 1
    qtbot.keyClick(tokens, Qt.Key.Key_PageUp)
    assert stage.editor.current_row() == 0


def test_dragging_chooses_a_span(qtbot: Any, stage: DataStage) -> None:
    tokens = editor_of(stage).tokens
    start, end = tokens.token_rect(0).center().toPoint(), tokens.token_rect(2).center().toPoint()
    qtbot.mousePress(tokens, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(tokens, pos=end)
    qtbot.mouseRelease(tokens, Qt.MouseButton.LeftButton, pos=end)
    assert tokens.selection == (0, 3)


def test_editing_the_text_keeps_the_labels_of_words_that_stay(qtbot: Any, stage: DataStage, session: Session) -> None:
    editor = editor_of(stage)
    before = editor.record
    editor.edit_text()
    editor.text_line.setText("Yesterday " + " ".join(before.tokens))
    qtbot.keyClick(editor.text_line, Qt.Key.Key_Return)
    stored = session.project.store.get([stage.editor.current_id()])[0].record
    assert stored.tokens == ("Yesterday", *before.tokens)
    assert stored.layers["ner"] == ("O", *before.layers["ner"])


def test_escape_leaves_the_text_as_it_was(qtbot: Any, stage: DataStage) -> None:
    editor = editor_of(stage)
    before = editor.record
    editor.edit_text()
    editor.text_line.setText("something else")
    qtbot.keyClick(editor.text_line, Qt.Key.Key_Escape)
    assert editor.record == before
    assert editor.text_line.isHidden()


def test_search_and_filters_find_records(qtbot: Any, stage: DataStage, session: Session) -> None:
    stage.editor.filters.search.setText("grace hopper")
    qtbot.waitUntil(lambda: 0 < stage.editor.model.rowCount() < 2500)
    record = stage.editor.model.record(0)
    assert record is not None
    assert "Grace Hopper" in record.record.search_text()
    stage.editor.filters.search.setText("no such words at all")
    qtbot.waitUntil(lambda: stage.editor.model.rowCount() == 0)
    assert not stage.editor.nothing.isHidden()
    stage.editor.filters.clear()
    assert stage.editor.model.rowCount() == 2500
    stage.editor.filters.split.setCurrentIndex(stage.editor.filters.split.findData("test"))
    qtbot.waitUntil(lambda: stage.editor.model.rowCount() == 250)
    stage.editor.filters.clear()


def test_broken_labels_are_found_and_mended(qtbot: Any, stage: DataStage, session: Session) -> None:
    row_id = stage.editor.current_id()
    words = editor_of(stage).record.tokens
    broken = TaggedTokens(words, {"ner": ("O", "I-PER", *["O"] * (len(words) - 2)), "upos": ("X",) * len(words)})
    stage.editor.apply(ReplaceRecord(row_id, broken))
    assert stage.editor.model.index(0, 3).data() == "edited, scheme break"
    stage.editor.filters.state.setCurrentIndex(stage.editor.filters.state.findText("With a problem"))
    qtbot.waitUntil(lambda: stage.editor.model.rowCount() == 1)
    stage.editor.mend_chosen()
    assert session.project.store.get([row_id])[0].record.layers["ner"][1] == "B-PER"


def test_undo_and_redo_show_the_record_as_it_was(stage: DataStage, session: Session) -> None:
    editor = editor_of(stage)
    before = editor.record.layers["ner"]
    editor.tokens.place_cursor(2)
    editor.apply_label(1)
    after = editor.record.layers["ner"]
    session.undo()
    assert editor.record.layers["ner"] == before
    session.redo()
    assert editor.record.layers["ner"] == after


def test_edits_and_their_undo_survive_a_restart(
    stage: DataStage, session: Session, open_project: Callable[..., Any], tmp_path: Path
) -> None:
    row_id = stage.editor.current_id()
    editor = editor_of(stage)
    before = editor.record.layers["ner"]
    editor.tokens.place_cursor(2)
    editor.apply_label(1)
    after = editor.record.layers["ner"]
    session.close_project()
    with DatasetStore.open(tmp_path / "data.sqlite") as store:
        assert store.get([row_id])[0].record.layers["ner"] == after
    open_project(0)
    assert stage.undo_button.isEnabled()
    session.undo()
    assert session.project.store.get([row_id])[0].record.layers["ner"] == before


def test_deleting_and_moving_change_counts_and_can_be_undone(stage: DataStage, session: Session) -> None:
    stage.editor.table.selectRow(4)
    gone = stage.editor.current_id()
    stage.editor.delete_chosen()
    assert stage.editor.model.rowCount() == 2499
    assert stage.editor.model.row_of(gone) == -1
    session.undo()
    assert stage.editor.model.rowCount() == 2500
    stage.editor.table.selectRow(0)
    stage.editor.move_chosen("test")
    assert session.project.store.split_counts(session.dataset.id)["test"] == 251
    assert "test 251" in stage.splits.summary()


def test_dividing_is_one_undoable_step(qtbot: Any, stage: DataStage, session: Session) -> None:
    stage.ask_division = lambda _parent, _time: Division("random", (0.5, 0.3, 0.2), 3)
    stage.divide()
    qtbot.waitUntil(lambda: "train 1,250" in stage.splits.summary())
    assert "validation 750" in stage.splits.summary()
    session.undo()
    assert "train 2,000" in stage.splits.summary()


def test_statistics_are_counted_in_the_background(qtbot: Any, stage: DataStage) -> None:
    qtbot.mouseClick(stage.statistics_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: stage.statistics.histogram is not None)
    assert stage.pages.currentWidget() is stage.statistics


def test_a_failing_edit_is_told_and_the_record_stays(
    stage: DataStage, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    session.notice.connect(told.append)
    before = session.project.store.get([stage.editor.current_id()])[0].record

    def full(*_arguments: object) -> None:
        raise WorkbenchError("The change was not saved.", why="The disk is full.")

    monkeypatch.setattr(type(session.project.store), "apply", full)
    editor = editor_of(stage)
    editor.tokens.place_cursor(2)
    editor.apply_label(1)
    assert "disk is full" in str(told[0])
    assert editor.record == before


def test_every_focusable_widget_has_a_name(stage: DataStage) -> None:
    nameless = [
        widget
        for widget in stage.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisibleTo(stage)
        and not (widget.accessibleName() or widget.toolTip())
        and not widget.objectName().startswith("qt_")
        and widget.metaObject().className() not in ("QHeaderView", "QSplitterHandle")
    ]
    assert nameless == []


# -- importing ----------------------------------------------------------------------------------------------------


class LineParams(Params):
    separator: str = option(" ", what="Stands between the words.")


class LineStream:
    """A sentence a line; a line "!" cannot be read."""

    def __init__(self, path: Path, params: LineParams) -> None:
        self.path, self.params = path, params
        self.format: dict[str, Any] = {}
        self.layers: dict[str, dict[str, Any]] = {"ner": {"kind": "span"}}
        self.problems: list[Any] = []

    def __iter__(self) -> Any:
        for number, line in enumerate(self.path.read_text().splitlines(), start=1):
            if line == "!":
                raise WorkbenchError("A line of one mark.", why="It is no sentence.", file=self.path, line=number)
            words = tuple(line.split(self.params.separator))
            yield ImportedRecord(TaggedTokens(words, {"ner": ("O",) * len(words)}), number)

    def position(self) -> tuple[int, int]:
        size = self.path.stat().st_size
        return size, size


def sniff_lines(head: bytes, path: Path) -> Sniff | None:
    return Sniff(0.95, "a sentence in each line, words separated by spaces") if path.suffix == ".lines" else None


def make_stream(path: Path, params: LineParams) -> LineStream:
    return LineStream(path, params)


LINES = Importer(
    id="lines",
    title="lines",
    extensions=(".lines",),
    record=TaggedTokens.KIND,
    params=LineParams,
    sniff=Ref(f"{__name__}:sniff_lines"),
    factory=Ref(f"{__name__}:make_stream"),
)


@pytest.fixture
def importing(
    qtbot: Any, session: Session, open_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> DataStage:
    monkeypatch.setattr(session.catalogue, "_importers", (LINES,))
    monkeypatch.setattr(Ref, "resolve", lambda self: globals()[self.name] if self.module == __name__ else _real(self))
    open_project(0)
    made = DataStage(session)
    qtbot.addWidget(made)
    made.resize(800, 690)
    made.show()
    return made


_real = Ref.resolve


def test_dropped_files_become_a_dataset_by_their_names(
    qtbot: Any, importing: DataStage, session: Session, tmp_path: Path
) -> None:
    for name in ("news.train.lines", "news.dev.lines"):
        (tmp_path / name).write_text("a b c\nd e f\n")
    importing.import_paths([tmp_path / "news.train.lines", tmp_path / "news.dev.lines"])
    card = importing.importing
    qtbot.waitUntil(lambda: card.proposal is not None)
    assert "a sentence in each line" in card.reason.text()
    assert card.reason.text().startswith("Almost certainly")
    assert [combo.currentData() for combo in card._splits] == ["train", "validation"]
    assert card.form is not None
    with qtbot.waitSignal(card.imported):
        card.start()
    assert session.dataset is not None
    assert session.dataset.count == 4
    assert importing.pages.currentWidget() is importing.editor
    assert "train 2" in importing.splits.summary()


def test_a_bad_file_names_its_line_and_leaves_nothing(
    qtbot: Any, importing: DataStage, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "bad.lines"
    path.write_text("a b\n!\n")
    importing.import_paths([path])
    qtbot.waitUntil(lambda: importing.importing.proposal is not None)
    importing.importing.start()
    qtbot.waitUntil(lambda: importing.importing.error_card is not None)
    card = importing.importing.error_card
    assert card is not None
    assert f"{path}:2" in card.details()
    assert session.project.store.datasets() == []


def test_a_cancelled_import_leaves_nothing(
    qtbot: Any, importing: DataStage, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.lines"
    path.write_text("a b\n" * 5000)
    going_on = threading.Event()
    read = LineStream.__iter__

    def slowly(self: LineStream) -> Any:
        for number, record in enumerate(read(self)):
            if number == 2500:
                going_on.wait(10)
            yield record

    monkeypatch.setattr(LineStream, "__iter__", slowly)
    importing.import_paths([path])
    card = importing.importing
    qtbot.waitUntil(lambda: card.proposal is not None)
    card.start()
    qtbot.waitUntil(lambda: "2,000 records" in card.phase.text())
    assert not card.start_button.isEnabled()
    card.cancel()
    going_on.set()
    qtbot.waitUntil(lambda: "cancelled" in card.reason.text())
    assert session.project.store.datasets() == []
    assert card.start_button.isEnabled()


def test_unknown_files_are_refused_in_words(qtbot: Any, importing: DataStage, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG")
    importing.import_paths([path])
    qtbot.waitUntil(lambda: importing.importing.error_card is not None)
    assert not importing.importing.start_button.isEnabled()
    importing.importing.cancel()
    assert importing.pages.currentWidget() is importing.empty


def test_a_hidden_point_has_no_token(stage: DataStage) -> None:
    tokens = editor_of(stage).tokens
    assert tokens.token_at(QPoint(5, 5000).toPointF()) == -1
