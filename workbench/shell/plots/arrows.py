"""Arrows along polylines: corners rounded, and a head where they arrive."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF

from workbench.shell.plots.routing import Point


def rounded_path(way: list[Point], radius: float = 5.0) -> QPainterPath:
    """A polyline with its corners rounded."""
    path = QPainterPath(QPointF(*way[0]))
    for before, here, after in zip(way, way[1:], way[2:], strict=False):
        a, b, c = QPointF(*before), QPointF(*here), QPointF(*after)
        first, second = _toward(b, a, radius), _toward(b, c, radius)
        path.lineTo(first)
        path.quadTo(b, second)
    path.lineTo(QPointF(*way[-1]))
    return path


def _toward(a: QPointF, b: QPointF, most: float) -> QPointF:
    """From ``a`` towards ``b``, half the way at most."""
    length = math.hypot(b.x() - a.x(), b.y() - a.y())
    share = min(most / length, 0.5) if length else 0.0
    return a + (b - a) * share


def paint_head(painter: QPainter, way: list[Point], colour: QColor, size: float = 6.0) -> None:
    """The head of an arrow that comes along ``way``."""
    (ax, ay), (bx, by) = way[-2], way[-1]
    angle = math.atan2(by - ay, bx - ax)
    tip = QPointF(bx, by)
    wings = [
        QPointF(bx - size * math.cos(angle + turn), by - size * math.sin(angle + turn)) for turn in (0.45, -0.45)
    ]
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([tip, *wings]))
    painter.restore()
