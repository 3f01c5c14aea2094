"""One record in the list: a sentence with its spans underlined, cut at the end of the cell; a series as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from workbench.api import LabelledText, Series, StoredRecord, TaggedTokens
from workbench.shell.stages.data.records_model import RECORD_ROLE, line_of
from workbench.shell.stages.data.sparkline import Sparklines
from workbench.shell.tokens.labelling import LabelColours, spans_of

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


_PAINTED = (TaggedTokens, LabelledText, Series)


class RecordDelegate(QStyledItemDelegate):
    """Paints the text column; ``layer`` is the span layer whose spans are shown ("" for none)."""

    def __init__(self, theme: Theme, colours: LabelColours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._colours = colours
        self._sparklines = Sparklines()
        self.layer = ""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        stored = index.data(RECORD_ROLE)
        if not isinstance(stored, StoredRecord) or not isinstance(stored.record, _PAINTED):
            super().paint(painter, option, index)
            return
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        area = QRectF(option.rect)
        if selected:
            painter.fillRect(area, self._theme.color("selection"))
        painter.setClipRect(area)
        inner = area.adjusted(6, 0, -6, 0)
        if isinstance(stored.record, Series):
            painter.setFont(option.font)
            self._sparklines.paint(painter, inner, stored.record, self._theme)
        elif isinstance(stored.record, LabelledText):
            self._paint_labelled(painter, inner, stored.record, option)
        elif isinstance(stored.record, TaggedTokens):
            self._paint_words(painter, inner, stored.record, option)
        painter.restore()

    def _paint_labelled(
        self, painter: QPainter, area: QRectF, record: LabelledText, option: QStyleOptionViewItem
    ) -> None:
        """The text, and its label at the right end with the label's line below it."""
        metrics = QFontMetricsF(option.font)
        painter.setFont(option.font)
        baseline = area.center().y() - metrics.height() / 2 + metrics.ascent()
        room = 0.0
        if record.label:
            label = metrics.elidedText(record.label, Qt.TextElideMode.ElideRight, area.width() / 3)
            room = metrics.horizontalAdvance(label) + 12
            left = area.right() - room + 12
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QPointF(left, baseline), label)
            painter.setPen(QPen(self._theme.series(self._colours.index(record.label)), 1.6))
            foot = baseline + metrics.descent()
            painter.drawLine(QPointF(left, foot), QPointF(area.right(), foot))
        painter.setPen(self._theme.color("text"))
        text = metrics.elidedText(line_of(record), Qt.TextElideMode.ElideRight, area.width() - room)
        painter.drawText(QPointF(area.left(), baseline), text)

    def _paint_words(
        self, painter: QPainter, area: QRectF, record: TaggedTokens, option: QStyleOptionViewItem
    ) -> None:
        metrics = QFontMetricsF(option.font)
        space = metrics.horizontalAdvance(" ")
        labels = record.layers.get(self.layer, ())
        begins = {span.start: span for span in spans_of(labels)} if labels else {}
        top = area.center().y() - metrics.height() / 2
        x, ellipsis = area.left(), metrics.horizontalAdvance("…")
        inside = None
        painter.setFont(option.font)
        for i, token in enumerate(record.tokens):
            inside = begins.get(i, inside if inside is not None and i < inside.end else None)
            width = metrics.horizontalAdvance(token)
            if x + width > area.right() - ellipsis and i < len(record.tokens) - 1:
                painter.setPen(self._theme.color("text"))
                painter.drawText(QPointF(x, top + metrics.ascent()), "…")
                return
            if inside is not None:
                colour = self._colours.index(inside.label)
                box = QRectF(x - 2, top, width + (space if i + 1 < inside.end else 0) + 4, metrics.height())
                if not self._theme.is_high_contrast:
                    painter.fillRect(box, self._theme.tint(colour))
                painter.setPen(QPen(self._theme.series(colour), 1.6))
                painter.drawLine(box.bottomLeft(), box.bottomRight())
            painter.setPen(self._theme.color("text"))
            painter.drawText(QPointF(x, top + metrics.ascent()), token)
            x += width + space
