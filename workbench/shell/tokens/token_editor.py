"""Keyboard and mouse of labelling: a token cursor, spans by Shift or dragging, digits that label, Enter goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from workbench.shell.tokens.labelling import LabelColours
from workbench.shell.tokens.token_flow import TokenFlow, _Line

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


class TokenEditor(TokenFlow):
    """A :class:`TokenFlow` with a cursor. It changes nothing by itself: it says what was asked for.

    ``label_requested(number)``: digit 1 to 9, or 0 to clear · ``accepted``: Enter · ``text_requested``: F2 or a
    double click · ``moved_on(step)``: Page Up and Page Down · ``cursor_moved(head)``.
    """

    label_requested = Signal(int)
    accepted = Signal()
    text_requested = Signal()
    moved_on = Signal(int)
    cursor_moved = Signal(int)

    def __init__(self, theme: Theme, colours: LabelColours | None = None, parent: QWidget | None = None) -> None:
        super().__init__(theme, colours, parent)
        self._anchor = 0
        self._head = 0
        self._dragging = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setAccessibleName("Tokens of the sentence")

    def place_cursor(self, head: int, anchor: int | None = None) -> None:
        """Move the cursor to token ``head``; with an ``anchor`` the tokens between are chosen."""
        last = max(0, len(self._tokens) - 1)
        self._head = min(max(0, head), last)
        self._anchor = self._head if anchor is None else min(max(0, anchor), last)
        self.update()
        self.cursor_moved.emit(self._head)

    @property
    def selection(self) -> tuple[int, int]:
        """The chosen tokens, end exclusive: at least the one under the cursor (empty only without tokens)."""
        if not self._tokens:
            return 0, 0
        return min(self._anchor, self._head), max(self._anchor, self._head) + 1

    @property
    def extended(self) -> bool:
        return self._anchor != self._head

    # -- keyboard -----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers()
        plain = modifiers & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier)
        if plain != Qt.KeyboardModifier.NoModifier:
            super().keyPressEvent(event)
            return
        extend = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        if self._move_for(key, extend):
            return
        if Qt.Key.Key_0 <= key <= Qt.Key.Key_9 and not extend:
            self.label_requested.emit(key - Qt.Key.Key_0)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.label_requested.emit(0)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
        elif key == Qt.Key.Key_F2:
            self.text_requested.emit()
        elif key == Qt.Key.Key_PageDown:
            self.moved_on.emit(1)
        elif key == Qt.Key.Key_PageUp:
            self.moved_on.emit(-1)
        elif key == Qt.Key.Key_Escape and self.extended:
            self.place_cursor(self._head)
        else:
            super().keyPressEvent(event)

    def _move_for(self, key: int, extend: bool) -> bool:
        targets = {
            Qt.Key.Key_Left: lambda: self._head - 1,
            Qt.Key.Key_Right: lambda: self._head + 1,
            Qt.Key.Key_Up: lambda: self.line_neighbour(self._head, -1),
            Qt.Key.Key_Down: lambda: self.line_neighbour(self._head, 1),
            Qt.Key.Key_Home: lambda: 0,
            Qt.Key.Key_End: lambda: len(self._tokens) - 1,
        }
        target = targets.get(Qt.Key(key))
        if target is None:
            return False
        self.place_cursor(target(), self._anchor if extend else None)
        return True

    # -- mouse --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._tokens:
            index = self.nearest_token(event.position())
            extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._dragging = True
            self.place_cursor(index, self._anchor if extend else None)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            index = self.nearest_token(event.position())
            if index >= 0 and index != self._head:
                self.place_cursor(index, self._anchor)
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._dragging = False
        self.text_requested.emit()

    # -- painting -----------------------------------------------------------------------------------------------

    def _paint_selection(self, painter: QPainter, lines: list[_Line]) -> None:
        start, end = self.selection
        accent = self._theme.color("accent")
        fill = QColor(accent)
        fill.setAlpha(46 if self.hasFocus() else 22)
        for line in lines:
            first, last = max(start, line.first), min(end, line.last)
            if first < last:
                box = self._rects[first].united(self._rects[last - 1]).adjusted(-3, -1, 3, 1)
                painter.setBrush(fill)
                painter.setPen(QPen(accent, 1.4) if self.hasFocus() else Qt.PenStyle.NoPen)
                painter.drawRoundedRect(box, 3, 3)
        if start < end and self.hasFocus():
            head = self._rects[self._head]
            painter.setPen(QPen(accent, 2.4))
            edge = head.right() + 3 if self._head >= self._anchor else head.left() - 3
            painter.drawLine(QPointF(edge, head.top()), QPointF(edge, head.bottom()))

    def cursor_rect(self) -> QRectF:
        """Where the cursor is, to scroll it into view."""
        return self.token_rect(self._head) if self._tokens else QRectF()
