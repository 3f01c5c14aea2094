"""Asking a language model: a beginning that is typed, what may come next, how it might go on, and what surprised it.

Only the shell imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QToolTip,
    QVBoxLayout,
    QWidget,
)
from workbench_plugins.tasks.language_modelling.result import LanguageModelResult

from workbench.api import Cancelled, WorkbenchError
from workbench.shell.sdk import (
    Button,
    Card,
    FlowLayout,
    LabelColours,
    Muted,
    PanelContext,
    ProbabilityBars,
    Text,
    Theme,
)

TYPING_PAUSE_MS = 200
ALTERNATIVES = 4
MOST_BITS = 12.0
"""Surprise at which a token has its full colour: one chance in 4,096."""
MOST_SHOWN = 3_000
LONGEST_PASTE = 100_000
"""Characters of a beginning that are sent at most, the last ones."""
_UNSPACED = ("characters", "bpe", "unigram")


class _OneColour(LabelColours):
    """Symbols are no kinds of things: their bars have one colour."""

    def index(self, label: str) -> int:
        return 0


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


class LanguageModelView(QWidget):
    """What a language model answers. In the stage Use it has an input of its own and asks as one types.

    Elsewhere (``settings["place"]`` "train", "evaluate", or a small place) it shows the text that was written on, or
    the surprise of one that was only read.
    """

    asks_itself: ClassVar[bool] = True

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self._own = context.settings.get("place") == "use" and not context.settings.get("compact", False)
        self._handle: Any = None
        self._again = False
        self._prefilled = ""
        self._result: LanguageModelResult | None = None
        self.prefix_label = Muted("", self)
        self.prefix_label.hide()
        self.continuation = Text("")
        self.continuation.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notice = Muted("")
        self.notice.hide()
        self.surprise = SurpriseText(context.theme)
        self.bars = ProbabilityBars(context.theme, _OneColour(), limit=8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        if self._own:
            self._build_page(layout)
        else:
            for widget in (self.prefix_label, self.continuation, self.surprise, self.notice):
                layout.addWidget(widget)
            self.surprise.hide()

    # -- the page of the stage Use --------------------------------------------------------------------------------

    def _build_page(self, layout: QVBoxLayout) -> None:
        self.input = QPlainTextEdit()
        self.input.setFrameStyle(QFrame.Shape.Box | QFrame.Shadow.Plain)
        self._context.theme.changed.connect(self._dress)
        self._dress()
        self.input.setAccessibleName("Beginning of a text")
        self.input.setPlaceholderText("Type or paste the beginning of a text; what may follow is shown as you type.")
        self.input.setTabChangesFocus(True)
        self.input.setMaximumHeight(self.input.fontMetrics().lineSpacing() * 4 + 16)
        self.input.setMinimumHeight(self.input.fontMetrics().lineSpacing() * 2 + 16)
        self._pause = QTimer(self, singleShot=True, interval=TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.ask)
        self.input.textChanged.connect(self._pause.start)
        self.status = Muted("", wrap=False)
        asking = Card("Begin a text")
        asking.header.addStretch(1)
        asking.header.addWidget(self.status)
        asking.body.addWidget(self.input)
        asking.body.addWidget(self._controls())
        asking.body.addWidget(self.notice)

        written = Card("It might go on")
        written.header.addStretch(1)
        written.header.addWidget(
            Button("Another", kind="quiet", on_click=self.another, tip="The next seed: another continuation")
        )
        written.header.addWidget(
            Button("Go on from here", kind="quiet", on_click=self.take, tip="Put what was written into the beginning")
        )
        written.body.addWidget(_scrolled(self.continuation, "Continuation"), 1)
        following = Card("What comes next")
        following.body.addWidget(self.bars, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(written, 3)
        row.addWidget(following, 2)

        read = Card("What surprised it", subtitle="the stronger, the less expected")
        self.figures = Muted("", wrap=False)
        read.header.addStretch(1)
        read.header.addWidget(self.figures)
        read.body.addWidget(_scrolled(self.surprise, "Surprise"), 1)
        self.caption = Muted("Point at a token to see how probable it was.")
        self.surprise.token_hovered.connect(self._hovered)
        read.body.addWidget(self.caption)
        layout.addWidget(asking)
        layout.addLayout(row, 3)
        layout.addWidget(read, 2)

    def _dress(self) -> None:
        """A line around the field that is seen in every theme: Fusion's own is not, on dark."""
        palette = self._context.theme.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._context.theme.color("muted"))
        self.input.setPalette(palette)

    def _controls(self) -> QWidget:
        self.temperature = QDoubleSpinBox()
        self.temperature.setRange(0.0, 5.0)
        self.temperature.setSingleStep(0.1)
        self.temperature.setValue(0.8)
        self.top_k = QSpinBox()
        self.top_k.setRange(0, 1_000_000)
        self.top_k.setSpecialValueText("Top k: all")
        self.top_p = QDoubleSpinBox()
        self.top_p.setRange(0.01, 1.0)
        self.top_p.setSingleStep(0.05)
        self.top_p.setValue(1.0)
        self.length = QSpinBox()
        self.length.setRange(0, 5_000)
        self.length.setValue(0)
        self.length.setSpecialValueText("Length: as usual")
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.goes_on = QCheckBox("Beyond the end of a sentence")
        self.goes_on.setToolTip("Words and pieces stop where the model ends the line; characters never do")
        told: tuple[tuple[QSpinBox | QDoubleSpinBox, str, str], ...] = (
            (self.temperature, "Temperature", "0 always takes the likeliest; 1 draws as the model has learned"),
            (self.top_k, "Top k", "Draw among so many likeliest only"),
            (self.top_p, "Top p", "Draw among the fewest that reach this probability together"),
            (self.length, "Length", "Words, pieces or characters to write at most"),
            (self.seed, "Seed", "The same seed writes the same text"),
        )
        holder = QWidget()
        flow = FlowLayout(holder)
        for box, name, tip in told:
            box.setAccessibleName(name)
            box.setToolTip(tip)
            box.setPrefix(f"{name}: ")
            box.setMinimumHeight(28)
            box.setKeyboardTracking(False)
            box.valueChanged.connect(lambda _value: self._pause.start())
            flow.addWidget(box)
        self.goes_on.setMinimumHeight(28)
        self.goes_on.toggled.connect(lambda _on: self._pause.start())
        flow.addWidget(self.goes_on)
        return holder

    def options(self) -> dict[str, Any]:
        """What is sent with a question."""
        found: dict[str, Any] = {
            "alternatives": ALTERNATIVES,
            "temperature": self.temperature.value(),
            "top_k": self.top_k.value(),
            "top_p": self.top_p.value(),
            "seed": self.seed.value(),
        }
        if self.length.value():
            found["length"] = self.length.value()
        if self.goes_on.isChecked():
            found["stop"] = False
        return found

    def another(self) -> None:
        """The same beginning with the next seed."""
        self.seed.setValue(self.seed.value() + 1)

    def take(self) -> None:
        """What was written becomes part of the beginning."""
        if self._result is not None and self._result.continuations:
            self.input.setPlainText(self._result.text)

    def ask(self) -> None:
        """Ask for what is typed; one question is under way at a time, and what changed meanwhile is asked after it."""
        if not self._own:
            return
        self._pause.stop()
        self._prefill()
        text = self.input.toPlainText()
        if not text.strip():
            self._show(None)
            self._tell("")
            return
        if self._handle is not None:
            self._again = True
            return
        self._handle = self._context.predict(
            self._answered, self._failed, inputs=[{"text": text[-LONGEST_PASTE:]}], options=self.options()
        )

    def _prefill(self) -> None:
        """Begin with the run's first pinned input."""
        inputs = tuple(getattr(getattr(self._context.run(), "config", None), "inputs", ()))
        text = self.input.toPlainText()
        if inputs and inputs[0] != self._prefilled and (not text or text == self._prefilled):
            self._prefilled = inputs[0]
            self.input.blockSignals(True)
            self.input.setPlainText(inputs[0])
            self.input.blockSignals(False)

    def _answered(self, value: Mapping[str, Any]) -> None:
        self._handle = None
        results = list(value.get("results", ()))
        self._show(_typed(results[0]) if results else None)
        self.status.setText(f"epoch {value['epoch']}" if value.get("epoch") else "")
        self._ask_again()

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = None
        if not isinstance(error, Cancelled):
            self._tell(" ".join(part for part in (error.what, error.why, error.fix) if part))
        self._ask_again()

    def _ask_again(self) -> None:
        if self._again:
            self._again = False
            self.ask()

    def _hovered(self, token: int) -> None:
        self.caption.setText(self.surprise.tip(token) or "Point at a token to see how probable it was.")

    # -- answers --------------------------------------------------------------------------------------------------

    def show_result(self, result: Any) -> None:
        """Show an answer, as a result or as its JSON; None clears."""
        self._show(None if result is None else _typed(result))

    @property
    def result(self) -> LanguageModelResult | None:
        return self._result

    def _show(self, result: LanguageModelResult | None) -> None:
        self._result = result
        first = result.continuations[0].text if result is not None and result.continuations else ""
        self._tell(result.notice if result is not None else "")
        if self._own:
            shown = result.text[-MOST_SHOWN:] if result is not None else ""
            self.continuation.setText(shown)
            self.bars.show_values(result.next if result is not None else ())
            self.surprise.show_result(result)
            count = len(result.log_probabilities) if result is not None else 0
            named = f"perplexity {result.perplexity:,.1f} over {count:,} tokens" if result is not None and count else ""
            self.figures.setText(named)
            return
        only_read = result is not None and not result.continuations and bool(result.log_probabilities)
        self.prefix_label.setText(result.prefix[-300:] if result is not None and not only_read else "")
        self.continuation.setText(first.strip("\n"))
        self.prefix_label.setVisible(not only_read)
        self.continuation.setVisible(not only_read)
        self.surprise.setVisible(only_read)
        self.surprise.show_result(result if only_read else None)

    def _tell(self, text: str) -> None:
        self.notice.setText(text)
        self.notice.setVisible(bool(text))


def _typed(result: Any) -> LanguageModelResult:
    return result if isinstance(result, LanguageModelResult) else LanguageModelResult.from_json(result)


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


def _scrolled(widget: QWidget, name: str) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName(name)
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(widget)
    column.addStretch(1)
    area.setWidget(holder)
    area.viewport().setAutoFillBackground(False)
    holder.setAutoFillBackground(False)
    return area
