"""The families as a table that sorts by any column, its words wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from workbench.shell.comparison.rows import NOT_MEASURED, WORDS, Family
from workbench.shell.theme import current_theme

_Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Architecture", *(word.capitalize() for word in WORDS), "Steps/s", "Memory span")
SPEED, SPAN = len(COLUMNS) - 2, len(COLUMNS) - 1
TIPS = {
    SPEED: "Steps of a sequence read and learned from in a second of computing, at 64 sequences of 100 steps",
    SPAN: "The longest sequence at whose end a symbol from its beginning was still known (delayed recall)",
}
ROOM = 6
"""Pixels around the words of a cell."""
_SHARES = (13, 19, 18, 18, 16, 7, 9)
"""Of the width, in hundredths, column by column."""


class FamilyModel(QAbstractTableModel):
    """Rows are sorted in place; families without a figure come last in either order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.families: list[Family] = []
        self._sorted = (0, Qt.SortOrder.AscendingOrder)

    def show_families(self, families: Sequence[Family]) -> None:
        self.beginResetModel()
        self.families = self._in_order(list(families))
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.families)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return TIPS.get(section, f"Sort by {COLUMNS[section].lower()}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section >= SPEED else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.families) or index.column() >= len(COLUMNS):
            return None
        family, column = self.families[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(family, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{COLUMNS[column]} of {family.title}: {_text(family, column).replace('–', NOT_MEASURED)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            if column >= SPEED:
                return f"Measured on {family.measured}" if family.measured else family.reason or "Not measured yet"
            return _text(family, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column >= SPEED else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignTop)
        if role == Qt.ItemDataRole.FontRole and column == 0:
            return current_theme().font(semibold=True)
        if role == Qt.ItemDataRole.ForegroundRole and column >= SPEED and not family.measured:
            return current_theme().color("muted")
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not 0 <= column < len(COLUMNS):
            return
        self._sorted = (column, order)
        self.layoutAboutToBeChanged.emit()
        before = [self.families[index.row()] for index in self.persistentIndexList()]
        self.families = self._in_order(self.families)
        self.changePersistentIndexList(
            self.persistentIndexList(),
            [
                self.index(self.families.index(family), index.column())
                for family, index in zip(before, self.persistentIndexList(), strict=True)
            ],
        )
        self.layoutChanged.emit()

    def _in_order(self, families: list[Family]) -> list[Family]:
        column, order = self._sorted
        falling = order == Qt.SortOrder.DescendingOrder
        known = [one for one in families if _key(one, column) is not None]
        unknown = [one for one in families if _key(one, column) is None]
        return sorted(known, key=lambda one: _key(one, column), reverse=falling) + unknown


def _key(family: Family, column: int) -> Any:
    if column == SPEED:
        return family.speed
    if column == SPAN:
        return family.span
    return _text(family, column).casefold()


def _text(family: Family, column: int) -> str:
    if column == 0:
        return family.title
    if column == SPEED:
        return "–" if family.speed is None else f"{family.speed:,.0f}"
    if column == SPAN:
        return "–" if family.span is None else f"{family.span:,}"
    return family.words[column - 1]


class RoomyDelegate(QStyledItemDelegate):
    """Words with some room around them, and a line under each row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """As high as the wrapped words: Qt's own hint forgets the room."""
        metrics = QFontMetrics(index.data(Qt.ItemDataRole.FontRole) or option.font)
        width = max(20, option.rect.width() - 2 * ROOM - 2)
        flags = int(Qt.TextFlag.TextWordWrap)
        words = metrics.boundingRect(QRect(0, 0, width, 10_000), flags, str(index.data()))
        return QSize(words.width() + 2 * ROOM, words.height() + 2 * ROOM)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        theme = current_theme()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if chosen:
            painter.fillRect(option.rect, theme.color("selection"))
        painter.setPen(QPen(theme.color("border"), 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        painter.setFont(index.data(Qt.ItemDataRole.FontRole) or option.font)
        painter.setPen(index.data(Qt.ItemDataRole.ForegroundRole) or theme.color("text"))
        sides = index.data(Qt.ItemDataRole.TextAlignmentRole)
        place = option.rect.adjusted(ROOM, ROOM, -ROOM, -ROOM)
        painter.drawText(place, int(sides) | int(Qt.TextFlag.TextWordWrap), str(index.data()))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRect(option.rect.adjusted(1, 1, -2, -2))
        painter.restore()


class FamilyTable(QTableView):
    """Whole rows are chosen; columns share the width, rows are as high as their words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.families = FamilyModel(self)
        self.setModel(self.families)
        self.setAccessibleName("Architectures compared")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setItemDelegate(RoomyDelegate(self))
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.families.modelReset.connect(self.fit)
        self.families.layoutChanged.connect(self.fit)

    def fit(self) -> None:
        """Columns by their shares of the width, none narrower than its longest word; rows as high as their words."""
        metrics = QFontMetrics(current_theme().font(semibold=True))
        width = max(self.viewport().width(), sum(self._least(column, metrics) for column in range(len(_SHARES))))
        least = [self._least(column, metrics) for column in range(len(_SHARES))]
        spare = width - sum(least)
        for column, share in enumerate(_SHARES):
            # what there is beyond the least goes where the shares say it is missing most
            wanted = max(0, width * share // sum(_SHARES) - least[column])
            least[column] += min(wanted, max(0, spare))
            spare -= min(wanted, max(0, spare))
        least[1] += max(0, spare)
        for column, wide in enumerate(least):
            self.setColumnWidth(column, wide)
        for row in range(self.families.rowCount()):
            self.setRowHeight(row, self._height(row))

    def _least(self, column: int, metrics: QFontMetrics) -> int:
        words = [word for one in self.families.families for word in _text(one, column).split()]
        head = QFontMetrics(self.font()).horizontalAdvance(COLUMNS[column]) + 28  # the arrow stands there too
        return max([head, *(metrics.horizontalAdvance(word) + 2 * ROOM + 4 for word in words)])

    def _height(self, row: int) -> int:
        option = QStyleOptionViewItem()
        option.font = self.font()
        heights = [24]
        for column in range(self.families.columnCount()):
            option.rect = QRect(0, 0, self.columnWidth(column), 10)
            heights.append(self.itemDelegate().sizeHint(option, self.families.index(row, column)).height())
        return max(heights)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()
