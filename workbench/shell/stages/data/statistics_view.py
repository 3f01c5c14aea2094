"""What is in the dataset: figures, lengths, labels by split, unknown words, duplicates across splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.shell.widgets import Card, Figure, FlowLayout, Muted

if TYPE_CHECKING:
    from workbench.data import DatasetStatistics
    from workbench.shell.theme import Theme

ROWS_SHOWN = 40


class LengthHistogram(QWidget):
    """Records by length, in at most 40 bars; the last bar holds all longer ones."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._bars: list[tuple[str, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Records by length")
        theme.changed.connect(self.update)

    def show_lengths(self, lengths: Mapping[int, int]) -> None:
        """``lengths`` counts records by size."""
        self._bars = bin_lengths(lengths)
        summary = ", ".join(f"{name}: {count:,}" for name, count in self._bars[:60])
        self.setAccessibleDescription(summary)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 130)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 130)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bars:
            return
        painter = QPainter(self)
        metrics = QFontMetricsF(self.font())
        most = max(count for _, count in self._bars)
        height = self.height() - metrics.height() - 6
        width = self.width() / len(self._bars)
        painter.fillRect(QRectF(0, height, self.width(), 1), self._theme.color("border"))
        for i, (_, count) in enumerate(self._bars):
            tall = max(1.0, (height - 4) * count / most) if count else 0.0
            painter.fillRect(QRectF(i * width + 1, height - tall, max(1.0, width - 2), tall), self._theme.series(0))
        painter.setPen(self._theme.color("muted"))
        right_end = -100.0
        for i, (name, _) in enumerate(self._bars):
            advance = metrics.horizontalAdvance(name)
            left = min(i * width, self.width() - advance)
            if left > right_end + 12:
                painter.drawText(QRectF(left, height + 3, advance + 4, metrics.height()), name)
                right_end = left + advance
        painter.end()


def bin_lengths(lengths: Mapping[int, int], most_bars: int = 40) -> list[tuple[str, int]]:
    """Bars of equal width up to the 99th percentile, then one for what is longer."""
    total = sum(lengths.values())
    if not total:
        return []
    longest, seen = max(lengths), 0
    limit = longest
    for size in sorted(lengths):
        seen += lengths[size]
        if seen >= 0.99 * total:
            limit = size
            break
    step = max(1, -(-limit // most_bars))
    counts = [0] * (-(-max(1, limit) // step))
    beyond = 0
    for size, count in lengths.items():
        if size > limit:
            beyond += count
        else:
            counts[max(0, size - 1) // step] += count
    names = [str(i * step + 1) if step == 1 else f"{i * step + 1}–{(i + 1) * step}" for i in range(len(counts))]
    bars = list(zip(names, counts, strict=True))
    return [*bars, (f"> {limit}", beyond)] if beyond else bars


class StatisticsView(QScrollArea):
    """All statistics of one dataset, on cards."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Statistics of the dataset")
        self.viewport().setAutoFillBackground(False)
        self._content = QWidget()
        self.setWidget(self._content)
        self._content.setAutoFillBackground(False)
        self._layout = QVBoxLayout(self._content)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.histogram: LengthHistogram | None = None

    def show_statistics(self, found: DatasetStatistics, layers: Mapping[str, Mapping[str, object]]) -> None:
        """Rebuild the cards for ``found``."""
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        figures = QWidget()
        row = FlowLayout(figures, spacing=8, stretch=True)
        unknown = " · ".join(f"{split} {rate:.1%}" for split, rate in found.unknown_rate.items()) or "no training split"
        leaked = " · ".join(f"{split} {count:,}" for split, count in found.leaked.items()) or "none"
        for title, figure, note in (
            ("Records", f"{found.records:,}", f"{found.documents:,} documents"),
            ("Tokens", f"{found.steps:,}", f"mean length {found.mean_length:.1f}"),
            ("Different words", f"{found.vocabulary:,}", f"unknown: {unknown}"),
            ("Duplicates", f"{found.duplicates:,}", f"also in training: {leaked}"),
        ):
            card = Card(title)
            card.body.addWidget(Figure(figure))
            card.body.addWidget(Muted(note))
            row.addWidget(card)
        self._layout.addWidget(figures)
        self.histogram = LengthHistogram(self._theme)
        self.histogram.show_lengths(found.lengths)
        lengths = Card("Lengths", subtitle="records by number of tokens")
        lengths.body.addWidget(self.histogram)
        self._layout.addWidget(lengths)
        for layer, by_split in found.labels.items():
            kind = "entities" if layers.get(layer, {}).get("kind") == "span" else "tokens"
            card = Card(f"Labels of {layer}", subtitle=f"{kind} by split")
            card.body.addWidget(label_table(by_split))
            self._layout.addWidget(card)
        if found.problems:
            problems = Card("Problems")
            for name, count in found.problems.items():
                problems.body.addWidget(Muted(f"{name}: {count:,} records"))
            self._layout.addWidget(problems)
        self._layout.addStretch(1)


def label_table(by_split: Mapping[str, Mapping[str, int]]) -> QTableWidget:
    """Labels, the most frequent first, with a column for each split."""
    splits = list(by_split)
    totals: dict[str, int] = {}
    for counts in by_split.values():
        for label, count in counts.items():
            totals[label] = totals.get(label, 0) + count
    labels = sorted(totals, key=lambda label: -totals[label])[:ROWS_SHOWN]
    table = QTableWidget(len(labels), len(splits) + 2)
    table.setAccessibleName("Labels by split")
    table.setHorizontalHeaderLabels(["Label", *[split or "no split" for split in splits], "All"])
    for row, label in enumerate(labels):
        values: Sequence[int] = [*[by_split[split].get(label, 0) for split in splits], totals[label]]
        table.setItem(row, 0, QTableWidgetItem(label or "–"))
        for column, value in enumerate(values, start=1):
            item = QTableWidgetItem(f"{value:,}")
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(row, column, item)
    table.verticalHeader().hide()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    row_height = table.verticalHeader().defaultSectionSize()
    table.setFixedHeight(table.horizontalHeader().sizeHint().height() + row_height * max(1, len(labels)) + 4)
    table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return table
