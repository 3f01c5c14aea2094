"""What the window's actions do. Mixed into the window; each method is named by the table of actions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from workbench.api import WorkbenchError
from workbench.shell.theme import TITLES

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.shell.bottom_bar import BottomBar
    from workbench.shell.docks.bottom import BottomPanel
    from workbench.shell.docks.dock import Dock
    from workbench.shell.notices import Notices
    from workbench.shell.session import Session
    from workbench.shell.stage_pages import StagePages

HELP_PAGES = {
    "welcome": "getting-started",
    "data": "data",
    "model": "architectures",
    "train": "training",
    "evaluate": "tagging",
    "use": "tagging",
    "explain": "explain",
}
"""The help page of each view (F1)."""


class WindowCommands:
    """Needs the attributes named below, which the window makes."""

    session: Session
    docks: dict[str, Dock]
    bottom_panel: BottomPanel
    bottom_bar: BottomBar
    pages: StagePages
    notices: Notices
    actions_by_id: dict[str, QAction]
    dialogs: dict[str, QWidget]
    made_for_drop: Path | None = None
    """The project this window made only because files were dropped while none was open."""
    _hears_refusals = False

    if TYPE_CHECKING:

        def show_stage(self, name: str) -> None: ...
        def open_project(self, path: Path) -> None: ...
        def apply_shortcuts(self, own: dict[str, str]) -> None: ...
        def _mark_tab(self) -> None: ...
        def _resumable(self) -> bool: ...

    # --- runs ----------------------------------------------------------------------------------------------------

    def train(self) -> None:
        if self.session.start_training() is not None:
            self.notices.clear()  # how earlier runs failed; the Problems tab keeps it
            self.show_stage("train")

    def pause_or_resume(self) -> None:
        session = self.session
        if session.training and not session.paused:
            session.pause()
        else:
            session.resume()

    def resume(self) -> None:
        self.session.resume()

    def stop(self) -> None:
        self.session.stop()

    def discard(self) -> None:
        """Asks first: what was trained would be lost."""
        answer = QMessageBox.question(
            self._widget(),
            "Discard the run",
            "Stop now and throw away what this run has learned?",
            QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        if answer == QMessageBox.StandardButton.Discard:
            self.session.discard()

    def undo(self) -> None:
        self.session.undo()

    def redo(self) -> None:
        self.session.redo()

    def export_model(self) -> None:
        """The selected run's model as one file to hand on."""
        session = self.session
        run = session.run
        if run is None or not run.model_folder.is_dir():
            session.notice.emit("There is no finished model to export; select a run that has one.")
            return
        exporters = [one for one in session.catalogue.exporters() if one.of == "model"]
        if not exporters:
            session.notice.emit(WorkbenchError("No exporter of models is installed.", fix="Switch its plugin on."))
            return
        kinds = ";;".join(f"{one.title} (*{one.suffix})" for one in exporters)
        name = f"{run.config.name or run.id}{exporters[0].suffix}"
        chosen, _ = QFileDialog.getSaveFileName(self._widget(), "Export the model", str(Path.home() / name), kinds)
        if chosen:
            self.write_model(run.model_folder, Path(chosen))

    def write_model(self, folder: Path, path: Path) -> None:
        """Write the model in ``folder`` to ``path``, whole or not at all, with the exporter its suffix chooses."""
        from workbench.api.files import atomic_path
        from workbench.host import use

        session = self.session
        exporters = [one for one in session.catalogue.exporters() if one.of == "model"]
        exporter = next((one for one in exporters if one.suffix == path.suffix), exporters[0])

        def work(_progress: object, _cancelled: object) -> Path:
            with atomic_path(path) as temporary:
                use(
                    exporter, session.problems, session.catalogue, lambda: exporter.factory.resolve()(folder, temporary)
                )
            return path

        session.run_in_background(
            work,
            lambda written: session.notice.emit(f"Written: {written}"),
            session.notice.emit,
            title=f"Exporting {path.name}",
        )

    # --- projects ------------------------------------------------------------------------------------------------

    def ask_new_project(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self._widget(), "New project: name its folder", str(projects_folder()))
        if path:
            self.create_project(Path(path))

    def create_project(self, path: Path) -> bool:
        try:
            self.session.create_project(path, path.name)
        except WorkbenchError as error:
            self.session.notice.emit(error)
            return False
        self.show_stage("data")
        return True

    def ask_open_project(self) -> None:
        path = QFileDialog.getExistingDirectory(self._widget(), "Open project", str(projects_folder()))
        if path:
            self.open_project(Path(path))

    def close_project(self) -> None:
        self.session.close_project()

    def ask_import(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self._widget(), "Open my data")
        if paths:
            self.import_paths([Path(path) for path in paths])

    def import_paths(self, paths: list[Path]) -> None:
        """Bring files into the open project, or into a new one named after the first."""
        if len(paths) == 1 and (paths[0] / "project.toml").is_file():
            self.open_project(paths[0])
            return
        if self.session.project is None:
            made = unused_folder(paths[0].stem or "project")
            if not self.create_project(made):
                return
            self.made_for_drop = made
        self.show_stage("data")
        stage: Any = self.pages.stage("data")
        if stage is None:
            return
        if not self._hears_refusals:
            self._hears_refusals = True
            stage.import_refused.connect(self._take_back)
        stage.import_paths(paths)

    def _take_back(self, error: WorkbenchError) -> None:
        """A project made for files that can be nothing goes again, as long as nothing has come into it."""
        session, made = self.session, self.made_for_drop
        project = session.project
        if project is None or made is None or project.path != made or not holds_nothing(project):
            return
        self.made_for_drop = None
        session.close_project()
        shutil.rmtree(made, ignore_errors=True)
        if session.settings is not None:
            session.settings.forget_recent(made)
        self.show_stage("welcome")
        session.notice.emit(error)

    def start_sample(self, name: str) -> None:
        """One click on a card: project, data, and training under way."""
        from workbench.shell.samples import prepare_sample, sample_config, sample_folder

        session = self.session
        if session.training:
            session.notice.emit("A run is being trained already; stop it first.")
            return
        sample = session.catalogue.sample(name)
        folder = sample_folder(sample)
        session.close_project()

        def ready(path: Path) -> None:
            try:
                session.open_project(path)
                session.set_dataset(sample.id)
                session.set_config(sample_config(sample))
            except WorkbenchError as error:
                session.notice.emit(error)
                return
            self.train()

        session.run_in_background(
            prepare_sample(sample, folder, session.record_types()), ready, title=f"Preparing “{sample.title}”"
        )

    def remedy(self, notice: WorkbenchError | str) -> tuple[Callable[[], object] | None, str]:
        """What the window can do about ``notice`` with one click, and the words on the button; nothing: (None, "")."""
        if not isinstance(notice, WorkbenchError):
            return None, ""
        if "can be resumed" in notice.fix and self._resumable():
            return self.session.resume_run, "Resume the run"
        if notice.file is None:
            return None, ""
        from workbench.data.connection import backup_path, damaged_error

        path = Path(notice.file)
        if notice.what == damaged_error(path, "").what and backup_path(path).exists():
            return lambda: self.restore_data(path), "Restore last good data"
        return None, ""

    def restore_data(self, store: Path) -> None:
        """Put the last good copy in the place of a project's damaged data, and open the project."""
        from workbench.data import backup

        if self.session.project is not None and self.session.project.path == store.parent:
            self.session.close_project()
        try:
            aside = backup.restore(store)
        except WorkbenchError as error:
            self.session.notice.emit(error)
            return
        self.open_project(store.parent)
        self.session.notice.emit(f"The last good data are back; the damaged ones lie beside them as {aside.name}.")

    # --- looks ---------------------------------------------------------------------------------------------------

    def set_theme(self, name: str) -> None:
        theme, settings = self.session.theme, self.session.settings
        theme.set(name if name in TITLES else "system")
        if settings is not None:
            settings.set("shell.theme", theme.name)

    def scale_text(self, direction: str) -> None:
        theme, settings = self.session.theme, self.session.settings
        steps = {"+": theme.scale + 0.1, "-": theme.scale - 0.1, "0": 1.0}
        theme.set_scale(round(steps[direction], 2))
        if settings is not None:
            settings.font_scale = theme.scale

    def toggle_dock(self, name: str) -> None:
        dock = self.docks[name]
        dock.setVisible(dock.isHidden())
        self._mark_tab()

    def toggle_bottom(self, page: str) -> None:
        dock = self.docks["dock.bottom"]
        if not dock.isHidden() and self.bottom_panel.current() == page:
            dock.hide()
        else:
            self.show_bottom(page)
        self._mark_tab()

    def show_bottom(self, page: str) -> None:
        self.bottom_panel.show_page(page)
        self.docks["dock.bottom"].show()
        self._mark_tab()

    def use_layout(self, name: str) -> None:
        window: Any = self
        if name == "reset":
            window.restoreState(window.default_layout, 1)
            for key in ("dock.project", "dock.inspector"):
                self.docks[key].show()
        else:
            self.docks["dock.project"].setVisible(name == "work")
            self.docks["dock.inspector"].setVisible(name == "work")
            self.docks["dock.bottom"].setVisible(name == "work")
        self._mark_tab()

    def focus_next_dock(self) -> None:
        """Go round: stage, project, inspector, bottom panel, and the stage again."""
        places: list[QWidget] = [self.pages, *(dock for dock in self.docks.values() if not dock.isHidden())]
        now = QApplication.focusWidget()
        at = next((i for i, place in enumerate(places) if now is not None and place.isAncestorOf(now)), -1)
        for step in range(1, len(places) + 1):
            place = places[(at + step) % len(places)]
            target = first_focusable(place)
            if target is not None:
                target.setFocus(Qt.FocusReason.TabFocusReason)
                return

    # --- finding and help ----------------------------------------------------------------------------------------

    def show_palette(self) -> None:
        from workbench.shell.palette import CommandPalette

        dialog = CommandPalette([a for name, a in self.actions_by_id.items() if name != "view.palette"], self._widget())
        self._open(dialog, "palette")

    def show_comparison(self) -> None:
        from workbench.shell.comparison.page import ComparisonDialog

        self._open(ComparisonDialog(self.session, self._widget()), "comparison")

    def show_help(self) -> None:
        from workbench.shell.help_view import HelpDialog

        self._open(HelpDialog(HELP_PAGES.get(self.pages.current, "index"), self._widget()), "help")

    def show_shortcuts(self) -> None:
        from workbench.shell.shortcut_editor import ShortcutEditor

        dialog = ShortcutEditor(self.own_shortcuts(), self.pages.current, self._widget())
        dialog.changed.connect(self._store_shortcuts)
        self._open(dialog, "shortcuts")

    def own_shortcuts(self) -> dict[str, str]:
        """The person's own keys, by action."""
        settings = self.session.settings
        return dict(settings.get("shell.shortcuts", {})) if settings is not None else {}

    def _store_shortcuts(self, own: dict[str, str]) -> None:
        if self.session.settings is not None:
            self.session.settings.set("shell.shortcuts", own or None)
        self.apply_shortcuts(own)

    def _open(self, dialog: Any, name: str) -> None:
        """Show without blocking; one of each at a time."""
        old = self.dialogs.pop(name, None)
        if old is not None:
            old.close()
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.destroyed.connect(lambda _=None: self.dialogs.pop(name, None) if self.dialogs.get(name) is dialog else 0)
        self.dialogs[name] = dialog
        dialog.show()

    def _widget(self) -> QWidget:
        assert isinstance(self, QWidget)
        return self


def projects_folder() -> Path:
    """Where new projects are offered a place."""
    from platformdirs import user_documents_path

    return user_documents_path() / "Recurra"


def unused_folder(name: str) -> Path:
    """A folder for a project called ``name`` that is not there yet."""
    base, number = projects_folder() / name, 1
    path = base
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path


def holds_nothing(project: Project) -> bool:
    """Whether a project is as it was made: no dataset, no run, and no file of anybody else in its folder."""
    from workbench.project.migrations import PROJECT_FILE
    from workbench.project.project import STORE_NAME

    if project.store.datasets() or project.runs():
        return False
    for path in project.path.iterdir():
        own = path.name == PROJECT_FILE or path.name.startswith(STORE_NAME)
        if not own and not (path.is_dir() and not any(path.iterdir())):
            return False
    return True


def first_focusable(place: QWidget) -> QWidget | None:
    """The first visible widget in ``place`` that takes the focus by Tab."""
    for widget in [place, *place.findChildren(QWidget)]:
        policy = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if policy == Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled():
            return widget
    return None
