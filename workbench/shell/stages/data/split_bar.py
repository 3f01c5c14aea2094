"""How the records are divided, as one bar with counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

_SERIES = {"train": 0, "validation": 1, "test": 2}


class SplitBar(QWidget):
    """A bar with one stretch for each split, and the counts in words below it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._counts: dict[str, int] = {}
        self.unit = ""
        """What is counted, where it is not records."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Splits")
        theme.changed.connect(self.update)

    def show_counts(self, counts: Mapping[str, int], *, unit: str = "") -> None:
        """``unit`` "steps": each record is cut in time, and its steps are counted, not the records."""
        self._counts = {name: count for name, count in counts.items() if count}
        self.unit = unit
        how = f"\nEvery record is cut in time; counted are {unit}." if unit else ""
        self.setToolTip(self.summary() + how)
        self.setAccessibleDescription(self.summary())
        self.update()

    def summary(self) -> str:
        return " · ".join(self._words())

    def _words(self) -> list[str]:
        """The counts in words, the unit with the first."""
        words = [f"{name or 'no split'} {count:,}" for name, count in self._counts.items()]
        return [f"{words[0]} {self.unit}".rstrip(), *words[1:]] if words else []

    def sizeHint(self) -> QSize:
        return QSize(260, int(QFontMetricsF(self.font()).height()) + 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        total = sum(self._counts.values()) or 1
        x, width = 0.0, float(self.width())
        text_x = 0.0
        for (name, count), words in zip(self._counts.items(), self._words(), strict=True):
            colour = self._theme.series(_SERIES[name]) if name in _SERIES else self._theme.color("muted")
            share = width * count / total
            painter.setBrush(colour)
            painter.setPen(QPen(self._theme.color("surface"), 1.5))
            painter.drawRoundedRect(QRectF(x, 2, max(3.0, share), 9), 3, 3)
            painter.setPen(QPen(colour, 0))
            painter.drawRoundedRect(QRectF(text_x, 17 + metrics.height() / 2 - 4, 8, 8), 2, 2)
            painter.setPen(self._theme.color("text"))
            painter.drawText(QRectF(text_x + 12, 15, width, metrics.height() + 2), words)
            text_x += metrics.horizontalAdvance(words) + 28
            x += share
        painter.end()
