"""The stages by name: imported on the first visit, and a card in place of one that fails."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from workbench.api import Ref, WorkbenchError
from workbench.shell.session import Session
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.widgets import ErrorCard

logger = logging.getLogger(__name__)

STAGE_REFS: Mapping[str, Ref] = {
    "data": Ref("workbench.shell.stages.data:DataStage"),
    "model": Ref("workbench.shell.stages.model:ModelStage"),
    "train": Ref("workbench.shell.stages.train:TrainStage"),
    "evaluate": Ref("workbench.shell.stages.evaluate:EvaluateStage"),
    "use": Ref("workbench.shell.stages.use:UseStage"),
    "explain": Ref("workbench.shell.stages.explain:ExplainStage"),
}


class StagePages(QStackedWidget):
    """The central area. ``state_changed(stage)`` when a stage's word may have changed."""

    state_changed = Signal(str)
    problem = Signal(object)

    def __init__(
        self, session: Session, welcome: QWidget, refs: Mapping[str, Ref] = STAGE_REFS, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._refs = refs
        self._stages: dict[str, Stage] = {}
        self._failed: dict[str, QWidget] = {}
        self._welcome = welcome
        self.addWidget(welcome)
        self.current = "welcome"

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 240)  # a stage that wants more must not make the window grow under the person's hands

    def show_stage(self, name: str) -> None:
        if name == "welcome":
            self.setCurrentWidget(self._welcome)
        else:
            page = self._stages.get(name) or self._failed.get(name) or self._make(name)
            self.setCurrentWidget(page)
            if isinstance(page, Stage):
                page.activated()
        self.current = name

    def stage(self, name: str) -> Stage | None:
        """The stage if it was visited already."""
        return self._stages.get(name)

    def state(self, name: str) -> StageState:
        stage = self._stages.get(name)
        if stage is not None:
            return stage.state()
        if name in self._failed:
            return "problem"
        session = self.session
        if name == "train":
            return "running" if session.training else ("ready" if session.config or session.run else "empty")
        if name == "data":
            return "ready" if session.dataset is not None else "empty"
        if name == "model":
            return "ready" if session.config is not None else "empty"
        run = session.run
        has_model = run is not None and (run.model_folder.is_dir() or (run.checkpoints / "best").is_dir())
        return "ready" if has_model else "empty"

    def _make(self, name: str) -> QWidget:
        try:
            stage: Stage = self._refs[name].resolve()(self.session, self)
        except Exception as error:
            logger.exception("stage %s failed", name)
            shown = WorkbenchError(
                f"The {name} stage cannot be shown: {str(error).rstrip('.')}.",
                why="This is a mistake in the program; the rest of it goes on.",
                fix="Try again, or copy the details into a report.",
                details=traceback.format_exc(),
            )
            self.problem.emit(shown)
            return self._fail(name, shown)
        self._stages[name] = stage
        stage.state_changed.connect(lambda: self.state_changed.emit(name))
        self.addWidget(stage)
        self.state_changed.emit(name)
        return stage

    def _fail(self, name: str, error: WorkbenchError) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(ErrorCard(error, on_fix=lambda: self._retry(name), fix_text="Try again"))
        layout.addStretch(1)
        self._failed[name] = page
        self.addWidget(page)
        self.state_changed.emit(name)
        return page

    def _retry(self, name: str) -> None:
        page = self._failed.pop(name, None)
        if page is not None:
            self.removeWidget(page)
            page.deleteLater()
        self.show_stage(name)
