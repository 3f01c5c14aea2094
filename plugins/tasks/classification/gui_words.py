"""Words with what each adds to an answer, as colour, line and figure. Only the shell imports this module."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.sdk import Theme

FOR, AGAINST = 0, 1
"""The series colours of words that speak for the answer and against it; the line below says the same without colour."""
_FAINT = 0.08
_PAD = 3.0


class WeightedWords(QWidget):
    """Words in reading order. For an answer: tinted, with a solid line below; against it: another tint, dotted."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._words: tuple[str, ...] = ()
        self._values: tuple[float, ...] = ()
        self._boxes: list[QRectF] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self.update)

    def show_words(self, words: Sequence[str], values: Sequence[float]) -> None:
        """Show ``words`` with a value each (none: plain words)."""
        self._words = tuple(words)
        self._values = tuple(values) if len(values) == len(words) else (0.0,) * len(words)
        self.setAccessibleName("Words that decided")
        self.setAccessibleDescription(self.summary())
        self.updateGeometry()
        self.update()

    @property
    def words(self) -> tuple[str, ...]:
        return self._words

    @property
    def values(self) -> tuple[float, ...]:
        return self._values

    def strongest(self, count: int = 5) -> list[tuple[str, float]]:
        """The words with the largest values, either way, that are worth naming."""
        largest = max(map(abs, self._values), default=0.0)
        pairs = [pair for pair in zip(self._words, self._values, strict=True) if abs(pair[1]) > _FAINT * largest]
        return sorted(pairs, key=lambda pair: -abs(pair[1]))[:count]

    def summary(self) -> str:
        return ", ".join(f"{word} {value:+.2f}" for word, value in self.strongest()) or " ".join(self._words)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(float(width))

    def sizeHint(self) -> QSize:
        return QSize(240, self._place(float(max(self.width(), 240))))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, int(self._line()))

    def _line(self) -> float:
        return QFontMetricsF(self.font()).height() + 12

    def _place(self, width: float) -> int:
        metrics, line = QFontMetricsF(self.font()), self._line()
        x = y = 0.0
        boxes: list[QRectF] = []
        for word in self._words:
            need = min(metrics.horizontalAdvance(word if word.strip() else "␣") + 2 * _PAD, max(width, 20.0))
            if x > 0 and x + need > width:
                x, y = 0.0, y + line
            boxes.append(QRectF(x, y, need, line))
            x += need + 2
        self._boxes = boxes
        return int(y + line)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._place(float(self.width()))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        largest = max(map(abs, self._values), default=0.0)
        visible = QRectF(event.rect())
        for box, word, value in zip(self._boxes, self._words, self._values, strict=True):
            if not box.intersects(visible):
                continue
            share = abs(value) / largest if largest > 0 else 0.0
            if share > _FAINT:
                series = FOR if value > 0 else AGAINST
                chip = QRectF(box.x(), box.center().y() - metrics.height() / 2 - 1, box.width(), metrics.height() + 2)
                tint = QColor(self._theme.series(series))
                tint.setAlphaF(0.08 + 0.34 * share)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(tint)
                painter.drawRoundedRect(chip, 3, 3)
                style = Qt.PenStyle.SolidLine if value > 0 else Qt.PenStyle.DotLine
                painter.setPen(QPen(self._theme.series(series), 1.0 + 1.5 * share, style))
                painter.drawLine(chip.bottomLeft() + QPointF(2, 0), chip.bottomRight() - QPointF(2, 0))
            painter.setPen(self._theme.color("text"))
            shown = metrics.elidedText(word if word.strip() else "␣", Qt.TextElideMode.ElideMiddle, box.width())
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), shown)

    def tip_at(self, position: QPointF) -> str:
        """What a word adds, in words; "" beside them."""
        for box, word, value in zip(self._boxes, self._words, self._values, strict=True):
            if box.contains(position):
                speaks = "for" if value > 0 else "against"
                return f"“{word}” speaks {speaks} the answer: {value:+.3f} nats of its log-odds" if value else word
        return ""

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            tip = self.tip_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), tip, self) if tip else QToolTip.hideText()
            return True
        return super().event(event)
