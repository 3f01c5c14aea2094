"""Asking a language model: a beginning that is typed, what may come next, how it might go on, and what surprised it.

Only the shell imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from workbench_plugins.tasks.language_modelling.gui_surprise import MOST_SHOWN, SurpriseText
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
)

TYPING_PAUSE_MS = 200
ALTERNATIVES = 4
LONGEST_PASTE = 100_000
"""Characters of a beginning that are sent at most, the last ones."""


class _OneColour(LabelColours):
    """Symbols are no kinds of things: their bars have one colour."""

    def index(self, label: str) -> int:
        return 0


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
        asking.header.addWidget(
            Button("Vocabulary…", kind="quiet", on_click=self.show_vocabulary, tip="The symbols, and how texts are cut")
        )
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
        self._answers = (written, following, read)
        self.vocabulary_card: Card | None = None
        layout.addWidget(asking)
        layout.addLayout(row, 3)
        layout.addWidget(read, 2)

    def show_vocabulary(self) -> None:
        """Show the model's symbols and how a text is cut in the place of the answers; the second time those again."""
        if self.vocabulary_card is None:
            from workbench_plugins.tasks.translation.vocabulary_view import VocabularyView

            self.vocabulary = VocabularyView(self._context)
            self.vocabulary_card = Card("Vocabulary", subtitle="made of the training texts alone")
            self.vocabulary_card.body.addWidget(self.vocabulary, 1)
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.addWidget(self.vocabulary_card, 5)
            self.vocabulary_card.hide()
        shown = self.vocabulary_card.isHidden()
        if not shown:
            self.vocabulary_card.hide()
        for card in self._answers:  # never both at once: the page would have to grow
            card.setVisible(not shown)
        if shown:
            self.vocabulary_card.show()
        self._refresh_vocabulary()

    def _refresh_vocabulary(self) -> None:
        """Another run has another vocabulary."""
        if self._own and self.vocabulary_card is not None and not self.vocabulary_card.isHidden():
            self.vocabulary.refresh()

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
        self._refresh_vocabulary()
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
