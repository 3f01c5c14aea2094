"""Attention as a map: a row for each symbol written, a column for each step read, both labelled with their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.colour_maps import cividis

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

_TURN = 50.0
"""Degrees by which the words above the columns are turned, so that long ones do not cover one another."""


class AttentionMap(QWidget):
    """``cell_chosen(row, column)`` follows clicks and the arrow keys."""

    cell_chosen = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._weights: NDArray[np.float64] = np.zeros((0, 0))
        self._rows: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._row = self._column = 0
        self._image: QImage | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Attention")
        theme.changed.connect(self._changed)

    def show_weights(self, weights: NDArray[np.float64] | None, rows: Sequence[str], columns: Sequence[str]) -> None:
        """``weights`` (rows, columns), each row a distribution; None for a model that does not attend."""
        self._weights = np.zeros((0, 0)) if weights is None else np.asarray(weights, dtype=np.float64)
        if self._weights.ndim != 2:
            self._weights = np.zeros((0, 0))
        tall, wide = self._weights.shape
        self._rows = (*tuple(rows)[:tall], *("",) * (tall - len(rows)))
        self._columns = (*tuple(columns)[:wide], *("",) * (wide - len(columns)))
        self._row, self._column = min(self._row, max(0, tall - 1)), min(self._column, max(0, wide - 1))
        self._image = None
        if self._weights.size:
            rgb = np.ascontiguousarray(cividis(np.nan_to_num(self._weights)))
            # a copy: the image must outlive the array
            self._image = QImage(rgb.data, wide, tall, wide * 3, QImage.Format.Format_RGB888).copy()
        self._changed()

    @property
    def cell(self) -> tuple[int, int]:
        return self._row, self._column

    def choose(self, row: int, column: int) -> None:
        """Frame a cell without telling."""
        tall, wide = self._weights.shape
        if 0 <= row < tall and 0 <= column < wide and (row, column) != (self._row, self._column):
            self._row, self._column = row, column
            self.setAccessibleDescription(self.summary())
            self.update()

    def summary(self) -> str:
        """The chosen cell in words."""
        if not self._weights.size:
            return "no attention"
        weight = self._weights[self._row, self._column]
        most = int(np.nanargmax(self._weights[self._row])) if np.isfinite(self._weights[self._row]).any() else 0
        return (
            f"{self._rows[self._row]} looks at {self._columns[self._column]} with {weight:.3f}; "
            f"most at {self._columns[most]} with {self._weights[self._row, most]:.3f}"
        )

    def _changed(self) -> None:
        self.setAccessibleDescription(self.summary())
        self.updateGeometry()
        self.update()

    # -- geometry -----------------------------------------------------------------------------------------------

    def _margins(self) -> tuple[float, float]:
        """Room for the words at the left and above."""
        metrics = QFontMetricsF(self.font())
        limit = metrics.averageCharWidth() * 16
        left = max((min(limit, metrics.horizontalAdvance(word)) for word in self._rows), default=0.0) + 12
        longest = max((min(limit, metrics.horizontalAdvance(word)) for word in self._columns), default=0.0)
        return left, longest * float(np.sin(np.radians(_TURN))) + metrics.height()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        left, top = self._margins()
        tall, wide = self._weights.shape
        each = metrics.height() + 6
        return QSize(int(left + each * wide + metrics.averageCharWidth() * 12), int(top + each * max(1, tall) + 8))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _map(self) -> QRectF:
        left, top = self._margins()
        tall, wide = self._weights.shape
        metrics = QFontMetricsF(self.font())
        each_x = min(metrics.height() * 3, (self.width() - left - metrics.averageCharWidth() * 11) / max(1, wide))
        each_y = min(metrics.height() * 2, (self.height() - top - 6) / max(1, tall))
        return QRectF(left, top, max(1.0, each_x * wide), max(1.0, each_y * tall))

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(row, column) under ``place``."""
        area = self._map()
        tall, wide = self._weights.shape
        if not self._weights.size or not area.contains(place):
            return None
        row = int((place.y() - area.top()) / area.height() * tall)
        column = int((place.x() - area.left()) / area.width() * wide)
        return min(row, tall - 1), min(column, wide - 1)

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None:
            painter.setPen(self._theme.color("muted"))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), "This model does not attend.")
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._map()
        painter.drawImage(area, self._image)
        painter.setPen(QPen(self._theme.color("border"), 1))
        painter.drawRect(area)
        tall, wide = self._weights.shape
        row, column = area.height() / tall, area.width() / wide
        metrics = QFontMetricsF(self.font())
        limit = metrics.averageCharWidth() * 16
        for i, word in enumerate(self._rows):
            painter.setPen(self._theme.color("text" if i == self._row else "muted"))
            cut = metrics.elidedText(word, Qt.TextElideMode.ElideRight, limit)
            place = QRectF(0, area.top() + i * row, area.left() - 6, row)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), cut)
        for i, word in enumerate(self._columns):
            painter.setPen(self._theme.color("text" if i == self._column else "muted"))
            painter.save()
            painter.translate(area.left() + (i + 0.5) * column, area.top() - 4)
            painter.rotate(-_TURN)
            painter.drawText(QPointF(0, 0), metrics.elidedText(word, Qt.TextElideMode.ElideRight, limit))
            painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.color("accent"), 2))
        painter.drawRect(QRectF(area.left(), area.top() + self._row * row, area.width(), row))
        cell = QRectF(area.left() + self._column * column, area.top() + self._row * row, column, row)
        for role, width in (("surface", 4.0), ("text", 1.8)):  # seen on the darkest and on the lightest cell
            painter.setPen(QPen(self._theme.color(role), width))
            painter.drawRect(cell.adjusted(1, 1, -1, -1))
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color("accent"), 1.2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.8, 0.8, -0.8, -0.8), 4, 4)
        painter.end()

    # -- choosing -----------------------------------------------------------------------------------------------

    def _go(self, row: int, column: int) -> None:
        tall, wide = self._weights.shape
        if tall and wide:
            self.choose(min(max(0, row), tall - 1), min(max(0, column), wide - 1))
            self.cell_chosen.emit(self._row, self._column)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self.cell_at(event.position())
        self.setFocus()
        if found is not None:
            self._go(*found)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}
        move = moves.get(Qt.Key(event.key()))
        if move is None or not self._weights.size:
            super().keyPressEvent(event)
            return
        self._go(self._row + move[0], self._column + move[1])

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            found = self.cell_at(QPointF(event.pos()))
            if found is None:
                QToolTip.hideText()
            else:
                row, column = found
                text = f"{self._rows[row]} looks at {self._columns[column]}: {self._weights[row, column]:.3f}"
                QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))
