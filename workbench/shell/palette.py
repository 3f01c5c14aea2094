"""The command palette: every action, found by a few of its letters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRect, QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from workbench.shell.theme import current_theme


def fuzzy_score(pattern: str, text: str) -> int | None:
    """How well the letters of ``pattern`` occur in order in ``text``; None when they do not. Higher is better.

    Runs of neighbours and beginnings of words count most.
    """
    pattern, lower = pattern.casefold().replace(" ", ""), text.casefold()
    if not pattern:
        return 0
    whole = lower.find(pattern)
    score, position, previous = (40 - whole if whole >= 0 else 0), 0, -2
    for letter in pattern:
        found = lower.find(letter, position)
        if found < 0:
            return None
        if found == previous + 1:
            score += 8
        elif found == 0 or not lower[found - 1].isalnum():
            score += 6
        else:
            score -= min(found - position, 5)
        previous, position = found, found + 1
    return score - len(text) // 20


class _RowDelegate(QStyledItemDelegate):
    """Title left, keys right; what cannot be done now is muted."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        return QSize(200, option.fontMetrics.height() + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        theme = current_theme()
        rect: QRect = option.rect
        action: QAction = index.data(Qt.ItemDataRole.UserRole)
        current = bool(option.state.name and "State_Selected" in str(option.state))
        painter.save()
        painter.fillRect(rect, theme.color("selection" if current else "surface"))
        inner = rect.adjusted(10, 0, -10, 0)
        painter.setPen(theme.color("text" if action.isEnabled() else "muted"))
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        keys_width = painter.fontMetrics().horizontalAdvance(keys)
        title = painter.fontMetrics().elidedText(
            action.text(), Qt.TextElideMode.ElideRight, inner.width() - keys_width - 12
        )
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), title)
        painter.setPen(theme.color("muted"))
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), keys)
        painter.restore()


class CommandPalette(QDialog):
    """Type, arrow keys, Enter. Shown without blocking; the action runs after it closed."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setWindowTitle("Find an action")
        self.setModal(True)
        self._actions = [action for action in actions if action.text()]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        self.edit = QLineEdit()
        self.edit.setPlaceholderText("Find an action")
        self.edit.setAccessibleName("Find an action")
        self.edit.setMinimumHeight(32)
        self.list = QListWidget()
        self.list.setAccessibleName("Actions")
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(_RowDelegate(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(self.edit)
        layout.addWidget(self.list)
        self.edit.textChanged.connect(self._filter)
        self.edit.installEventFilter(self)
        self.edit.returnPressed.connect(self._run_current)
        self.list.itemClicked.connect(lambda _item: self._run_current())
        self.resize(520, 380)
        self._filter("")

    def titles(self) -> list[str]:
        """The actions listed now, best first."""
        return [self.list.item(i).text() for i in range(self.list.count())]

    def _filter(self, text: str) -> None:
        ranked = [(fuzzy_score(text, action.text()), i, action) for i, action in enumerate(self._actions)]
        found = sorted((-score, i, action) for score, i, action in ranked if score is not None)
        self.list.clear()
        for _, _, action in found:
            item = QListWidgetItem(action.text())
            item.setData(Qt.ItemDataRole.UserRole, action)
            reason = "" if action.isEnabled() else action.toolTip()
            item.setToolTip(reason)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _run_current(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        action: QAction = item.data(Qt.ItemDataRole.UserRole)
        if action.isEnabled():
            self.accept()
            action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            moves = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
            if event.key() in moves and self.list.count():
                row = self.list.currentRow() + moves[Qt.Key(event.key())]
                self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
                return True
        return super().eventFilter(watched, event)
