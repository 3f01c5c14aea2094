"""A text whose tokens are tinted by how much they surprised a model. Only the shell imports this module."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget
from workbench_plugins.tasks.language_modelling.result import LanguageModelResult

from workbench.shell.sdk import Theme

MOST_BITS = 12.0
"""Surprise at which a token has its full colour: one chance in 4,096."""
MOST_SHOWN = 3_000
"""Tokens shown, the last ones."""
_UNSPACED = ("characters", "bpe", "unigram")


class SurpriseText(QWidget):
    """A text whose tokens are tinted, and underlined, the more the model was surprised by them."""

    token_hovered = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._pieces: list[tuple[str, int]] = []
        """Stretches of text: of token i, or -1 for what stands between tokens; "\\n" begins a line."""
        self._result: LanguageModelResult | None = None
        self._boxes: list[tuple[QRectF, str, int]] = []
        self._marked = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Surprise by token")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self.update)

    def show_result(self, result: LanguageModelResult | None) -> None:
        self._result = result
        self._pieces = _pieces(result) if result is not None else []
        self._marked = -1
        self.setAccessibleDescription(self.summary())
        self.updateGeometry()
        self.update()

    def bits(self, token: int) -> float:
        """The surprise of a token, -log2 of its probability."""
        assert self._result is not None
        return -self._result.log_probabilities[token] / math.log(2)

    def summary(self) -> str:
        """The most surprising tokens in words."""
        result = self._result
        if result is None or not result.log_probabilities:
            return ""
        worst = sorted(range(len(result.log_probabilities)), key=lambda i: result.log_probabilities[i])[:3]
        return "Most surprising: " + ", ".join(f"{result.tokens[i]} ({self.bits(i):.1f} bits)" for i in worst)

    def tip(self, token: int) -> str:
        """What there is to know of a token."""
        result = self._result
        if result is None or not 0 <= token < len(result.log_probabilities):
            return ""
        chance = math.exp(result.log_probabilities[token])
        parts = [f"“{result.tokens[token]}”", f"{self.bits(token):.1f} bits, {_percent(chance)}"]
        if token < len(result.ranks):
            parts.append(f"rank {result.ranks[token]:,}")
        if token < len(result.expected):
            parts.append("expected: " + ", ".join(f"{name} {_percent(p)}" for name, p in result.expected[token][:3]))
        return " · ".join(parts)

    # -- layout and painting --------------------------------------------------------------------------------------

    def _line_height(self) -> float:
        return QFontMetricsF(self.font()).height() + 8

    def _place(self, width: float) -> int:
        metrics, line = QFontMetricsF(self.font()), self._line_height()
        x = y = 0.0
        boxes: list[tuple[QRectF, str, int]] = []
        for text, token in self._pieces:
            if token < 0 and text == "\n":
                x, y = 0.0, y + line
                continue
            need = metrics.horizontalAdvance(text)
            if x > 0 and x + need > width:
                x, y = 0.0, y + line
                if token < 0:
                    continue  # a space at the end of a line
            boxes.append((QRectF(x, y, need, line), text, token))
            x += need
        self._boxes = boxes
        return int(y + line)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(float(max(1, width)))

    def sizeHint(self) -> QSize:
        return QSize(240, self._place(float(max(self.width(), 240))))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, int(self._line_height()))

    def _tint(self, share: float) -> QColor:
        surface, strong = self._theme.color("surface"), self._theme.series(1)
        if self._theme.is_high_contrast:
            return surface
        share *= 0.42 if self._theme.is_dark else 0.5
        return QColor.fromRgbF(
            surface.redF() + (strong.redF() - surface.redF()) * share,
            surface.greenF() + (strong.greenF() - surface.greenF()) * share,
            surface.blueF() + (strong.blueF() - surface.blueF()) * share,
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self._place(float(self.width()))
        text_height = QFontMetricsF(self.font()).height()
        for box, text, token in self._boxes:
            if not box.intersects(QRectF(event.rect())):
                continue
            if token >= 0:
                share = min(1.0, max(0.0, self.bits(token) / MOST_BITS))
                chip = QRectF(box.x(), box.center().y() - text_height / 2, box.width(), text_height)
                painter.fillRect(chip, self._tint(share))
                painter.setPen(QPen(self._theme.series(1), 1.0 + round(2.0 * share)))
                painter.drawLine(chip.bottomLeft(), chip.bottomLeft() + QPointF(chip.width() * share, 0))
                if token == self._marked:
                    painter.setPen(QPen(self._theme.color("accent"), 1.5))
                    painter.drawRect(chip.adjusted(0.5, 0.5, -0.5, -0.5))
            painter.setPen(self._theme.color("text"))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.end()

    # -- mouse and keys -------------------------------------------------------------------------------------------

    def _at(self, place: QPointF) -> int:
        return next((token for box, _, token in self._boxes if token >= 0 and box.contains(place)), -1)

    def mark(self, token: int) -> None:
        if token != self._marked:
            self._marked = token
            self.update()
            self.token_hovered.emit(token)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mark(self._at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self.mark(-1)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go from token to token, as the mouse does."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        count = len(self._result.log_probabilities) if self._result is not None else 0
        if step is None or not count:
            super().keyPressEvent(event)
            return
        self.mark(min(max(0, self._marked + step), count - 1))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            tip = self.tip(self._at(QPointF(event.pos())))
            if tip:
                QToolTip.showText(event.globalPos(), tip, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)


def _pieces(result: LanguageModelResult) -> list[tuple[str, int]]:
    """The text in stretches, the last :data:`MOST_SHOWN` tokens of it."""
    found: list[tuple[str, int]] = []
    first = max(0, len(result.tokens) - MOST_SHOWN)
    place = result.offsets[first][0] if len(result.offsets) > first else 0
    for index in range(first, min(len(result.tokens), len(result.log_probabilities))):
        token = result.tokens[index]
        if index < len(result.offsets):
            start, end = result.offsets[index]
            between, place = result.prefix[place:start], max(place, end)
            for line, part in enumerate(between.split("\n")):
                if line:
                    found.append(("\n", -1))
                if part:
                    found.append((part, -1))
        elif found and result.units not in _UNSPACED:
            found.append((" ", -1))
        found.append((token.replace("▁", " ").replace("␣", " ") or " ", index))
        if token == "⏎":
            found.append(("\n", -1))
    return found


def _percent(chance: float) -> str:
    return f"{chance:.1%}" if chance >= 0.001 else f"1 in {min(1 / max(chance, 1e-300), 1e12):,.0f}"
