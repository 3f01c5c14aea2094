"""The main window: joins bar, stages, docks and actions. What each of them does is theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QMessageBox, QStatusBar, QVBoxLayout, QWidget

from workbench.api import WorkbenchError
from workbench.shell.actions import ACTIONS, STAGES, conflicts, shortcuts
from workbench.shell.bottom_bar import BottomBar
from workbench.shell.docks.bottom import BottomPanel
from workbench.shell.docks.dock import Dock
from workbench.shell.docks.inspector import Inspector
from workbench.shell.docks.project import ProjectPanel
from workbench.shell.notices import Notices
from workbench.shell.session import Session
from workbench.shell.stage_pages import StagePages
from workbench.shell.status import device_words, facts_text
from workbench.shell.top_bar import TopBar
from workbench.shell.unfinished import Unfinished
from workbench.shell.welcome import Welcome
from workbench.shell.window_commands import WindowCommands
from workbench.shell.window_layout import LAYOUT_VERSION, WindowLayout


class MainWindow(WindowCommands, WindowLayout):
    """``first_painted`` fires once, right after the first paint: the moment to start the worker."""

    first_painted = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setObjectName("main_window")
        self.setWindowTitle("Recurra")
        self.setAnimated(False)
        self.setDockNestingEnabled(False)
        self.setAcceptDrops(True)  # files may be dropped on any stage
        self._painted = False
        self._leaving = False
        self.dialogs: dict[str, QWidget] = {}
        self._build_centre()
        self._build_docks()
        self._build_actions()
        self._build_menu()
        self._connect()
        self.resize(1280, 800)
        self._default_sizes()
        self.default_layout = self.saveState(LAYOUT_VERSION)
        self._restore()
        self._show_side_docks(session.project is not None)
        self._refresh_all()
        self.pages.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.pages.setFocus()  # no ring on the first button before anyone has pressed Tab

    # --- building ------------------------------------------------------------------------------------------------

    def _build_centre(self) -> None:
        self.top_bar = TopBar(self)
        self.setMenuWidget(self.top_bar)
        self.welcome = Welcome(self.session)
        self.pages = StagePages(self.session, self.welcome)
        self.notices = Notices()
        centre = QWidget(self)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(8)
        layout.addWidget(self.notices)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(centre)
        self.bottom_bar = BottomBar(self)
        status = QStatusBar(self)
        status.setSizeGripEnabled(False)
        status.setContentsMargins(0, 0, 0, 0)
        status.addWidget(self.bottom_bar, 1)
        self.setStatusBar(status)

    def _build_docks(self) -> None:
        session = self.session
        self.project_panel = ProjectPanel(session)
        self.inspector = Inspector(session)
        self.bottom_panel = BottomPanel(session, session.run_view)
        self.docks = {
            "dock.project": Dock("dock.project", "Project", self.project_panel, (12, 2, 4, 4)),
            "dock.inspector": Dock("dock.inspector", "Inspector", self.inspector, (4, 2, 12, 4)),
            "dock.bottom": Dock("dock.bottom", "Bottom panel", self.bottom_panel, (12, 4, 12, 2)),
        }
        area = Qt.DockWidgetArea
        self.addDockWidget(area.LeftDockWidgetArea, self.docks["dock.project"])
        self.addDockWidget(area.RightDockWidgetArea, self.docks["dock.inspector"])
        self.addDockWidget(area.BottomDockWidgetArea, self.docks["dock.bottom"])
        self.bottom_panel.setMinimumHeight(110)
        self.docks["dock.bottom"].hide()
        self._add_panels()

    def _add_panels(self) -> None:
        """Docks of plugins, named by the contribution's id; they exist before any layout is restored."""
        area = Qt.DockWidgetArea
        places = {
            "left": (area.LeftDockWidgetArea, (12, 2, 4, 4)),
            "right": (area.RightDockWidgetArea, (4, 2, 12, 4)),
            "bottom": (area.BottomDockWidgetArea, (12, 4, 12, 2)),
        }
        wanted = [panel for panel in self.session.catalogue.panels() if panel.area in places]
        if not wanted:
            return  # and what frames panels is not imported for nothing
        from workbench.shell.panels import panel_cards

        for panel, card in panel_cards(self.session, frozenset(places)):
            where, margins = places[panel.area]
            dock = Dock(panel.id, panel.title, card, margins)
            self.addDockWidget(where, dock)
            self.docks[panel.id] = dock

    def _default_sizes(self) -> None:
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self.resizeDocks([self.docks["dock.project"], self.docks["dock.inspector"]], [206, 274], horizontal)
        self.resizeDocks([self.docks["dock.bottom"]], [150], vertical)

    def _build_actions(self) -> None:
        self.actions_by_id: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(spec.title, self)
            action.setObjectName(spec.id)
            action.setToolTip(spec.tip or spec.title)
            call: Any = getattr(self, spec.method)
            arguments = (spec.argument,) if spec.argument else ()
            action.triggered.connect(lambda _on=False, call=call, arguments=arguments: call(*arguments))
            self.addAction(action)
            self.actions_by_id[spec.id] = action
        self.apply_shortcuts(self.own_shortcuts())

    def apply_shortcuts(self, own: dict[str, str]) -> None:
        keys = shortcuts(own)
        clashing = {name for ids in conflicts(keys).values() for name in ids}
        for name, action in self.actions_by_id.items():
            action.setShortcut(QKeySequence("" if name in clashing else keys[name]))

    def _build_menu(self) -> None:
        menu = QMenu(self)
        groups: dict[str, QMenu] = {}
        for spec in ACTIONS:
            if spec.group not in groups:
                groups[spec.group] = menu.addMenu(spec.group)
            groups[spec.group].addAction(self.actions_by_id[spec.id])
        for name, dock in self.docks.items():
            if not name.startswith("dock."):
                groups["View"].addAction(dock.toggleViewAction())
        self.menu = menu
        self.top_bar.menu_button.clicked.connect(self._show_menu)

    def _show_menu(self) -> None:
        button = self.top_bar.menu_button
        self.menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _connect(self) -> None:
        session, bar = self.session, self.top_bar
        bar.stage_chosen.connect(self.show_stage)
        bar.train.clicked.connect(self.train)
        bar.pause.clicked.connect(self.pause_or_resume)
        bar.stop.clicked.connect(self.stop)
        bar.device.clicked.connect(lambda: self.show_bottom("monitor"))
        self.bottom_bar.tab_toggled.connect(self.toggle_bottom)
        self.bottom_bar.cancelled.connect(session.cancel_busy)
        self.docks["dock.bottom"].visibilityChanged.connect(lambda _on: self._mark_tab())
        self.bottom_panel.problems.count_changed.connect(self.bottom_bar.set_problem_count)
        self.bottom_bar.set_problem_count(self.bottom_panel.problems.count())
        self.project_panel.open_button.clicked.connect(self.ask_import)
        welcome = self.welcome
        welcome.sample_chosen.connect(self.start_sample)
        welcome.import_asked.connect(self.ask_import)
        welcome.files_dropped.connect(self.import_paths)
        welcome.project_chosen.connect(self.open_project)
        welcome.open_asked.connect(self.ask_open_project)
        welcome.new_asked.connect(self.ask_new_project)
        welcome.run_chosen.connect(self.open_unfinished)
        self.pages.state_changed.connect(lambda _name: self._refresh_states())
        self.pages.problem.connect(self.bottom_panel.problems.add)
        session.notice.connect(self._on_notice)
        session.stage_requested.connect(self.show_stage)
        session.project_changed.connect(self._on_project_changed)
        session.dataset_edited.connect(self._on_edited)
        for signal in (session.dataset_changed, session.run_changed, session.runs_changed, session.draft_changed):
            signal.connect(self._refresh_all)
        session.training_changed.connect(self._refresh_all)
        session.device_changed.connect(self._refresh_device)
        session.size.changed.connect(self._refresh_facts)
        session.busy_changed.connect(self._refresh_activity)
        session.run_view.changed.connect(self._refresh_activity)
        session.theme.changed.connect(self._on_theme_changed)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    # --- showing what is -----------------------------------------------------------------------------------------

    def show_stage(self, name: str) -> None:
        focus = QApplication.focusWidget()
        if focus is not None and self.pages.isAncestorOf(focus):
            self.pages.setFocus()  # else Qt hands it to the first control of the next page, say a slider
        self.pages.show_stage(name)
        self.top_bar.set_current(name)
        if name == "welcome":
            self.welcome.refresh()
        elif name == "model":
            self.session.size.ask_now()
        if name == "model" and self.inspector.section == "architecture":
            self.inspector.show_section("task")  # the stage itself shows the network's options
        self._refresh_states()

    def use_layout(self, name: str) -> None:
        self._put_away = None  # chosen by hand: it holds with or without a project
        super().use_layout(name)

    def _refresh_all(self) -> None:
        self._refresh_states()
        self._refresh_actions()
        self._refresh_facts()
        self._refresh_device()
        self._refresh_activity()

    def _refresh_states(self) -> None:
        for name, _ in STAGES:
            state = self.pages.state(name)
            button = self.top_bar.stage_buttons[name]
            if button.state != state:
                button.set_state(state)

    def _refresh_actions(self) -> None:
        session, bar = self.session, self.top_bar
        training = session.training
        resumable = self._resumable()
        why = "" if session.config is not None else "Choose a sample or open your data first."
        if training:
            why = "A run is being trained; stop it first."
        self._enable("run.train", bar.train, not why, why or "Train the model as it is set up now (F5)")
        paused = session.paused
        bar.set_pause_text("Resume" if paused or (resumable and not training) else "Pause")
        can_pause = training or resumable
        tip = "Go on (Ctrl+F5)" if paused or resumable else "Pause after this step (Ctrl+.)"
        self._enable("run.pause", bar.pause, can_pause, tip if can_pause else "Nothing is being trained.")
        stop_tip = "Stop and keep the best model so far (Shift+F5)"
        self._enable("run.stop", bar.stop, training, stop_tip if training else "Nothing is being trained.")
        self.actions_by_id["run.discard"].setEnabled(training)
        self.actions_by_id["run.resume"].setEnabled(paused or (resumable and not training))
        for direction in ("undo", "redo"):
            name = getattr(session, f"{direction}_name")()
            action = self.actions_by_id[f"edit.{direction}"]
            action.setEnabled(bool(name))
            action.setText(f"{direction.capitalize()} {name}".rstrip())
        self.actions_by_id["project.close"].setEnabled(session.project is not None)
        bar.refit()

    def _enable(self, action: str, button: QWidget, on: bool, tip: str) -> None:
        self.actions_by_id[action].setEnabled(on)
        self.actions_by_id[action].setToolTip(tip)
        button.setEnabled(on)
        button.setToolTip(tip)

    def _resumable(self) -> bool:
        """Whether the selected run ended before its end and has a checkpoint to go on from."""
        view, run = self.session.run_view, self.session.run
        if run is None or self.session.training or view.started is None:
            return False
        unfinished = view.finished is None or view.finished.reason != "completed"
        return unfinished and (run.checkpoints / "last").is_dir()

    def _refresh_device(self) -> None:
        self.top_bar.device.show_device(*device_words(self.session.device, self.session.run_view))
        self.top_bar.refit()

    def _refresh_facts(self) -> None:
        self.bottom_bar.facts.setText(facts_text(self.session, getattr(self, "_saved_at", "")))

    def _refresh_activity(self) -> None:
        view, busy = self.session.run_view, self.session.busy
        share = view.share()
        self.top_bar.set_progress(share)
        if busy is not None:
            part = busy.done / busy.total if busy.total else 0.0
            self.bottom_bar.show_activity(busy.text(), part, cancellable=True)
        else:
            self.bottom_bar.show_activity(view.activity(), share)
        self._refresh_device_if_new()

    def _refresh_device_if_new(self) -> None:
        short, reason = device_words(self.session.device, self.session.run_view)
        if self.top_bar.device.text() != short:
            self.top_bar.device.show_device(short, reason)
            self.top_bar.refit()

    def _mark_tab(self) -> None:
        visible = not self.docks["dock.bottom"].isHidden()
        self.bottom_bar.mark_tab(self.bottom_panel.current() if visible else None)

    def _on_notice(self, notice: WorkbenchError | str) -> None:
        if isinstance(notice, WorkbenchError):
            self.bottom_panel.problems.add(notice)
            stage: Any = self.pages.stage("train") if self.pages.current == "train" else None
            if stage is not None and stage.says(notice):
                return  # how a run ended is told there, with what can be done
        self.notices.show_notice(notice, *self.remedy(notice))

    def _on_project_changed(self) -> None:
        project = self.session.project
        self.top_bar.project_name.setText(project.name if project is not None else "")
        self.setWindowTitle(f"{project.name} · Recurra" if project is not None else "Recurra")
        self._show_side_docks(project is not None)
        if project is None:
            self.show_stage("welcome")
        self._refresh_all()

    def _on_edited(self) -> None:
        from PySide6.QtCore import QTime

        self._saved_at = QTime.currentTime().toString("HH:mm")
        self._refresh_actions()
        self._refresh_facts()

    def _on_theme_changed(self) -> None:
        self.top_bar.update()
        self.bottom_bar.update()
        self.top_bar.refit()
        self._fit_docks()

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        hint = ""
        if new is not None and self.isAncestorOf(new):
            hint = new.accessibleDescription() or new.toolTip()
        self.bottom_bar.hint.setText(hint)

    # --- window events -------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.first_painted.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_docks()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.import_paths(paths)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationFontChange and hasattr(self, "top_bar"):
            QTimer.singleShot(0, self.top_bar, self.top_bar.refit)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.session.training and not self._leaving and not self.confirm_close():
            event.ignore()
            return
        self.save_layout()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.disconnect(self._on_focus_changed)
        self.session.close()
        super().closeEvent(event)

    def leave(self) -> None:
        """Close without asking, as when the system or a terminal ends the program; a run in training goes on."""
        self._leaving = True
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, QDialog) and dialog.isVisible():
                dialog.reject()
        self.close()

    def confirm_close(self) -> bool:
        """Say that the run goes on without the window; offer to stop it first."""
        answer = LeaveDialog.ask(self)
        if answer == "stop":
            self.session.stop()
        return answer != "stay"

    def open_project(self, path: Path) -> None:
        try:
            self.session.open_project(path)
        except WorkbenchError as error:
            self.session.notice.emit(error)
            return
        self.made_for_drop = None  # this one was asked for
        self.notices.clear()  # they were about what was open before; the Problems tab keeps them
        self.show_stage("train" if self.session.run is not None else "data")


    def open_unfinished(self, found: Unfinished) -> None:
        """Open the project of a run that has not ended: follow it, or go on with it where it was interrupted."""
        self.open_project(found.project)
        session = self.session
        if session.project is None:
            return
        session.set_run(found.run_id)
        self.show_stage("train")
        if not session.training:
            session.resume_run()


class LeaveDialog:
    """Asked when the window is closed while a run is trained."""

    @classmethod
    def ask(cls, parent: QWidget) -> str:
        """``leave``, ``stop`` or ``stay``."""
        box = QMessageBox(parent)
        box.setWindowTitle("Training goes on")
        box.setText("The run goes on in the background after the window has closed.")
        box.setInformativeText("When you open this project again, the window follows it from where it is.")
        leave = box.addButton("Close the window", QMessageBox.ButtonRole.AcceptRole)
        stop = box.addButton("Stop, keep the best, close", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Stay here", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(leave)
        box.setEscapeButton(stay)
        box.exec()
        clicked = box.clickedButton()
        return "leave" if clicked is leave else "stop" if clicked is stop else "stay"
