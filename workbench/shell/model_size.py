"""How large the model of the draft is: asked of a worker a moment after the last change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.api import WorkbenchError

if TYPE_CHECKING:
    from workbench.api.events import RunStarted
    from workbench.shell.jobs import JobHandle
    from workbench.shell.run_view import RunView
    from workbench.shell.session import Session

QUIET_MILLISECONDS = 250


class ModelSize(QObject):
    """``value`` is the ``describe`` job's answer (parameters, bytes, layers) or None; ``error`` why there is none."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.value: dict[str, Any] | None = None
        self.error: WorkbenchError | None = None
        self._handle: JobHandle | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(self._ask)
        session.draft_changed.connect(self._draft_changed)
        self._told: RunStarted | None = None
        self._looked_at = False

    def text(self) -> str:
        if self.error is not None:
            return self.error.what.removeprefix("architecture.params.")
        if self.value is None:
            counted = self.parameters
            if counted is not None:
                return f"{counted:,} parameters"
            return "counting parameters" if self._session.config is not None else ""
        return f"{int(self.value['parameters']):,} parameters · {megabytes(int(self.value['bytes']))}"

    @property
    def parameters(self) -> int | None:
        """How many weights the model of the draft has, from ``describe`` or from the run that trains it."""
        if self.value is not None:
            return int(self.value["parameters"])
        started = self._session.run_view.started
        return started.parameters if started is not None and self._is_selected_run() else None

    def follow(self, view: RunView) -> None:
        """Hear of runs that begin and end."""
        self._session.run_changed.connect(self._run_moved)
        view.changed.connect(self._run_moved)

    def ask_now(self) -> None:
        """Somebody looks at the layers: ask even while a run of this very model keeps its worker busy."""
        if self.value is None and self._session.config is not None:
            self._looked_at = True
            self._timer.start()

    def _is_selected_run(self) -> bool:
        """Whether the selected run is of the model that the draft describes."""
        run, config = self._session.run, self._session.config
        if run is None or config is None:
            return False
        try:
            theirs = run.config
        except WorkbenchError:
            return False
        return (theirs.task, theirs.architecture, theirs.data) == (config.task, config.architecture, config.data)

    def _run_moved(self) -> None:
        started = self._session.run_view.started
        if self.value is None and (started is not self._told or not self._session.training):
            self._told = started
            self.changed.emit()
            if not self._session.training and self._session.config is not None:
                self._timer.start()

    def _draft_changed(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._session.config is None:
            self._timer.stop()
            self.value = self.error = None
            self.changed.emit()
        else:
            self._timer.start()

    def _ask(self) -> None:
        session = self._session
        if session.config is None or session.project is None or not session.device:
            return  # asked again once the worker is warm
        if session.training and self._is_selected_run() and not self._looked_at:
            return  # that run says it soon; a second worker now would only slow it down
        self._looked_at = False
        job = {
            "job": "describe",
            "config": session.config.model_dump(mode="json"),
            "project": str(session.project.path),
        }
        self._handle = session.submit(job, self._on_value, self._on_error)

    def worker_ready(self) -> None:
        if self._session.config is not None and self.value is None:
            self._timer.start()

    def _on_value(self, value: Any) -> None:
        self.value, self.error = dict(value), None
        self.changed.emit()

    def _on_error(self, error: WorkbenchError) -> None:
        self.value, self.error = None, error
        self.changed.emit()


def megabytes(size: int) -> str:
    """``size`` bytes in words: 812 kB, 31 MB."""
    if size < 1_000_000:
        return f"{size / 1000:,.0f} kB"
    return f"{size / 1_000_000:,.1f} MB" if size < 10_000_000 else f"{size / 1_000_000:,.0f} MB"
