"""The session: what is open, what is selected, what runs. Stages and docks read it and ask it; none knows another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from workbench.api import Catalogue, Event, RecordType, WorkbenchError
from workbench.shell.background import BackgroundTask, BusyState, Work
from workbench.shell.draft import Draft
from workbench.shell.jobs import JobHandle, OnError, OnProgress, OnResult, Workers
from workbench.shell.model_size import ModelSize
from workbench.shell.run_view import RunView
from workbench.shell.theme import Theme

if TYPE_CHECKING:
    from workbench.data import DatasetInfo
    from workbench.host import ProblemList
    from workbench.project import Project, Settings
    from workbench.runs.config import RunConfig
    from workbench.runs.folder import RunFolder
    from workbench.shell.live_run import LiveRun

logger = logging.getLogger(__name__)


class Session(Draft, QObject):
    """One open project (or none) and everything the window shows of it. Lives in the GUI thread."""

    project_changed = Signal()
    dataset_changed = Signal()
    """Another dataset is selected (or none)."""
    dataset_edited = Signal()
    """The records of the selected dataset changed."""
    run_changed = Signal()
    """Another run is selected; ``events`` starts afresh."""
    runs_changed = Signal()
    """The list of runs, or the state of one."""
    events_arrived = Signal(object)
    """``list[Event]`` of the selected run, in order; all of them are also in ``events``."""
    stage_requested = Signal(str)
    notice = Signal(object)
    """A :class:`WorkbenchError` or a sentence for the person."""
    busy_changed = Signal()
    draft_changed = Signal()
    device_changed = Signal()
    training_changed = Signal()
    """A run began, paused, went on or ended."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        problems: ProblemList,
        settings: Settings | None = None,
        theme: Theme | None = None,
        start_worker: Callable[..., Any] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """``start_worker(on_notice)`` spawns a worker; without it jobs answer with an error saying so."""
        super().__init__(parent)
        self.catalogue = catalogue
        self.problems = problems
        self.settings = settings
        self.theme = theme if theme is not None else Theme("light", parent=self)
        self.project: Project | None = None
        self.dataset: DatasetInfo | None = None
        self.run: RunFolder | None = None
        self.config: RunConfig | None = None
        self.events: list[Event] = []
        self.device: dict[str, Any] = {}
        self._tasks: list[BackgroundTask] = []
        self.workers = Workers(start_worker or _no_worker, self)
        self.workers.ready.connect(self._on_ready)
        self.workers.died.connect(self._on_died)
        self.workers.failed.connect(self.notice)
        self.size = ModelSize(self)
        self.run_view = RunView(self)
        self.size.follow(self.run_view)
        self._live: LiveRun | None = None
        self._training: LiveRun | None = None

    # --- project and dataset ------------------------------------------------------------------------------------

    def open_project(self, path: Path | str) -> None:
        """Open the project folder; :class:`WorkbenchError` when it is none."""
        from workbench.project import Project

        self._use_project(Project.open(Path(path), record_types=self.record_types()))

    def create_project(self, path: Path | str, name: str) -> None:
        from workbench.project import Project

        self._use_project(Project.create(Path(path), name, record_types=self.record_types()))

    def record_types(self) -> list[RecordType]:
        """Record types that tasks declare."""
        return [kind for task in self.catalogue.tasks() for kind in task.record_types]

    def recent_projects(self) -> tuple[Path, ...]:
        return self.settings.recent_projects if self.settings is not None else ()

    def _use_project(self, project: Project) -> None:
        self.close_project()
        self.project = project
        if self.settings is not None:
            self.settings.add_recent(project.path)
        self.project_changed.emit()
        datasets = project.store.datasets()
        if datasets:
            self.set_dataset(datasets[-1].id)
        runs = self.runs()
        self.runs_changed.emit()
        if runs:
            from workbench.shell.live_run import is_alive

            chosen = next((run for run in reversed(runs) if is_alive(run)), runs[-1])  # one in training goes first
            self.set_run(chosen)
            if self.config is not None or self.dataset is not None:
                self.adopt_config(chosen)

    def close_project(self) -> None:
        """Let go of the project. A run in training goes on in its worker."""
        for task in list(self._tasks):
            task.close()
            task.join(5.0)
        self._tasks.clear()
        self._drop_live()
        if self.project is not None:
            self.project.close()
        had = self.project is not None
        self.project, self.dataset, self.run, self.config = None, None, None, None
        self.events = []
        if had:
            self.dataset_changed.emit()
            self.run_changed.emit()
            self.runs_changed.emit()
            self.project_changed.emit()

    def set_dataset(self, dataset_id: int | str) -> None:
        """Select a dataset of the project, and propose a task for it."""
        if self.project is None:
            return
        self.dataset = self.project.store.dataset(dataset_id)
        self._propose_draft()
        self.dataset_changed.emit()

    def refresh_dataset(self) -> None:
        """Read the selected dataset's description again, after an edit or an import."""
        if self.project is not None and self.dataset is not None:
            self.dataset = self.project.store.dataset(self.dataset.id)
            self.dataset_edited.emit()

    def undo_name(self) -> str:
        """What Undo would take back, or ""."""
        if self.project is None or self.dataset is None:
            return ""
        return self.project.store.can_undo(self.dataset.id)

    def redo_name(self) -> str:
        if self.project is None or self.dataset is None:
            return ""
        return self.project.store.can_redo(self.dataset.id)

    def undo(self) -> None:
        self._step_history("undo")

    def redo(self) -> None:
        self._step_history("redo")

    def _step_history(self, direction: str) -> None:
        if self.project is None or self.dataset is None:
            return
        try:
            getattr(self.project.store, direction)(self.dataset.id)
        except WorkbenchError as error:
            self.notice.emit(error)
            return
        self.refresh_dataset()

    # --- runs ----------------------------------------------------------------------------------------------------

    def runs(self) -> list[RunFolder]:
        return list(self.project.runs()) if self.project is not None else []

    def set_run(self, run: RunFolder | str | None) -> None:
        """Select a run by folder or id: its events so far arrive, and those to come if it is alive."""
        if isinstance(run, str):
            run = next((item for item in self.runs() if item.id == run), None)
        if run is not None and self.run is not None and run.path == self.run.path:
            return
        self._drop_live()
        self.run, self.events = run, []
        self.run_changed.emit()
        if run is not None:
            self._follow(run)

    @property
    def training(self) -> bool:
        """Whether a run of this window is being trained (or is paused)."""
        return self._training is not None

    @property
    def paused(self) -> bool:
        return self._training is not None and self._training.paused

    @property
    def training_run(self) -> RunFolder | None:
        return self._training.run if self._training is not None else None

    def start_training(self, config: RunConfig | None = None) -> RunFolder | None:
        """Make a run of ``config`` (or the draft) and train it in the worker."""
        config = config or self.config
        if self.project is None or config is None:
            self.notice.emit(
                WorkbenchError("There is nothing to train yet.", fix="Open your data or a sample, then press Train.")
            )
            return None
        if self._training is not None:
            self.notice.emit("A run is being trained already; stop it first.")
            return None
        refused = self.refusal(config)
        if refused is not None:
            self.notice.emit(refused)
            return None
        try:
            run = self.project.new_run(config)
        except WorkbenchError as error:
            self.notice.emit(error)
            return None
        self._begin(run, resume=False)
        return run

    def start_queued(self) -> bool:
        """Train the selected run if nobody has begun it yet (a run made by the command line for this window)."""
        if self.run is None or self._training is not None or self.run.journal_path.exists():
            return False
        if self.run.state().status != "queued":
            return False
        self._begin(self.run, resume=False)
        return True

    def resume_run(self) -> None:
        """Go on with the selected run from its last checkpoint."""
        if self.run is not None and self._training is None:
            self._begin(self.run, resume=True)

    def _begin(self, run: RunFolder, *, resume: bool) -> None:
        self._drop_live()
        self.run, self.events = run, []
        self.run_changed.emit()
        from workbench.shell.live_run import LiveRun

        live = LiveRun(run, self)
        self._attach(live)
        try:
            live.train(self.workers.worker(), self.project.path if self.project else None, resume=resume)
        except WorkbenchError as error:
            self.notice.emit(error)
            self.runs_changed.emit()
            return
        self._training = live
        self.runs_changed.emit()
        self.training_changed.emit()

    def pause(self) -> None:
        self._ask("pause")

    def resume(self) -> None:
        """Go on after a pause; with nothing in training, resume the selected run."""
        if self._training is not None:
            self._ask("resume")
        else:
            self.resume_run()

    def stop(self) -> None:
        """Stop and keep the best model so far."""
        self._ask("stop")

    def discard(self) -> None:
        self._ask("discard")

    def _ask(self, command: str) -> None:
        if self._training is not None:
            try:
                self._training.ask(command)
            except WorkbenchError as error:
                self.notice.emit(error)

    def _follow(self, run: RunFolder) -> None:
        if self._training is not None and self._training.run.path == run.path:
            live = self._training
            self._attach(live)
            self._on_events(list(live.events))
            return
        from workbench.shell.live_run import LiveRun

        live = LiveRun(run, self)
        self._attach(live)
        live.follow()
        if live.alive and self._training is None:
            self._training = live  # it was started by an earlier window: re-attached
            self.training_changed.emit()

    def _attach(self, live: LiveRun) -> None:
        self._live = live
        live.arrived.connect(self._on_events)
        live.changed.connect(self._on_live_changed)

    def _drop_live(self) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        live.arrived.disconnect(self._on_events)
        live.changed.disconnect(self._on_live_changed)
        if live is not self._training:
            live.close()
            live.deleteLater()

    def _on_events(self, events: list[Event]) -> None:
        self.events.extend(events)
        self.events_arrived.emit(events)

    def _on_live_changed(self) -> None:
        live = self.sender()
        if live is not None and live is self._training and not self._training.alive:
            self._training = None
            error = getattr(live, "error", None)
            if error is not None:
                self.notice.emit(error)
        self.runs_changed.emit()
        self.training_changed.emit()

    # --- jobs ----------------------------------------------------------------------------------------------------

    def submit(
        self,
        job: Mapping[str, Any],
        on_result: OnResult | None = None,
        on_error: OnError | None = None,
        on_progress: OnProgress | None = None,
    ) -> JobHandle:
        """Hand ``job`` to the worker that can answer it soonest; callbacks come in the GUI thread.

        While a run is trained its worker answers questions about that run; everything else goes to a second worker.
        """
        name = "main"
        if self._training is not None and job.get("job") not in ("train", "ping"):
            same = str(job.get("run", "")) == str(self._training.run.path)
            name = "main" if same and (job.get("live") or job.get("job") == "trace") else "helper"
        return self.workers.submit(job, on_result, on_error, on_progress, name=name)

    def run_in_background(
        self,
        function: Work,
        on_done: Callable[[Any], object] | None = None,
        on_error: OnError | None = None,
        on_progress: Callable[[str, int, int], object] | None = None,
        title: str = "",
        quiet: bool = False,
    ) -> BackgroundTask:
        """Run ``function(progress, cancelled)`` on a thread; the status line shows its phase, and Cancel beside it.

        ``quiet`` work (small reads) is not shown.
        """
        task = BackgroundTask(function, title, self)
        task.quiet = quiet
        self._tasks.append(task)
        task.progressed.connect(lambda _state: self.busy_changed.emit())
        task.failed.connect(self.notice)
        task.ended.connect(lambda: self._ended(task))
        task.begin(on_done, on_error, on_progress)
        self.busy_changed.emit()
        return task

    def warm_up(self) -> None:
        """Start the worker process now, so that nobody waits for it later."""
        try:
            self.workers.worker()
        except WorkbenchError as error:
            self.notice.emit(error)

    @property
    def busy(self) -> BusyState | None:
        """The background work the status line shows: the newest."""
        shown = [task for task in self._tasks if not task.quiet]
        return shown[-1].state if shown else None

    def cancel_busy(self) -> None:
        for task in reversed(self._tasks):
            if not task.quiet:
                task.cancel()
                return

    def _ended(self, task: BackgroundTask) -> None:
        if task in self._tasks:
            self._tasks.remove(task)
        task.deleteLater()
        self.busy_changed.emit()

    def notify(self, message: WorkbenchError | str) -> None:
        self.notice.emit(message)

    def close(self, *, wait: bool = False) -> None:
        """Before the application ends: no callback comes after this. A run in training goes on in its worker.

        With ``wait`` the workers are ended, training or not, and waited for (tests, benchmarks).
        """
        self.close_project()
        if self._training is not None:
            self._training.close()
            self._training = None
        self.workers.close(wait=wait)

    def _on_ready(self, message: dict[str, Any]) -> None:
        self.device = message
        self.device_changed.emit()
        self.size.worker_ready()

    def _on_died(self, name: str, text: str) -> None:
        if name == "main":
            self.device = {}
            self.device_changed.emit()
            logger.warning("the worker ended: %s", text)


def _no_worker(_on_notice: Callable[..., None]) -> Any:
    raise WorkbenchError("No worker process was started.", fix="Start the application again.")
