"""The records of a dataset as a table that reads only what is on the screen.

The model holds the ids of all rows (an int64 array, 0.8 MB for 100,000) and a few pages of records. A page of
:data:`PAGE` records is one query by primary key, a millisecond or two, so scrolling never waits for the whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from workbench.api import Record, StoredRecord, TaggedTokens, TextPair
from workbench.shell.tokens.labelling import breaks_of

if TYPE_CHECKING:
    from workbench.data import DatasetStore

PAGE = 64
PAGES_KEPT = 48
NUMBER, TEXT, SPLIT, STATE = range(4)
HEADERS = ("No.", "Text", "Split", "State")

RECORD_ROLE = int(Qt.ItemDataRole.UserRole) + 1
ID_ROLE = RECORD_ROLE + 1

_Index = QModelIndex | QPersistentModelIndex


CUT = "cut in time"
"""Stands for the split of a record whose steps are in several."""
LINE_END = " ⏎ "
SHOWN_CHARACTERS = 1000


def line_of(record: Record) -> str:
    """A record as one line of the list: a pair with an arrow between, line ends as marks."""
    text = f"{record.source}  →  {record.target}" if isinstance(record, TextPair) else record.search_text()
    return LINE_END.join(text[:SHOWN_CHARACTERS].splitlines())


class RecordsModel(QAbstractTableModel):
    """Rows in the dataset's order, or those a query found; nothing is copied and nothing is loaded ahead."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store: DatasetStore | None = None
        self._ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._pages: OrderedDict[int, list[StoredRecord | None]] = OrderedDict()
        self._row_of: dict[int, int] | None = None
        self._span_layers: tuple[str, ...] = ()
        self._parts: Callable[[Record], str] | None = None
        self.reads = 0
        """Pages read so far, for tests and the benchmark."""

    def show(self, store: DatasetStore | None, ids: NDArray[np.int64], span_layers: Iterable[str] = ()) -> None:
        """Show the records ``ids`` of ``store``, in that order."""
        self.beginResetModel()
        self._store = store
        self._ids = np.asarray(ids, dtype=np.int64)
        self._pages.clear()
        self._row_of = None
        self._span_layers = tuple(span_layers)
        self.endResetModel()

    def set_cut(self, parts: Callable[[Record], str] | None) -> None:
        """How a record is cut in time, in words; None where every record is whole in its split."""
        same = parts is None and self._parts is None
        self._parts = parts
        if len(self._ids) and not same:
            self.dataChanged.emit(self.index(0, SPLIT), self.index(len(self._ids) - 1, SPLIT))

    def split_text(self, stored: StoredRecord) -> str:
        """Where the steps of a record are: in its split, or, cut in time, in several."""
        return CUT if self._parts is not None else stored.split or "–"

    @property
    def ids(self) -> NDArray[np.int64]:
        return self._ids

    def id_at(self, row: int) -> int:
        return int(self._ids[row])

    def row_of(self, record_id: int) -> int:
        """The row of a record, -1 when it is not among those shown."""
        if self._row_of is None:
            self._row_of = {int(number): row for row, number in enumerate(self._ids)}
        return self._row_of.get(record_id, -1)

    def refresh(self, record_ids: Sequence[int] = ()) -> None:
        """Read those records again (all that are in memory without any named)."""
        if not record_ids:
            self._pages.clear()
            if len(self._ids):
                self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, STATE))
            return
        for record_id in record_ids:
            row = self.row_of(record_id)
            if row >= 0:
                self._pages.pop(row // PAGE, None)
                self.dataChanged.emit(self.index(row, 0), self.index(row, STATE))

    def record(self, row: int) -> StoredRecord | None:
        """The record of ``row``; None when it has gone from the store meanwhile."""
        if not 0 <= row < len(self._ids):
            return None
        number, place = divmod(row, PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._read(number)
        else:
            self._pages.move_to_end(number)
        return page[place]

    def _read(self, number: int) -> list[StoredRecord | None]:
        assert self._store is not None
        wanted = self._ids[number * PAGE : (number + 1) * PAGE]
        found = {stored.id: stored for stored in self._store.get([int(one) for one in wanted])}
        page = [found.get(int(one)) for one in wanted]
        self.reads += 1
        self._pages[number] = page
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)
        return page

    # -- what Qt asks -------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return HEADERS[section] if 0 <= section < len(HEADERS) else None
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._ids):
            return None
        if role == ID_ROLE:
            return self.id_at(index.row())
        if role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
            RECORD_ROLE,
        ):
            return None
        stored = self.record(index.row())
        if role == RECORD_ROLE:
            return stored
        if stored is None:
            return "deleted" if index.column() == TEXT else ""
        return self._text(stored, index.column(), role)

    def _text(self, stored: StoredRecord, column: int, role: int) -> str | None:
        if column == NUMBER:
            return f"{stored.position + 1:,}"
        if column == SPLIT:
            if role == Qt.ItemDataRole.ToolTipRole and self._parts is not None:
                steps = self._parts(stored.record)
                return f"Steps in each split: {steps}" if steps else "Its options do not cut it as they are."
            return self.split_text(stored)
        if column == STATE:
            return ", ".join(self.states(stored))
        record = stored.record
        if role == Qt.ItemDataRole.DisplayRole:
            return line_of(record)
        text = record.search_text()
        return text if role != Qt.ItemDataRole.ToolTipRole or len(text) < 2000 else text[:2000] + "…"

    def states(self, stored: StoredRecord) -> list[str]:
        """What a row's last column says: edited, or what is broken."""
        words = ["edited"] if stored.edited else []
        record = stored.record
        if record.size() == 0:
            words.append("empty")
        elif isinstance(record, TaggedTokens):
            layers = [record.layers[name] for name in self._span_layers if name in record.layers]
            if any(breaks_of(labels) for labels in layers):
                words.append("scheme break")
        return words
