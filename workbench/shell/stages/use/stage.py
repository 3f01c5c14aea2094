"""The Use stage: type, and the model answers; while it learns, it answers anew after every epoch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFocusEvent, QPalette
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QPlainTextEdit,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.api import Cancelled, Event, WorkbenchError
from workbench.api.events import EpochMetrics, RunFinished
from workbench.api.files import write_atomic
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.stages.model_state import has_model, is_live, model_title, say_why_empty, summary_of
from workbench.shell.stages.use.file_card import FileCard
from workbench.shell.stages.use.own_page import OwnPage
from workbench.shell.stages.use.result_list import MOST_SHOWN, ResultList
from workbench.shell.widgets import Button, Card, EmptyState, Muted, ProblemSlot, Text

if TYPE_CHECKING:
    from workbench.shell.session import Session
    from workbench.shell.theme import Theme

TYPING_PAUSE_MS = 250
ALTERNATIVES = 5
MOST_PINNED = 5
PLACEHOLDER = "Type or paste an input, one a line; the answer follows as you type."
NOT_TYPED = "This task takes no typed input: have it answer the records of a file, below."
UNASKED = "Type above, and the answer appears here."
_PLACEHOLDERS = {"labelled_tree": "Type trees in brackets, one a line, as (2 (3 good) (2 film))."}
_OF_WORDS = frozenset({"tagged_tokens", "labelled_text", "text", "text_pair", ""})
"""Records that are typed as words, of which the view of the answers says more."""


class _Input(QPlainTextEdit):
    """Tab leaves the field instead of writing a tab. Its own line: Fusion's is hardly seen on dark."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setTabChangesFocus(True)
        self.setFrameStyle(QFrame.Shape.Box | QFrame.Shadow.Plain)
        theme.changed.connect(self._colour)
        self._colour()

    def _colour(self) -> None:
        palette = self._theme.palette()
        line = self._theme.color("accent" if self.hasFocus() else "muted")
        palette.setColor(QPalette.ColorRole.WindowText, line)
        self.setPalette(palette)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._colour()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._colour()


class UseStage(Stage):
    """One question is under way at a time; what is typed meanwhile is asked when its answer has come."""

    id: ClassVar[str] = "use"
    title: ClassVar[str] = "Use"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.ask_export_path: Callable[[QWidget], str] = _ask_export_path
        self._handle: Any = None
        self._again = False
        self._asked: Sequence[str] = ()
        self._problem: WorkbenchError | None = None
        self._prefilled = ""
        self._view: Any = None
        """The plugin's view of this run's results, which may have wishes; see :class:`workbench.shell.sdk`."""

        self.input = _Input(session.theme)
        self.input.setAccessibleName("Text for the model")
        self.input.setPlaceholderText(PLACEHOLDER)
        self.input.setMaximumHeight(self.input.fontMetrics().lineSpacing() * 4 + 16)
        self.input.textChanged.connect(self._typed)
        self.readings = QSpinBox()
        self.readings.setRange(1, 10)
        self.readings.setMinimumHeight(28)
        self.readings.setPrefix("Readings: ")
        self.readings.setAccessibleName("Number of readings")
        self.readings.setToolTip("How many answers to compute for each input, the most probable first")
        self.readings.valueChanged.connect(lambda _value: self.ask())
        self.input_card = Card("Ask the model")
        self.pin_button = Button(
            "Pin", kind="quiet", on_click=self.pin, tip="Have the next training answer these lines while it learns"
        )
        self.input_card.header.addWidget(self.pin_button)
        self.input_card.header.addWidget(self.readings)
        self.input_card.body.addWidget(self.input)
        self.results = ResultList(session)
        self.notice = Text("")
        self.notice.setAccessibleName("What to know of these answers")
        self.notice.hide()
        self.answer_card = Card("Answer")
        self.status = Muted("", wrap=False)
        self.export_button = Button("Export…", kind="quiet", on_click=self.export, tip="Write these answers to a file")
        self.answer_card.header.addStretch(1)
        self.answer_card.header.addWidget(self.status)
        self.answer_card.header.addWidget(self.export_button)
        self.answer_card.body.addWidget(self.notice)
        self.unasked = Muted(UNASKED)
        self.answer_card.body.addWidget(self.unasked)
        self.answer_card.body.addWidget(self.results, 1)
        self._problem_box = ProblemSlot()
        self.answer_card.body.addLayout(self._problem_box)
        self.file_card = FileCard(session)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.input_card)
        column.addWidget(self.answer_card, 1)
        self.empty = EmptyState(
            "No model yet",
            "Here a trained model answers what you type. Train one first; it can be asked from its first epoch on.",
            "Go to Train",
            lambda: session.stage_requested.emit("train"),
        )
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(page)
        self._page = page
        self.own_page = OwnPage(session)
        self.pages.addWidget(self.own_page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.file_card)
        self._pause = QTimer(self, singleShot=True, interval=TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.ask)
        session.run_changed.connect(self._run_changed)
        session.training_changed.connect(self.refresh)
        session.events_arrived.connect(self._events)
        self.refresh()

    # -- what the window asks -----------------------------------------------------------------------------------

    def state(self) -> StageState:
        if self._problem is not None:
            return "problem"
        if not has_model(self.session):
            return "empty"
        return "running" if self._handle is not None else "ready"

    def activated(self) -> None:
        self.refresh()
        if not has_model(self.session):
            return
        if self._asks_itself:
            self.own_page.ask()
            return
        self.input.setFocus(Qt.FocusReason.OtherFocusReason)
        if not self.results.results:
            self.ask()

    def refresh(self) -> None:
        """Follow the selected run."""
        ready = has_model(self.session)
        self.file_card.setVisible(ready)
        if not ready:
            say_why_empty(self.session, self.empty)
            self.pages.setCurrentWidget(self.empty)
        elif self.own_page.show_run(self._result_kind()):
            self.pages.setCurrentWidget(self.own_page)
        else:
            self._heed(self.results.prepare(self._result_kind()))
            self.readings.setVisible(self._has_readings())
            self._say_what_to_type()
            self.pages.setCurrentWidget(self._page)
            self.input_card.set_title("Ask the model", model_title(self.session))
            self._prefill()
        self._mark_asked()
        self.state_changed.emit()

    @property
    def _asks_itself(self) -> bool:
        return self.pages.currentWidget() is self.own_page

    def _result_kind(self) -> str:
        """The kind of answers the selected run's task gives; "" where its plugin is missing."""
        return str(getattr(self._task(), "result", ""))

    def _task(self) -> Any:
        """The selected run's task; None where its plugin is missing."""
        run = self.session.run
        return self.session.find(self.session.catalogue.task, run.config.task.id) if run is not None else None

    def _heed(self, view: Any) -> None:
        """Follow the wishes of the plugin's view: it may want to be asked anew."""
        if view is self._view:
            return
        self._view = view
        changed = getattr(view, "options_changed", None)
        if changed is not None:
            changed.connect(self._typed)

    def _has_readings(self) -> bool:
        """Whether more than the best answer can be had: the view shows several, and words are read in a line.

        The labels of a tree's nodes come each by itself: there is no second-best labelling of the whole.
        """
        several = bool(getattr(self._view, "several_readings", False))
        return several and getattr(self._task(), "record", "") in _OF_WORDS

    def _say_what_to_type(self) -> None:
        """What the input takes: of texts the view knows it best; some tasks take records of a file only."""
        task = self._task()
        record, typed = getattr(task, "record", ""), getattr(task, "parse_input", "") is not None
        words = str(getattr(self._view, "placeholder", PLACEHOLDER)) if record in _OF_WORDS else PLACEHOLDER
        if record in _PLACEHOLDERS:
            words = _PLACEHOLDERS[record]
        self.input.setPlaceholderText(words if typed else NOT_TYPED)
        self.input.setEnabled(typed)
        self.pin_button.setVisible(typed)
        self.pin_button.setEnabled(bool(self.texts()))
        self.unasked.setText(UNASKED if typed else NOT_TYPED)

    def _prefill(self) -> None:
        """Begin with the run's first pinned input, so that there is an answer before anything is typed."""
        run = self.session.run
        inputs: Sequence[str] = getattr(run.config, "inputs", ()) if run is not None else ()
        text = self.input.toPlainText()
        if inputs and (not text or text == self._prefilled) and text != inputs[0]:
            self._prefilled = inputs[0]
            self.input.setPlainText(inputs[0])

    def _run_changed(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.results.clear()
        self.status.setText("")
        self._tell("")
        self._show_problem(None)
        self.refresh()
        if has_model(self.session) and self.isVisible():
            self.ask()

    # -- asking -------------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        self._pause.start()
        self.pin_button.setEnabled(bool(self.texts()))

    def pin(self) -> None:
        """What is typed is answered after each epoch of the next training."""
        session, texts = self.session, tuple(self.texts()[:MOST_PINNED])
        if not texts or session.run is None:
            return
        if session.config is None or session.config.task.id != session.run.config.task.id:
            session.notify("The next training learns another task; choose this run's dataset and task first.")
            return
        session.set_draft(inputs=texts)
        lines = "this line" if len(texts) == 1 else f"these {len(texts)} lines"
        session.notify(f"Pinned: the next training answers {lines} while it learns.")

    def _events(self, events: list[Event]) -> None:
        if any(isinstance(event, RunFinished) for event in events):
            self.refresh()
        if self.isVisible() and any(isinstance(event, EpochMetrics | RunFinished) for event in events):
            self.ask()

    def texts(self) -> list[str]:
        """The lines that were typed; each may hold several sentences, which the task's plugin finds."""
        return [line for line in self.input.toPlainText().splitlines() if line.strip()]

    def ask(self) -> None:
        """Ask for the present text; what changed meanwhile is asked once the answer is there."""
        self._pause.stop()
        if self._asks_itself:
            self.own_page.ask()
            return
        run, texts = self.session.run, self.texts()
        if run is None or not has_model(self.session):
            return
        if not texts:
            self.results.clear()
            self.status.setText("")
            self._tell("")
            self._mark_asked()
            return
        if self._handle is not None:
            self._again = True
            return
        self._asked = texts
        self._handle = self.session.submit(
            {
                "job": "predict",
                "run": str(run.path),
                "texts": texts,
                "options": {"n_best": self.readings.value(), "alternatives": ALTERNATIVES, **self._wishes(len(texts))},
                "live": is_live(self.session),
            },
            self._answered,
            self._failed,
        )
        self.state_changed.emit()

    def _wishes(self, asked: int) -> dict[str, Any]:
        """What the view wants to be sent with a question of ``asked`` lines.

        What an answer rests on costs far more than the answer: it is not asked for where most would not be shown.
        """
        options = getattr(self._view, "options", None)
        wishes = dict(options()) if callable(options) else {}
        if asked > MOST_SHOWN:
            wishes.pop("explain", None)
        return wishes

    def _answered(self, value: Mapping[str, Any]) -> None:
        self._handle = None
        self._show_problem(None)
        self.results.show_results(str(value.get("result_kind", "")), list(value.get("results", ())), self._asked)
        self._tell(str(value.get("notice") or ""))
        epoch = value.get("epoch")
        learning = "learning, " if is_live(self.session) else ""
        self.status.setText(f"{learning}{self.session.run_view.unit} {epoch}" if epoch else "")
        self._mark_asked()
        self.state_changed.emit()
        self._ask_again()

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = None
        if not isinstance(error, Cancelled):
            self._show_problem(error)
        self._ask_again()

    def _tell(self, notice: str) -> None:
        """What to know of the answers: that the model is no finished one, or knows little of what was typed."""
        self.notice.setText(notice)
        self.notice.setVisible(bool(notice))

    def _mark_asked(self) -> None:
        """What there is without an answer: a sentence, and nothing to export."""
        asked = bool(self.results.results)
        self.export_button.setEnabled(asked)
        self.unasked.setVisible(not asked and self._problem is None)

    def _ask_again(self) -> None:
        if self._again:
            self._again = False
            self.ask()

    def _show_problem(self, error: WorkbenchError | None) -> None:
        self._problem = error
        self._problem_box.tell(error, self.ask, "Ask again")
        self._mark_asked()
        self.state_changed.emit()

    # -- export -------------------------------------------------------------------------------------------------

    def export(self) -> None:
        """Write the answers shown: JSON lines, or a summary a line for ``.txt``."""
        path = self.ask_export_path(self) if self.results.results else ""
        if not path:
            return
        lines = [
            json.dumps(_plain(result), ensure_ascii=False) if not path.endswith(".txt") else summary_of(result)
            for result in self.results.results
        ]
        try:
            write_atomic(Path(path), "".join(f"{line}\n" for line in lines))
        except WorkbenchError as error:
            self._show_problem(error)
            return
        self.session.notify(f"Written: {path}")


def _plain(result: Any) -> Any:
    to_json = getattr(result, "to_json", None)
    return to_json() if callable(to_json) else result


def _ask_export_path(parent: QWidget) -> str:
    kinds = "JSON lines (*.jsonl);;Text (*.txt)"
    return QFileDialog.getSaveFileName(parent, "Export the answers", "answers.jsonl", kinds)[0]
