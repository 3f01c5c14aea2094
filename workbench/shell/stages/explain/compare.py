"""The same input traced through other runs too, so that their gradients can be laid over one another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from workbench.api import Cancelled, Trace, WorkbenchError
from workbench.shell.plots.gradient_flow import common_title
from workbench.shell.stages.model_state import name_of_run, read_trace, title_of_run

if TYPE_CHECKING:
    from workbench.runs.folder import RunFolder
    from workbench.shell.session import Session

MOST = 4


class Comparison(QObject):
    """``changed`` fires when a trace arrived or a run was taken away; ``traces()`` are those there are."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._runs: dict[str, RunFolder] = {}
        self._found: dict[str, Trace] = {}
        self._handles: dict[str, Any] = {}
        self._input: Mapping[str, Any] = {}

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the runs laid over."""
        return tuple(self._runs)

    def fill(self, menu: QMenu) -> None:
        """The project's other runs that left a model; those laid over are ticked."""
        menu.clear()
        here = self._session.run
        runs = [run for run in reversed(self._session.runs()) if here is None or run.id != here.id]
        runs = [run for run in runs if (run.path / "model").is_dir()][:30]
        for run in runs:
            action = QAction(f"{title_of_run(self._session, run)}  ·  {name_of_run(run)}", menu)
            action.setCheckable(True)
            action.setChecked(run.id in self._runs)
            action.setEnabled(run.id in self._runs or len(self._runs) < MOST)
            action.toggled.connect(partial(self.lay_over, run))
            menu.addAction(action)
        if not runs:
            menu.addAction("No other run of this project has a model").setEnabled(False)

    def lay_over(self, run: RunFolder, on: bool = True) -> None:
        """Trace ``run`` too from now on; or no longer."""
        if on:
            self._runs[run.id] = run
            self._ask(run)
        else:
            self._forget(run.id)
            self.changed.emit()

    def restart(self) -> None:
        """Another run is selected, which is not compared with itself; in another project, with none."""
        known = {run.id for run in self._session.runs()}
        here = self._session.run
        for name in list(self._runs):
            if name not in known or (here is not None and name == here.id):
                self._forget(name)
        self.changed.emit()

    def ask(self, inputs: Mapping[str, Any]) -> None:
        """Trace ``inputs`` (the job's ``text`` or ``record``) through every run laid over."""
        if inputs == self._input and all(name in self._found for name in self._runs):
            return
        self._input = dict(inputs)
        for run in self._runs.values():
            self._ask(run)

    def traces(self) -> dict[str, Trace]:
        """Title → trace, in the order chosen."""
        names = [name for name in self._runs if name in self._found]
        titles = [title_of_run(self._session, self._runs[name]) for name in names]
        told = common_title(titles, [name_of_run(self._runs[name]) for name in names])
        return {title: self._found[name] for title, name in zip(told, names, strict=True)}

    def _forget(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()
        self._runs.pop(name, None)
        self._found.pop(name, None)

    def _ask(self, run: RunFolder) -> None:
        if not self._input:
            return
        old = self._handles.pop(run.id, None)
        if old is not None:
            old.cancel()
        job = {"job": "trace", "run": str(run.path), "gradient": True, "live": False, **self._input}
        # asked before the handle is kept: a worker may answer at once
        handle = self._session.submit(job, partial(self._answered, run.id), partial(self._failed, run.id))
        if not handle.done:
            self._handles[run.id] = handle

    def _answered(self, name: str, value: Mapping[str, Any]) -> None:
        self._handles.pop(name, None)
        try:
            trace = read_trace(value)
        except WorkbenchError as error:
            self._failed(name, error)
            return
        if name in self._runs:
            self._found[name] = trace
            self.changed.emit()

    def _failed(self, name: str, error: WorkbenchError) -> None:
        self._handles.pop(name, None)
        self._forget(name)
        if not isinstance(error, Cancelled):
            self.failed.emit(error)
        self.changed.emit()
