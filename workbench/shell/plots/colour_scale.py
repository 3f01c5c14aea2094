"""A colour scale in one line: the least value, the colours, the greatest value, and what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from workbench.shell.colour_maps import cividis, diverging
from workbench.shell.theme import SMALL_FACTOR

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

COLOURS, WIDTH = 48, 2.5
"""How many colours are shown, each so many pixels wide."""


def paint_scale(
    painter: QPainter, room: QRectF, theme: Theme, limit: float, caption: str, *, signed: bool
) -> None:
    """Paint into ``room``: from 0 to ``limit``, or where ``signed`` from -``limit`` with 0 in the middle."""
    painter.setFont(theme.font(SMALL_FACTOR))
    metrics = QFontMetricsF(painter.font())
    raised = theme.color("raised")
    shares = np.linspace(-1.0 if signed else 0.0, 1.0, COLOURS)
    colours = diverging(shares, (raised.red(), raised.green(), raised.blue())) if signed else cividis(shares)
    low, top = f"{-limit if signed else 0.0:.2g}", f"{limit:.2g}"
    painter.setPen(theme.color("muted"))
    line = room.top() + (room.height() + metrics.ascent() - metrics.descent()) / 2
    at = room.left() + 10
    painter.drawText(QPointF(at, line), low)
    at += metrics.horizontalAdvance(low) + 6
    for red, green, blue in colours.tolist():
        bar = QRectF(at, room.top() + room.height() * 0.3, WIDTH + 0.1, room.height() * 0.4)
        painter.fillRect(bar, QColor(red, green, blue))
        at += WIDTH
    painter.drawText(QPointF(at + 6, line), top)
    at += metrics.horizontalAdvance(top) + 18
    left = max(0.0, room.right() - at - 8)
    painter.drawText(QPointF(at, line), metrics.elidedText(caption, Qt.TextElideMode.ElideRight, left))
