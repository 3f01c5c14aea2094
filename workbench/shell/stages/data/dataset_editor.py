"""The dataset editor: filters and the list above, the chosen record below; every edit is stored as it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workbench.api import SPLITS, Record, RecordEditor, StoredRecord, WorkbenchError
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.sdk import EditorContext
from workbench.shell.stages.data.filter_bar import FilterBar
from workbench.shell.stages.data.record_delegate import RecordDelegate
from workbench.shell.stages.data.records_model import CUT, NUMBER, SPLIT, STATE, TEXT, RecordsModel
from workbench.shell.tokens.labelling import LabelColours, preferred_layer, span_type
from workbench.shell.widgets import Button, Card, EmptyState, Muted, Text

if TYPE_CHECKING:
    from workbench.data import DatasetInfo, Edit
    from workbench.shell.session import Session

EDITOR_SHARE = 0.4
"""Part of the height that the record's editor gets, unless its plugin asks for more (``share``)."""
LABELS_OFFERED = 60
"""Layers with more labels than this (lemmas) are not offered as chips or filters."""


class RecordsTable(QTableView):
    """The list. Enter goes to the record's editor, Delete removes the chosen records."""

    entered_record = Signal()
    delete_requested = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.entered_record.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_requested.emit()
        else:
            super().keyPressEvent(event)


class DatasetEditor(QWidget):
    """Shows the session's dataset. ``edited`` after each change; ``cleared`` figures are the caller's business."""

    edited = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._info: DatasetInfo | None = None
        self._labels: dict[str, list[str]] = {}
        self._colours = LabelColours()
        self._query_number = 0
        self._saving_edit = False
        self._shared = EDITOR_SHARE
        self.counts_changed = True
        """False while listeners hear of an edit that left every record in its place and split."""
        self._plain: PlainRecordView | None = None

        self.filters = FilterBar()
        self.filters.changed.connect(self.requery)
        self.model = RecordsModel(self)
        self._cut = False
        self.table = RecordsTable()
        self.table.setModel(self.model)
        self.delegate = RecordDelegate(session.theme, self._colours, self)
        self.table.setItemDelegateForColumn(TEXT, self.delegate)
        self._dress_table()
        self.nothing = EmptyState(
            "No record fits these filters", "Other words or another label may.", "Clear the filters", self.filters.clear
        )
        self.nothing.hide()
        self.list_card = Card("")
        self.list_card.body.addWidget(self.filters)
        self.list_card.body.addWidget(self.table, 1)
        self.list_card.body.addWidget(self.nothing, 1)

        self.editor_card = Card("Record")
        self.frame: PluginFrame | None = None
        self.previous = Button("Previous", kind="quiet", tip="Previous record (Page Up)", on_click=lambda: self.go(-1))
        self.following = Button("Next", kind="quiet", tip="Next record (Page Down, Enter)", on_click=lambda: self.go(1))
        self.editor_card.header.addWidget(self.previous)
        self.editor_card.header.addWidget(self.following)
        self.hint = Muted("", self.editor_card, factor=0.88)
        self.hint.hide()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.list_card)
        self.splitter.addWidget(self.editor_card)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setSizes([300, 200])
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self._labels_later = QTimer(self, singleShot=True, interval=400)
        self._labels_later.timeout.connect(self._read_labels)
        session.theme.changed.connect(self.table.viewport().update)
        session.dataset_edited.connect(self._dataset_edited)

    def _dress_table(self) -> None:
        table = self.table
        table.setAccessibleName("Records of the dataset")
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setTabKeyNavigation(False)
        rows = table.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(max(28, table.fontMetrics().height() + 12))
        columns = table.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        columns.setSectionResizeMode(TEXT, QHeaderView.ResizeMode.Stretch)
        width = table.fontMetrics().horizontalAdvance
        table.setColumnWidth(NUMBER, width("1,000,000") + 14)
        table.setColumnWidth(SPLIT, max(width("validation"), width(CUT)) + 18)
        table.setColumnWidth(STATE, width("edited, scheme") + 16)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)
        table.selectionModel().currentRowChanged.connect(self._row_changed)
        table.entered_record.connect(self.focus_editor)
        table.doubleClicked.connect(lambda _index: self.focus_editor())
        table.delete_requested.connect(self.delete_chosen)

    # -- what is shown ------------------------------------------------------------------------------------------

    def show_dataset(self, info: DatasetInfo | None) -> None:
        """Show another dataset, or none."""
        self._info = info
        self._labels = {}
        if info is None:
            self.model.show(None, self.model.ids[:0])
            self._drop_editor()
            return
        spans = {name: "span" for name, about in info.layers.items() if about.get("kind") == "span"}
        self.delegate.layer = preferred_layer(spans)
        self._read_labels()
        self._make_editor(info)
        self.filters.clear()

    def show_cut(self, parts: Callable[[Record], str] | None) -> None:
        """Records are cut in time, as ``parts`` says in words; None: each is whole in its split."""
        self.model.set_cut(parts)
        was, self._cut = self._cut, parts is not None
        if was != self._cut and self.current_row() >= 0:
            self._show_record(self.model.record(self.current_row()), keep_cursor=True)

    @property
    def _store(self) -> Any:
        assert self.session.project is not None
        return self.session.project.store

    def _read_labels(self) -> None:
        info = self._info
        if info is None or self.session.project is None:
            return
        found = {name: self._store.labels(info.id, name) for name in info.layers}
        self._labels = {
            name: _in_known_order(self._labels.get(name, []), labels)
            for name, labels in found.items()
            if len(labels) <= LABELS_OFFERED
        }
        for labels in self._labels.values():
            for label in labels:
                self._colours.index(label)
        self.filters.set_labels(self._labels)
        widget = self._editor_widget
        if widget is not None and hasattr(widget, "set_labels"):
            widget.set_labels({name: tuple(labels) for name, labels in self._labels.items()}, dict(info.layers))

    def requery(self) -> None:
        """Find the records that fit the filters; a search through text runs off the GUI thread."""
        info = self._info
        if info is None or self.session.project is None:
            return
        self._query_number += 1
        number, query, store = self._query_number, self.filters.query(), self._store
        if query.is_empty:
            self._show_ids(number, store.ids(info.id, query))
            return
        self.session.run_in_background(
            lambda _progress, _cancelled: store.ids(info.id, query),
            lambda ids: self._show_ids(number, ids),
            title="Searching",
        )

    def _show_ids(self, number: int, ids: Any) -> None:
        if number != self._query_number or self._info is None:
            return  # a later question was asked meanwhile
        current = self.current_id()
        spans = [name for name, about in self._info.layers.items() if about.get("kind") == "span"]
        self.model.show(self._store, ids, spans)
        self.filters.set_found(len(ids), self._info.count)
        self.nothing.setVisible(not len(ids))
        self.table.setVisible(bool(len(ids)))
        row = self.model.row_of(current) if current is not None and len(ids) else -1
        if len(ids):
            self.table.setCurrentIndex(self.model.index(max(0, row), TEXT))
        else:
            self._show_record(None)

    # -- the current record -------------------------------------------------------------------------------------

    def current_row(self) -> int:
        index = self.table.currentIndex()
        return index.row() if index.isValid() else -1

    def current_id(self) -> int | None:
        row = self.current_row()
        return self.model.id_at(row) if 0 <= row < self.model.rowCount() else None

    def chosen_ids(self) -> tuple[int, ...]:
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return tuple(self.model.id_at(row) for row in rows)

    def go(self, step: int) -> None:
        """To the next or previous record of the list."""
        row = self.current_row() + step
        if 0 <= row < self.model.rowCount():
            index = self.model.index(row, TEXT)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(index, flags)
            self.table.scrollTo(index)

    def open_record(self, record_id: int) -> bool:
        """Bring one record into view for editing, dropping filters that hide it; False when it is gone."""
        if self.model.row_of(record_id) < 0:
            self.filters.clear()
        row = self.model.row_of(record_id)
        if row < 0:
            return False
        index = self.model.index(row, TEXT)
        self.table.setCurrentIndex(index)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self.focus_editor()
        return True

    def focus_editor(self) -> None:
        widget = self._editor_widget
        if widget is not None:
            widget.setFocus()

    def _row_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self._show_record(self.model.record(current.row()) if current.isValid() else None)

    def _show_record(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        row = self.current_row()
        self.previous.setEnabled(row > 0)
        self.following.setEnabled(0 <= row < self.model.rowCount() - 1)
        if stored is None:
            self.editor_card.set_title("Record")
        else:
            split = self.model.split_text(stored) if self._cut else stored.split or "in no split"
            where = split + (f" · {stored.document}" if stored.document else "")
            size = stored.record.size()
            self.editor_card.set_title(f"Record {stored.position + 1:,}", f"{where} · length {size:,}")
        if self._plain is not None:
            self._plain.show_record(stored)
        widget = self._editor_widget
        if widget is not None and self._plain is None:
            show: Callable[..., Any] | None = getattr(widget, "show_stored", None)
            if show is not None:
                show(stored, keep_cursor=keep_cursor)

    # -- the editor of a kind of record -------------------------------------------------------------------------

    @property
    def _editor_widget(self) -> QWidget | None:
        return self._plain if self._plain is not None else (self.frame.widget if self.frame is not None else None)

    def _drop_editor(self) -> None:
        for widget in (self.frame, self._plain):
            if widget is not None:
                self.editor_card.body.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        self.editor_card.body.removeWidget(self.hint)
        self.frame = self._plain = None

    def _make_editor(self, info: DatasetInfo) -> None:
        self._drop_editor()
        contribution: RecordEditor | None = self.session.catalogue.record_editor(info.record)
        if contribution is None:
            self._plain = PlainRecordView()
            self.editor_card.body.addWidget(self._plain, 1)
            self.hint.hide()
            return
        context = EditorContext(
            theme=self.session.theme,
            notify=self.session.notify,
            commit=self.commit,
            labels={name: tuple(labels) for name, labels in self._labels.items()},
            layers=info.layers,
            read_only=bool(getattr(self._store, "read_only", False)),
            draft=lambda: self.session.config,
        )
        owner = self.session.catalogue.owner(contribution)
        self.frame = PluginFrame(
            lambda: contribution.factory.resolve()(context), contribution, self.session.problems, plugin=owner
        )
        self.editor_card.body.addWidget(self.frame, 1)
        self.editor_card.body.addWidget(self.hint)
        keys = getattr(self.frame.widget, "keys", "")
        self.hint.setText(keys if isinstance(keys, str) else "")
        self.hint.setVisible(bool(self.hint.text()) and not context.read_only)
        self._share(getattr(self.frame.widget, "share", EDITOR_SHARE))
        for signal, slot in (("accepted", lambda: self.go(1)), ("moved_on", self.go), ("layer_changed", self._layer)):
            found = getattr(self.frame.widget, signal, None)
            if found is not None:
                found.connect(slot)

    def _share(self, share: float) -> None:
        """Give the record's editor this part of the height; a person may move the handle afterwards."""
        share = min(max(float(share), 0.2), 0.8)
        if share != self._shared:
            self._shared = share
            self.splitter.setSizes([round(1000 * (1 - share)), round(1000 * share)])

    def _layer(self, name: str) -> None:
        info = self._info
        kind = info.layers.get(name, {}).get("kind") if info is not None else None
        if kind == "span":
            self.delegate.layer = name
            self.table.viewport().update()

    # -- edits --------------------------------------------------------------------------------------------------

    def commit(self, record: Record, name: str) -> None:
        """Store the current record's new content as one step called ``name``."""
        from workbench.data import ReplaceRecord

        current = self.current_id()
        if current is not None and self.apply(ReplaceRecord(current, record, name)) and self._has_new_label(record):
            self._labels_later.start()

    def _has_new_label(self, record: Record) -> bool:
        """Whether the filters and chips lack a label of ``record``; reading all labels again takes a scan."""
        for layer, found in record.labels().items():
            known = self._labels.get(layer)
            if known is not None and any((span_type(label) or label) not in {*known, "O"} for label in found):
                return True
        return False

    def apply(self, edit: Edit) -> bool:
        """One edit, durable when this returns; what went wrong is shown and the record is as it was."""
        if self._info is None or self.session.project is None:
            return False
        try:
            outcome = self._store.apply(self._info.id, edit)
        except WorkbenchError as error:
            self.session.notify(error)
            self._show_record(self._fresh_current(), keep_cursor=True)
            return False
        self._saving_edit = True
        self.counts_changed = outcome.structural
        try:
            if outcome.structural:
                self._info = self._store.dataset(self._info.id)
                self.requery()
            else:
                self.model.refresh(outcome.record_ids)
            self.session.refresh_dataset()
        finally:
            self._saving_edit = False
            self.counts_changed = True
        if outcome.structural:
            self._labels_later.start()
        self.edited.emit()
        return True

    def _fresh_current(self) -> StoredRecord | None:
        self.model.refresh()
        row = self.current_row()
        return self.model.record(row) if row >= 0 else None

    def _dataset_edited(self) -> None:
        """Somebody else changed the data: undo, redo, another window, an import."""
        if self._saving_edit or self._info is None or self.session.dataset is None:
            return
        before, self._info = self._info, self.session.dataset
        if before.id != self._info.id:
            return
        if before.count != self._info.count or not self.filters.query().is_empty:
            self.requery()
        self._show_record(self._fresh_current(), keep_cursor=True)
        self._labels_later.start()
        self.edited.emit()

    def delete_chosen(self) -> None:
        """Take the chosen records out; undo brings them back."""
        from workbench.data import DeleteRecords

        ids = self.chosen_ids()
        if ids:
            row = self.current_row()
            if self.apply(DeleteRecords(ids)) and self.model.rowCount():
                self.table.setCurrentIndex(self.model.index(min(row, self.model.rowCount() - 1), TEXT))

    def move_chosen(self, split: str) -> None:
        from workbench.data import MoveToSplit

        ids = self.chosen_ids()
        if ids:
            self.apply(MoveToSplit(ids, split))

    def menu(self) -> QMenu:
        """What can be done with the chosen records."""
        menu = QMenu(self)
        many = len(self.chosen_ids())
        what = f"{many:,} records" if many > 1 else "this record"
        edit = menu.addAction("Edit")
        edit.triggered.connect(self.focus_editor)
        splits = menu.addMenu(f"Move {what} to")
        for name in (*SPLITS, ""):
            action: QAction = splits.addAction(name.capitalize() or "No split")
            action.triggered.connect(lambda _checked=False, name=name: self.move_chosen(name))
        mend = menu.addAction("Mend broken labels")
        mend.triggered.connect(self.mend_chosen)
        delete = menu.addAction(f"Delete {what}")
        delete.setShortcut(QKeySequence(Qt.Key.Key_Delete))
        delete.triggered.connect(self.delete_chosen)
        return menu

    def mend_chosen(self) -> None:
        """Rewrite broken tags of the shown span layer as legal ones with the same spans."""
        from workbench.data import RepairScheme

        if self.delegate.layer and self.chosen_ids():
            self.apply(RepairScheme(self.delegate.layer, self.chosen_ids()))
            self._show_record(self._fresh_current(), keep_cursor=True)

    def _open_menu(self, place: QPoint) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(place))


def _in_known_order(known: list[str], found: list[str]) -> list[str]:
    """A label keeps its digit while the dataset is open; new ones come last."""
    return [*known, *[label for label in found if label not in known]]


class PlainRecordView(QWidget):
    """What is known of a record whose kind has no editor: its text, to read."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Text()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)

    def show_record(self, stored: StoredRecord | None) -> None:
        text = stored.record.search_text() if stored is not None else ""
        self._text.setText(text if len(text) < 4000 else text[:4000] + "…")
