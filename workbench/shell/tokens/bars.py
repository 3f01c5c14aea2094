"""Probabilities as bars with their names and figures: alternatives of a token, outputs at a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.shell.tokens.labelling import LabelColours, span_type

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


class ProbabilityBars(QWidget):
    """Rows of name, bar and figure; ``limit`` keeps the most probable ones."""

    def __init__(self, theme: Theme, colours: LabelColours | None = None, *, limit: int = 6) -> None:
        super().__init__()
        self._theme = theme
        self._colours = colours or LabelColours()
        self._limit = limit
        self._values: tuple[tuple[str, float], ...] = ()
        self._title = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName("Probabilities")
        theme.changed.connect(self.update)

    def show_values(self, values: Sequence[tuple[str, float]], title: str = "") -> None:
        ranked = sorted(values, key=lambda item: -item[1])[: self._limit]
        self._values = tuple(ranked)
        self._title = title
        self.setAccessibleDescription(self.summary())
        self.updateGeometry()
        self.update()

    @property
    def values(self) -> tuple[tuple[str, float], ...]:
        return self._values

    def summary(self) -> str:
        return ", ".join(f"{name} {value:.1%}" for name, value in self._values)

    def _row_height(self) -> float:
        return QFontMetricsF(self.font()).height() + 6

    def sizeHint(self) -> QSize:
        rows = self._limit if not self._values else len(self._values)
        return QSize(220, int(rows * self._row_height()) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, int(self._row_height() * max(1, min(len(self._values), 3))) + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        height = self._row_height()
        names = max((metrics.horizontalAdvance(name) for name, _ in self._values), default=0.0) + 8
        names = min(names, self.width() * 0.45)
        figures = metrics.horizontalAdvance("100.0 %") + 8
        room = max(10.0, self.width() - names - figures)
        fitting = max(1, int(self.height() // height))
        for row, (name, value) in enumerate(self._values[:fitting]):
            top = row * height
            painter.setPen(self._theme.color("text"))
            elided = metrics.elidedText(name, Qt.TextElideMode.ElideRight, names - 6)
            painter.drawText(QRectF(0, top, names, height), Qt.AlignmentFlag.AlignVCenter, elided)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("grid"))
            track = QRectF(names, top + height / 2 - 4, room, 8)
            painter.drawRoundedRect(track, 4, 4)
            kind = span_type(name)
            colour = self._theme.series(self._colours.index(kind)) if kind else self._theme.color("muted")
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(track.left(), track.top(), max(3.0, room * value), 8), 4, 4)
            painter.setPen(self._theme.color("text"))
            place = QRectF(self.width() - figures, top, figures, height)
            right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(place, right, f"{value * 100:.1f} %")
        painter.end()
