"""What is taken for what: a matrix painted in cividis, each cell a filter for the errors below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.colour_maps import cividis
from workbench.shell.theme import luminance

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

MOST_CELL, LEAST_CELL, LEAST_HEIGHT = 44.0, 24.0, 22.0


class ConfusionMatrix(QWidget):
    """Rows are gold, columns predicted. ``cell_chosen(gold, predicted)``; both empty when the choice is taken back."""

    cell_chosen = Signal(str, str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._labels: tuple[str, ...] = ()
        self._counts = np.zeros((0, 0), dtype=np.int64)
        self._cursor = (0, 0)
        self._chosen: tuple[int, int] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Confusion matrix")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self.update)

    def show_counts(self, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """``counts[i][j]``: gold ``labels[i]`` predicted as ``labels[j]``."""
        self._labels = tuple(labels)
        self._counts = np.asarray(counts, dtype=np.int64).reshape(len(labels), len(labels))
        self._cursor, self._chosen = (0, 0), None
        self.setAccessibleDescription(self.summary())
        self.updateGeometry()
        self.update()

    def summary(self) -> str:
        """The largest confusions in words."""
        wrong = [
            (int(self._counts[i, j]), gold, predicted)
            for i, gold in enumerate(self._labels)
            for j, predicted in enumerate(self._labels)
            if i != j and self._counts[i, j]
        ]
        wrong.sort(reverse=True)
        return "; ".join(f"{gold} taken for {predicted} {count:,} times" for count, gold, predicted in wrong[:5])

    # -- geometry -----------------------------------------------------------------------------------------------

    def _margins(self) -> tuple[float, float]:
        """Room for the names of rows, and for those of columns with the line above them."""
        metrics = QFontMetricsF(self.font())
        widest = max((metrics.horizontalAdvance(label) for label in self._labels), default=20.0)
        return widest + 12, metrics.height() * 2 + 6

    def _cell(self) -> QSizeF:
        left, top = self._margins()
        count = max(1, len(self._labels))
        width = max(self._least_cell(), min(self._most_cell(), (self.width() - left - 4) / count))
        height = max(self._least_height(), min(self._most_cell(), (self.height() - top - 4) / count))
        return QSizeF(width, height)

    def _box(self, row: int, column: int) -> QRectF:
        left, top = self._margins()
        size = self._cell()
        return QRectF(
            left + column * size.width(), top + row * size.height(), size.width() - 1, size.height() - 1
        )

    def _least_cell(self) -> float:
        """A cell shows its column's name; many or long names are elided and told by the tooltip."""
        metrics = QFontMetricsF(self.font())
        least = max(LEAST_CELL, metrics.horizontalAdvance("888") + 4)
        wide = max((metrics.horizontalAdvance(label) for label in self._labels), default=0.0) + 4
        return min(self._most_cell(), max(least, wide)) if len(self._labels) <= 9 else least

    def _least_height(self) -> float:
        """Large text needs high cells."""
        return max(LEAST_HEIGHT, QFontMetricsF(self.font()).height() + 2)

    def _most_cell(self) -> float:
        return max(MOST_CELL, QFontMetricsF(self.font()).height() * 2.4)

    def sizeHint(self) -> QSize:
        left, top = self._margins()
        side = self._most_cell() * max(1, len(self._labels))
        return QSize(int(left + side) + 4, int(top + side) + 4)

    def minimumSizeHint(self) -> QSize:
        left, top = self._margins()
        count = max(1, len(self._labels))
        return QSize(int(left + self._least_cell() * count) + 4, int(top + self._least_height() * count) + 4)

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        left, top = self._margins()
        size = self._cell()
        column, row = int((place.x() - left) // size.width()), int((place.y() - top) // size.height())
        inside = 0 <= row < len(self._labels) and 0 <= column < len(self._labels)
        return (row, column) if inside else None

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = QFontMetricsF(self.font())
        left, top = self._margins()
        size = self._cell()
        muted, text = self._theme.color("muted"), self._theme.color("text")
        painter.setPen(muted)
        painter.drawText(QRectF(left, 0, self.width() - left, metrics.height()), "predicted →, gold ↓")
        wrong = self._counts.copy()
        np.fill_diagonal(wrong, 0)
        most = max(1, int(wrong.max(initial=0)))  # what is right would drown the errors: it stays out of the scale
        for i, label in enumerate(self._labels):
            painter.setPen(text)
            row = QRectF(0, top + i * size.height(), left - 6, size.height())
            painter.drawText(row, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
            column = QRectF(left + i * size.width(), top - metrics.height() - 2, size.width(), metrics.height())
            name = metrics.elidedText(label, Qt.TextElideMode.ElideRight, size.width() - 2)
            painter.drawText(column, Qt.AlignmentFlag.AlignCenter, name)
            for j in range(len(self._labels)):
                self._paint_cell(painter, i, j, most)
        cursor = self._cursor if self.hasFocus() else None
        for cell, role, width in ((self._chosen, "text", 2.4), (cursor, "accent", 2.0)):
            if cell is not None and self._labels:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(self._theme.color(role), width))
                painter.drawRect(self._box(*cell))
        painter.end()

    def _paint_cell(self, painter: QPainter, row: int, column: int, most: int) -> None:
        count = int(self._counts[row, column])
        box = self._box(row, column)
        if not count:
            painter.fillRect(box, self._theme.color("grid"))
            return
        if row == column:
            painter.fillRect(box, self._theme.color("selection"))
            painter.setPen(self._theme.color("text"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, short_count(count))
            return
        rgb = cividis(np.asarray([(count / most) ** 0.5]))[0]
        colour = QColor(int(rgb[0]), int(rgb[1]), int(rgb[2]))
        painter.fillRect(box, colour)
        painter.setPen(QColor("black" if luminance(colour) > 0.18 else "white"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, short_count(count))

    # -- choosing -----------------------------------------------------------------------------------------------

    def choose(self, cell: tuple[int, int] | None) -> None:
        """Filter by ``cell``; choosing it again, or None, takes the filter back."""
        self._chosen = None if cell == self._chosen else cell
        if self._chosen is not None:
            self._cursor = self._chosen
            self.cell_chosen.emit(self._labels[self._chosen[0]], self._labels[self._chosen[1]])
        else:
            self.cell_chosen.emit("", "")
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.choose(self.cell_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        key = Qt.Key(event.key())
        if key in steps and self._labels:
            last = len(self._labels) - 1
            self._cursor = tuple(  # type: ignore[assignment]
                min(last, max(0, at + step)) for at, step in zip(self._cursor, steps[key], strict=True)
            )
            self.update()
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._labels:
            self.choose(self._cursor)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            cell = self.cell_at(QPointF(event.pos()))
            if cell is not None:
                gold, predicted = self._labels[cell[0]], self._labels[cell[1]]
                count = int(self._counts[cell])
                share = count / max(1, int(self._counts[cell[0]].sum()))
                how = "found as" if gold == predicted else "taken for"
                QToolTip.showText(event.globalPos(), f"{gold} {how} {predicted}: {count:,} ({share:.1%})", self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)


def short_count(count: int) -> str:
    """12,345 as 12k, so that it fits a cell."""
    if count < 1000:
        return str(count)
    if count < 1_000_000:
        return f"{count / 1000:.1f}k" if count < 10_000 else f"{count // 1000}k"
    return f"{count / 1_000_000:.1f}M"
