"""The draft of a session: the configuration the next Train uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.api import Architecture, Catalogue, Task, WorkbenchError, compatibility

if TYPE_CHECKING:
    from workbench.data import DatasetInfo
    from workbench.runs.config import RunConfig
    from workbench.runs.folder import RunFolder


class Draft:
    """Mixed into the session, which has the attributes named here."""

    catalogue: Catalogue
    dataset: DatasetInfo | None
    config: RunConfig | None
    if TYPE_CHECKING:
        draft_changed: Any
        notice: Any

        def runs(self) -> list[RunFolder]: ...

    @property
    def task(self) -> Task | None:
        return self.find(self.catalogue.task, self.config.task.id) if self.config else None

    @property
    def architecture(self) -> Architecture | None:
        return self.find(self.catalogue.architecture, self.config.architecture.id) if self.config else None

    @staticmethod
    def find(look_up: Callable[[str], Any], id: str) -> Any:
        try:
            return look_up(id)
        except WorkbenchError:
            return None  # its plugin is missing; stages show a placeholder

    def refusal(self, config: RunConfig) -> WorkbenchError | None:
        """Why ``config`` cannot be trained, as far as task, architecture and options tell; None where it can."""
        task = self.find(self.catalogue.task, config.task.id)
        architecture = self.find(self.catalogue.architecture, config.architecture.id)
        if task is None or architecture is None:
            return None  # the worker says which plugin is missing
        try:
            fits = compatibility(task, architecture, config.architecture.params)
        except WorkbenchError as error:
            return error
        if fits:
            return None
        others = compatibility(task, architecture)
        return WorkbenchError(
            f"{architecture.title} cannot learn {task.title}.",
            why=fits.reason,
            fix="Change its options in the Model stage." if others else "Choose another network in the Model stage.",
        )

    def set_draft(
        self,
        *,
        task: str | None = None,
        task_params: Mapping[str, Any] | None = None,
        architecture: str | None = None,
        architecture_params: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        inputs: tuple[str, ...] | None = None,
        data: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        """Change parts of the configuration the next Train uses; another task or architecture starts from defaults."""
        from workbench.runs.config import parse_config

        if self.dataset is None:
            return
        old = self.config.model_dump(mode="json") if self.config is not None else {}
        values: dict[str, Any] = {
            "task": dict(old.get("task", {"id": "", "params": {}})),
            "architecture": dict(old.get("architecture", {"id": "", "params": {}})),
            "data": {**old.get("data", {}), "dataset": self.dataset.name, **(data or {})},
            "training": {**old.get("training", {}), **(training or {})},
            "inputs": list(inputs) if inputs is not None else old.get("inputs", []),
            "name": name if name is not None else old.get("name", ""),
        }
        for section, chosen, params in (
            ("task", task, task_params),
            ("architecture", architecture, architecture_params),
        ):
            if chosen is not None and chosen != values[section]["id"]:
                values[section] = {"id": chosen, "params": {}}
            if params is not None:
                values[section]["params"] = {**values[section]["params"], **params}
        new = parse_config(values)
        if new != self.config:
            self.config = new
            self.draft_changed.emit()

    def adopt_config(self, run: RunFolder | str) -> None:
        """Make the settings of a past run the draft."""
        if isinstance(run, str):
            found = next((item for item in self.runs() if item.id == run), None)
            if found is None:
                return
            run = found
        try:
            self.set_config(run.config)
        except WorkbenchError as error:
            self.notice.emit(error)

    def set_config(self, config: RunConfig) -> None:
        """Make ``config`` the draft as a whole."""
        if config != self.config:
            self.config = config
            self.draft_changed.emit()

    def _propose_draft(self) -> None:
        assert self.dataset is not None
        tasks = [task for task in self.catalogue.tasks() if task.record == self.dataset.record]
        if not tasks:
            self.config = None
            self.draft_changed.emit()
            return
        keep = self.task if self.task in tasks else None
        task = keep or tasks[0]
        if keep is None:
            self.config = None
        fitting = [a for a in self.catalogue.architectures() if compatibility(task, a)]
        # a network that reads both ways is the better first choice wherever the task allows it
        fitting.sort(key=lambda a: (not a.id.startswith("birnn"), not a.id.startswith("lstm")))
        current = self.architecture
        architecture = current if current in fitting else (fitting[0] if fitting else None)
        if architecture is None:
            self.config = None
            self.draft_changed.emit()
            return
        self.set_draft(task=task.id, architecture=architecture.id)
