"""The inspector: the options of the next run, in three short forms derived from their params."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QWidget

from workbench.api import Params
from workbench.shell.session import Session
from workbench.shell.widgets import Button, Card, Muted, ParamsForm, ScrollColumn

SECTIONS: tuple[tuple[str, str], ...] = (("architecture", "Model"), ("task", "Task"), ("training", "Training"))


class Inspector(Card):
    """Shows and changes the session's draft."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Settings", parent)
        self.session = session
        self.size_label = Muted("")
        self.body.addWidget(self.size_label)
        row = QHBoxLayout()
        row.setSpacing(4)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, Button] = {}
        for name, title in SECTIONS:
            tip = f"Options of the {title.lower()}" if name != "training" else "How to train"
            button = Button(title, self, tip=tip)
            button.setCheckable(True)
            button.clicked.connect(lambda _on=False, name=name: self.show_section(name))
            self._group.addButton(button)
            self.buttons[name] = button
            row.addWidget(button, 1)
        self.body.addLayout(row)
        self.scroll_area = ScrollColumn()
        self.body.addWidget(self.scroll_area, 1)
        self.empty = Muted("Select a dataset and its options appear here.")
        self.body.addWidget(self.empty)
        self.body.addStretch(0)
        self.form: ParamsForm | None = None
        self.section = "architecture"
        self._shown: tuple[str, type[Params] | None] = ("", None)
        session.draft_changed.connect(self.refresh)
        session.dataset_changed.connect(self.refresh)
        session.project_changed.connect(self.refresh)
        session.size.changed.connect(self._show_size)
        self.show_section("architecture")

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 28, 80)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 34, 400)

    def show_section(self, section: str) -> None:
        self.section = section
        self.buttons[section].setChecked(True)
        self.refresh()

    def _params(self) -> tuple[type[Params] | None, dict[str, object]]:
        config = self.session.config
        if config is None:
            return None, {}
        if self.section == "training":
            return type(config.training), config.training.model_dump(mode="json")
        if self.section == "task":
            task = self.session.task
            return (task.params if task else None), dict(config.task.params)
        architecture = self.session.architecture
        return (architecture.params if architecture else None), dict(config.architecture.params)

    def refresh(self) -> None:
        config, architecture = self.session.config, self.session.architecture
        has = config is not None
        self.empty.setVisible(not has)
        self.scroll_area.setVisible(has)
        self.size_label.setVisible(has)
        for button in self.buttons.values():
            button.setVisible(has)
        title = architecture.title if architecture else (config.architecture.id if config else "Settings")
        self.set_title(title)
        self._show_size()
        params, values = self._params()
        if (self.section, params) != self._shown:
            self._shown = (self.section, params)
            old = self.scroll_area.takeWidget()
            if old is not None:
                old.deleteLater()
            self.form = None
            if params is not None:
                self.form = ParamsForm(params, values)
                self.form.changed.connect(self._store)
                self.scroll_area.setWidget(self.form)
        elif self.form is not None and {**self.form.values(), **values} != self.form.values():
            self.form.set_values(values)

    def _store(self) -> None:
        if self.form is None or self.form.problems():
            return
        values = self.form.values()
        if self.section == "training":
            self.session.set_draft(training=values)
        elif self.section == "task":
            self.session.set_draft(task_params=values)
        else:
            self.session.set_draft(architecture_params=values)

    def _show_size(self) -> None:
        self.size_label.setText(self.session.size.text())
