"""A sentence that wraps: tinted, underlined spans with their label in small print, or a small label below each word."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.api import LabelledSpan
from workbench.shell.tokens.labelling import LabelColours, span_type

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

_PAD = 4.0
"""Pixels of tint beside a word."""


@dataclass(slots=True)
class _Line:
    top: float
    first: int
    last: int
    """One past the last token of the line."""


def probability_text(probability: float) -> str:
    """``.98`` as in the margins of a tagged text; a certain one reads 1.0."""
    return "1.0" if probability >= 0.995 else f"{probability:.2f}".lstrip("0")


class TokenFlow(QWidget):
    """Read-only view of one sentence; :class:`~workbench.shell.tokens.token_editor.TokenEditor` adds editing.

    ``token_hovered`` carries the index of the token under the mouse, -1 when it leaves.
    """

    token_hovered = Signal(int)
    token_clicked = Signal(int)

    def __init__(self, theme: Theme, colours: LabelColours | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._colours = colours or LabelColours()
        self._tokens: tuple[str, ...] = ()
        self._spans: tuple[LabelledSpan, ...] = ()
        self._under: tuple[str, ...] = ()
        self._broken: frozenset[int] = frozenset()
        self._alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()
        self._changed: frozenset[int] = frozenset()
        self._show_probabilities = True
        self._muted = False
        self._hovered = -1
        self._marked = -1
        self._rects: list[QRectF] = []
        self._tails: dict[int, QRectF] = {}
        self._lines: list[_Line] = []
        self._laid_out_width = -1.0
        self._height = 0.0
        self.setMouseTracking(True)
        self.setAccessibleName("Sentence")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self.update)

    # -- content ------------------------------------------------------------------------------------------------

    def set_content(
        self,
        tokens: Sequence[str],
        spans: Sequence[LabelledSpan] = (),
        *,
        under: Sequence[str] = (),
        broken: frozenset[int] = frozenset(),
        alternatives: Sequence[Sequence[tuple[str, float]]] = (),
        changed: frozenset[int] = frozenset(),
        probabilities: bool = True,
        muted: bool = False,
    ) -> None:
        """Show ``tokens`` with ``spans``; ``under`` is a label below every word, ``broken`` are marked as wrong,
        ``changed`` as different from their counterpart, ``muted`` paints an old answer."""
        self._tokens = tuple(tokens)
        self._spans = tuple(spans)
        self._under = tuple(under)
        self._broken = broken
        self._alternatives = tuple(tuple(one) for one in alternatives)
        self._changed = changed
        self._show_probabilities = probabilities
        self._muted = muted
        self._marked = min(self._marked, len(self._tokens) - 1)
        self._invalidate()
        self.setAccessibleDescription(self.summary())

    def clear(self) -> None:
        self.set_content(())

    @property
    def tokens(self) -> tuple[str, ...]:
        return self._tokens

    @property
    def spans(self) -> tuple[LabelledSpan, ...]:
        return self._spans

    def alternatives(self, index: int) -> tuple[tuple[str, float], ...]:
        return self._alternatives[index] if 0 <= index < len(self._alternatives) else ()

    def mark(self, index: int) -> None:
        """Frame one token, as the time scrubber does; -1 frames none."""
        if index != self._marked:
            self._marked = index
            self.update()

    def set_colours(self, colours: LabelColours) -> None:
        self._colours = colours
        self.update()

    def summary(self) -> str:
        """The sentence in words, for screen readers and tests."""
        if self._under:
            return " ".join(f"{token}/{label}" for token, label in zip(self._tokens, self._under, strict=False))
        marked = {span.start: span for span in self._spans}
        words: list[str] = []
        i = 0
        while i < len(self._tokens):
            span = marked.get(i)
            if span is None:
                words.append(self._tokens[i])
                i += 1
            else:
                words.append(f"[{' '.join(self._tokens[i : span.end])}: {span.label}]")
                i = max(span.end, i + 1)
        return " ".join(words)

    # -- layout -------------------------------------------------------------------------------------------------

    def _invalidate(self) -> None:
        self._laid_out_width = -1.0
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._invalidate()
        super().changeEvent(event)

    def _small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(6.5, font.pointSizeF() * 0.82))
        return font

    def _tail_text(self, span: LabelledSpan) -> str:
        if self._show_probabilities:
            return f"{span.label} {probability_text(span.probability)}"
        return span.label

    def _lay_out(self, width: float) -> None:
        if width == self._laid_out_width:
            return
        self._laid_out_width = width
        metrics, small = QFontMetricsF(self.font()), QFontMetricsF(self._small_font())
        space = metrics.horizontalAdvance(" ") + (7 if self._under else 0)
        word_height = metrics.height() + 4
        line_height = word_height + (small.height() + 8 if self._under else 9)
        widths: dict[str, float] = {}
        span_end = {span.end - 1: span for span in self._spans}
        span_start = {span.start for span in self._spans}
        inside = {i for span in self._spans for i in range(span.start, span.end)}
        self._rects, self._tails, self._lines = [], {}, []
        x, top = _PAD, 2.0
        first = 0
        for i, token in enumerate(self._tokens):
            advance = widths.get(token)
            if advance is None:
                advance = widths[token] = metrics.horizontalAdvance(token or " ")
            if i < len(self._under):
                advance = max(advance, small.horizontalAdvance(self._under[i]))
            if i in span_start:
                x += _PAD
            tail = span_end.get(i)
            tail_width = small.horizontalAdvance(self._tail_text(tail)) + _PAD + 2 if tail else 0.0
            if i > first and x + advance + tail_width + _PAD > width:
                self._lines.append(_Line(top, first, i))
                first, x, top = i, _PAD * (2 if i in inside else 1), top + line_height
            self._rects.append(QRectF(x, top, advance, word_height))
            x += advance
            if tail:
                self._tails[i] = QRectF(x + _PAD + 2, top, tail_width, word_height)
                x += tail_width + _PAD
            x += space
        if self._tokens:
            self._lines.append(_Line(top, first, len(self._tokens)))
        self._height = top + line_height if self._tokens else word_height

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        self._lay_out(float(width))
        return int(self._height) + 2

    def sizeHint(self) -> QSize:
        width = self.width() if self.width() > 60 else 420
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, int(QFontMetricsF(self.font()).height()) + 14)

    def token_at(self, position: QPointF) -> int:
        """The token at ``position``, -1 beside them."""
        self._lay_out(float(self.width()))
        line = self._line_at(position.y())
        if line is None:
            return -1
        for i in range(line.first, line.last):
            if self._rects[i].adjusted(-_PAD, -2, _PAD, 6).contains(position):
                return i
            tail = self._tails.get(i)
            if tail is not None and tail.contains(position):
                return i
        return -1

    def nearest_token(self, position: QPointF) -> int:
        """The token a drag to ``position`` means: the last one that begins before it on its line."""
        self._lay_out(float(self.width()))
        line = self._line_at(position.y())
        if line is None:
            return len(self._tokens) - 1 if self._tokens and position.y() > 0 else (0 if self._tokens else -1)
        nearest = line.first
        for i in range(line.first, line.last):
            if self._rects[i].left() - _PAD <= position.x():
                nearest = i
        return nearest

    def _line_at(self, y: float) -> _Line | None:
        place = bisect_right([line.top for line in self._lines], y) - 1
        return self._lines[place] if 0 <= place < len(self._lines) and y < self._height else None

    def line_neighbour(self, index: int, step: int) -> int:
        """The token above (-1) or below (+1) ``index``, for the arrow keys."""
        self._lay_out(float(self.width()))
        for number, line in enumerate(self._lines):
            if line.first <= index < line.last:
                other = number + step
                if not 0 <= other < len(self._lines):
                    return index
                centre = self._rects[index].center().x()
                target = self._lines[other]
                return min(range(target.first, target.last), key=lambda i: abs(self._rects[i].center().x() - centre))
        return index

    def token_rect(self, index: int) -> QRectF:
        self._lay_out(float(self.width()))
        return QRectF(self._rects[index])

    # -- painting -----------------------------------------------------------------------------------------------

    def tint(self, label: str) -> QColor:
        """The pale background of a label; the underline and the word say the same."""
        return self._theme.tint(self._colours.index(label))

    def paintEvent(self, event: QPaintEvent) -> None:
        self._lay_out(float(self.width()))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        clip = QRectF(event.rect())
        lines = [line for line in self._lines if line.top <= clip.bottom() and line.top + 60 >= clip.top()]
        if lines:
            first, last = lines[0].first, lines[-1].last
            self._paint_spans(painter, lines, first, last)
            self._paint_selection(painter, lines)
            self._paint_words(painter, first, last)
        self._paint_focus(painter)
        painter.end()

    def _paint_spans(self, painter: QPainter, lines: list[_Line], first: int, last: int) -> None:
        small = self._small_font()
        muted = self._theme.color("muted")
        for span in self._spans:
            if span.end <= first or span.start >= last:
                continue
            line_colour = QColor(self._theme.series(self._colours.index(span.label)))
            for line in lines:
                start, end = max(span.start, line.first), min(span.end, line.last)
                if start >= end:
                    continue
                box = self._rects[start].united(self._rects[end - 1]).adjusted(-_PAD, 0, _PAD, 0)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.tint(span.label))
                painter.drawRoundedRect(box, 3, 3)
                painter.setPen(QPen(line_colour, 2))
                painter.drawLine(box.bottomLeft() + QPointF(1, 1), box.bottomRight() + QPointF(-1, 1))
            tail = self._tails.get(span.end - 1)
            if tail is not None:
                painter.setFont(small)
                painter.setPen(muted)
                painter.drawText(
                    tail, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._tail_text(span)
                )

    def _paint_selection(self, painter: QPainter, lines: list[_Line]) -> None:
        """What is chosen, between the tints and the words; the plain view frames the marked token only."""
        if 0 <= self._marked < len(self._rects):
            painter.setPen(QPen(self._theme.color("accent"), 1.5))
            painter.setBrush(self._theme.color("selection"))
            painter.drawRoundedRect(self._rects[self._marked].adjusted(-2, 0, 2, 1), 3, 3)

    def _paint_words(self, painter: QPainter, first: int, last: int) -> None:
        text = self._theme.color("muted" if self._muted else "text")
        small = self._small_font()
        small_height = QFontMetricsF(small).height()
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self.font())
        painter.setPen(text)
        for i in range(first, last):
            # a little more room than measured: hinting may round a glyph up, and clipping would cut it
            painter.drawText(self._rects[i].adjusted(0, 0, 3, 0), left, self._tokens[i])
        if self._under:
            painter.setFont(small)
            for i in range(first, min(last, len(self._under))):
                below = self._rects[i]
                painter.setPen(self._theme.color("danger" if i in self._changed else "muted"))
                place = QRectF(below.left(), below.bottom() + 1, below.width() + 3, small_height)
                painter.drawText(place, left, self._under[i])
        for i in range(first, last):
            if i in self._broken or (i in self._changed and not self._under):
                pen = QPen(self._theme.color("danger"), 1.6, Qt.PenStyle.DotLine)
                painter.setPen(pen)
                box = self._rects[i]
                painter.drawLine(box.bottomLeft() + QPointF(0, 4), box.bottomRight() + QPointF(0, 4))

    def _paint_focus(self, painter: QPainter) -> None:
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color("accent"), 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.8, 0.8, -0.8, -0.8), 4, 4)

    # -- pointing -----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.token_at(event.position())
        if index != self._hovered:
            self._hovered = index
            self.token_hovered.emit(index)
        super().mouseMoveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.token_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index >= 0:
            self.token_clicked.emit(index)
        super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        if self._hovered != -1:
            self._hovered = -1
            self.token_hovered.emit(-1)
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self.tooltip(self.token_at(QPointF(event.pos())))
            if text:
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def tooltip(self, index: int) -> str:
        """The alternatives of a token with bars, or what is broken about it; "" for nothing to say."""
        if index < 0:
            return ""
        if index in self._broken:
            return "This label says “inside a span”, but the word before it is in no span of this type."
        rows = []
        for label, probability in self.alternatives(index):
            colour = self._theme.series(self._colours.index(span_type(label) or label)).name()
            bar = "▇" * max(1, round(probability * 14))
            rows.append(
                f"<tr><td>{escape(label)}&nbsp;</td><td><span style='color:{colour}'>{bar}</span></td>"
                f"<td align='right'>&nbsp;{probability:.1%}</td></tr>"
            )
        if not rows:
            return ""
        return f"<b>{escape(self._tokens[index])}</b><table cellspacing='1'>{''.join(rows)}</table>"
