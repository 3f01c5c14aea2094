"""Small square buttons that carry a drawn sign instead of a word; the word is their name and their tooltip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.shell.theme import current_theme
from workbench.shell.widgets.buttons import Button, draw_focus_ring

Glyph = Literal["up", "down", "copy", "cross"]


class GlyphButton(Button):
    """A quiet button of 28 pixels (more where text is larger) with one of four signs."""

    def __init__(
        self, glyph: Glyph, name: str, parent: QWidget | None = None, *, on_click: Callable[[], object] | None = None
    ) -> None:
        super().__init__("", parent, kind="quiet", on_click=on_click)
        self._glyph: Glyph = glyph
        self.set_name(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_name(self, name: str, tip: str = "") -> None:
        """What it does, said by a screen reader and, with ``tip`` where it says more, under the mouse."""
        self.setAccessibleName(name)
        self.setToolTip(tip or name)

    def sizeHint(self) -> QSize:
        side = max(28, self.fontMetrics().height() + 10)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        fill, _, colour = self._colours(theme)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if fill is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawRoundedRect(rect, 6, 6)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        pen = QPen(colour, 1.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        middle, unit = rect.center(), self.height() / 28
        painter.translate(middle)
        painter.scale(unit, unit)
        if self._glyph == "cross":
            painter.drawLine(QPointF(-4, -4), QPointF(4, 4))
            painter.drawLine(QPointF(-4, 4), QPointF(4, -4))
        elif self._glyph == "copy":
            painter.drawRoundedRect(QRectF(-5, -5, 7, 7), 1.5, 1.5)
            painter.drawPolyline([QPointF(4.5, -2), QPointF(4.5, 4.5), QPointF(-2, 4.5)])
        else:
            turn = 1 if self._glyph == "up" else -1
            painter.drawLine(QPointF(0, -5 * turn), QPointF(0, 5 * turn))
            painter.drawPolyline([QPointF(-3.5, -1.5 * turn), QPointF(0, -5 * turn), QPointF(3.5, -1.5 * turn)])
