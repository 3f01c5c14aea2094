"""Vanishing-gradient X-ray: how far back the loss reaches, epoch after epoch, with other runs laid over it.

Importing this module imports pyqtgraph.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QStackedWidget, QWidget

from workbench.api import IOShape, WorkbenchError
from workbench.shell.plots.canvas import Canvas
from workbench.shell.plots.gradient_flow import (
    DISTANCES,
    FlowHistory,
    common_title,
    lesson,
    read_flow,
    shares,
    visible,
)
from workbench.shell.session import Session
from workbench.shell.stages.model_state import name_of_run, title_of_run
from workbench.shell.widgets import Button, Card, EmptyState, Muted

if TYPE_CHECKING:
    from workbench.runs.folder import RunFolder

OLDER = 6
"""Faded profiles of earlier epochs."""
MOST_OTHERS = 5
"""Runs laid over: as many as there are colours besides the run's own."""
_STYLES = (
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
    Qt.PenStyle.DashLine,
)
WHAT = (
    "After each validation this shows |∂L/∂h| against the distance back in time: how much of what the loss says "
    "still reaches a state so many steps before it. It comes with the first validation."
)
UNTOLD = (
    "This run has been validated without telling its gradients: it was trained by an earlier version, or the states of "
    "its network cannot be asked one by one."
)
SUBTITLES = {
    "steps": "|∂L/∂h| against steps back in time",
    "levels": "|∂L/∂h| against levels below the root",
    "source": "|∂L/∂x| against steps before the source's end",
}
MIXED = "distance"
ONE_STEP = "Every record is one step long: there is no earlier step for a gradient to reach."
ONE_SOURCE = "Such a source is read in one step, so there is no distance in it for a gradient to fade over."
FIXED = "The recurrent weights of this network are fixed and only its readout is solved for: no gradient goes back."


class XrayCard(Card):
    """The newest profile bold, older ones faded; every other run in its own colour and kind of line."""

    def __init__(self, session: Session, history: FlowHistory, parent: QWidget | None = None) -> None:
        super().__init__("Gradient X-ray", parent, subtitle=SUBTITLES["steps"])
        self.session, self.history = session, history
        self.others: dict[str, FlowHistory] = {}
        """Run id → its profiles, for the runs laid over."""
        self._order: list[str] = []
        self.canvas = Canvas("Gradient X-ray", theme=session.theme, x_label="steps back", y_label="|∂L/∂h|")
        self.canvas.first = 0.0
        self.canvas.set_log(True)
        self.share_button = Button("Share", kind="quiet", tip="As parts of the gradient at the step of the loss itself")
        self.share_button.setCheckable(True)
        self.share_button.toggled.connect(lambda _on: self.redraw())
        self.compare_button = Button("Compare…", kind="quiet", tip="Lay other runs of this project over this one")
        self.menu = QMenu(self)
        self.menu.setAccessibleName("Runs to lay over")
        self.menu.aboutToShow.connect(self.fill_menu)
        self.compare_button.clicked.connect(
            lambda _on=False: self.menu.popup(self.compare_button.mapToGlobal(self.compare_button.rect().bottomLeft()))
        )
        for widget in (self.share_button, self.compare_button):
            self.header.addWidget(widget)
        self.empty = EmptyState("No gradient yet", WHAT)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.canvas)
        self.sentence = Muted("")
        self.body.addWidget(self.pages, 1)
        self.body.addWidget(self.sentence)
        self.redraw()

    # -- data ---------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Another run is selected: it is not laid over itself."""
        run = self.session.run
        if run is not None and run.id in self.others:
            self._drop(run.id)
        project = self.session.project
        if project is None:
            for name in list(self.others):
                self._drop(name)
        self.redraw()

    def fill_menu(self) -> None:
        """The runs of the project, newest first; those laid over are ticked."""
        self.menu.clear()
        here = self.session.run
        runs = [run for run in reversed(self.session.runs()) if here is None or run.id != here.id]
        for run in runs[:30]:
            action = QAction(f"{title_of_run(self.session, run)}  ·  {name_of_run(run)}", self.menu)
            action.setCheckable(True)
            action.setChecked(run.id in self.others)
            action.setEnabled(run.id in self.others or len(self.others) < MOST_OTHERS)
            action.toggled.connect(partial(self.lay_over, run))
            self.menu.addAction(action)
        if not runs:
            nothing = self.menu.addAction("This is the only run of the project")
            nothing.setEnabled(False)

    def lay_over(self, run: RunFolder, on: bool = True) -> None:
        """Read the X-ray of ``run`` and show it too; or take it away."""
        if not on:
            self._drop(run.id)
            self.redraw()
            return
        title = title_of_run(self.session, run)
        self.session.run_in_background(
            lambda _progress, _cancelled: read_flow(run.journal_path, title),
            partial(self._laid, run),
            title="reading a run's gradients",
            quiet=True,
        )

    def _laid(self, run: RunFolder, history: FlowHistory) -> None:
        if history.newest is None:
            self.session.notify(
                WorkbenchError(
                    f"The run {name_of_run(run)} has no gradients to show.",
                    why="It was trained by an earlier version, ended before its first validation, or learns none.",
                    fix="Train it again to see how far its gradient reaches.",
                )
            )
            return
        self.others[run.id] = history
        if run.id not in self._order:
            self._order.append(run.id)
        self.redraw()

    def _drop(self, name: str) -> None:
        self.others.pop(name, None)

    # -- drawing ------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        history, canvas = self.history, self.canvas
        empty = history.newest is None and not self.others
        self.pages.setCurrentIndex(0 if empty else 1)
        self.sentence.setVisible(not empty)
        if empty:
            self.empty.text.setText(self._why_nothing())
            canvas.clear()
            return
        share = self.share_button.isChecked()
        drawn: set[str] = set()
        titles = self._titles()
        if history.newest is not None:
            for i, profile in enumerate(history.older(OLDER)):
                drawn.add(self._line(f"older{i}", profile, share, series=0, faded=True))
            label = f"{titles[0]}, {'trial' if self._fixed() else 'epoch'} {history.epochs[-1]}"
            drawn.add(self._line("newest", history.newest, share, series=0, label=label, bold=True))
        for i, (name, other) in enumerate(self.others.items()):
            assert other.newest is not None
            series = 1 + self._order.index(name) % MOST_OTHERS
            line = f"other{series}"
            look = _STYLES[series - 1]
            drawn.add(self._line(line, other.newest, share, series=series, label=titles[1 + i], style=look))
        for line in canvas.line_names():
            if line not in drawn:
                canvas.set_line(line, np.empty(0), np.empty(0))
        canvas.fit()
        self._name_axes()
        self.sentence.setText(self._lesson(titles))

    def _name_axes(self) -> None:
        """What is drawn against what, as the runs shown have it."""
        shown = [self.history] if self.history.newest is not None else []
        kinds = {one.over for one in (*shown, *self.others.values())}
        over = kinds.pop() if len(kinds) == 1 else ""
        self.set_title("Gradient X-ray", SUBTITLES.get(over, "how much of the loss reaches so far"))
        left = {"": "|∂L/∂h|, |∂L/∂x|", "source": "|∂L/∂x|"}.get(over, "|∂L/∂h|")
        self.canvas.x_label, self.canvas.y_label = DISTANCES.get(over, MIXED), left

    def _line(self, name: str, profile: Any, share: bool, **look: Any) -> str:
        values = visible(shares(profile) if share else profile)
        self.canvas.set_line(name, np.arange(len(values), dtype=np.float64), values, **look)
        return name

    def _lesson(self, titles: list[str]) -> str:
        newest = self.history.newest
        if not self.others:
            return ONE_STEP if newest is not None and len(newest) == 1 else lesson(newest, over=self.history.over)
        said = [lesson(newest, titles[0], self.history.over)]
        said += [
            lesson(other.newest, title, other.over)
            for other, title in zip(self.others.values(), titles[1:], strict=True)
        ]
        return " ".join(one for one in said if one)

    def _titles(self) -> list[str]:
        """How this run and those laid over are called, told apart."""
        run = self.session.run
        runs = {one.id: one for one in self.session.runs()} if self.others else {}
        own = title_of_run(self.session, run) if run is not None else "this run"
        titles = [own, *(other.title for other in self.others.values())]
        names = [name_of_run(runs[i]) if i in runs else i for i in self.others]
        return common_title(titles, [name_of_run(run) if run is not None else "", *names])

    def _fixed(self) -> bool:
        """Whether the run's recurrent weights are fixed: what is told then comes with every trial."""
        try:
            run = self.session.run
            return run is not None and (
                self.session.catalogue.architecture(run.config.architecture.id).fitting == "closed_form"
            )
        except WorkbenchError:
            return False

    def _why_nothing(self) -> str:
        run = self.session.run
        if run is None or self.session.run_view.epoch is None:
            return WHAT
        try:
            at_once = self.session.catalogue.task(run.config.task.id).shape is IOShape.ONE_TO_MANY
        except WorkbenchError:
            return UNTOLD
        return FIXED if self._fixed() else ONE_SOURCE if at_once else UNTOLD
