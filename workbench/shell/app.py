"""Starting the application: window first, everything heavy after the first paint."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from workbench.api import WorkbenchError
from workbench.shell.session import Session
from workbench.shell.signals import QuitSignals
from workbench.shell.theme import Theme
from workbench.shell.window import MainWindow
from workbench.shell.worker_start import worker_starter

if TYPE_CHECKING:
    from workbench.project import Settings

logger = logging.getLogger(__name__)

CRASH_LOG = "crash.log"
GC_THRESHOLDS = (5_000, 20, 50)


def run(
    project_path: Path | None = None,
    *,
    safe_mode: bool = False,
    on_painted: Callable[[MainWindow], object] | None = None,
    start_worker: bool = True,
) -> int:
    """Show the window until it is closed; the exit status. ``on_painted`` is for measurements."""
    from workbench.host import load_plugins
    from workbench.project import Settings

    application = make_application()
    settings = Settings.load()
    crash_notice, crash_file = watch_crashes(crash_log_path())
    theme = theme_of(settings)
    theme.apply(application)
    plugins = load_plugins(safe_mode=safe_mode, gui=True, disabled=settings.disabled_plugins)
    session = Session(
        catalogue=plugins.catalogue,
        problems=plugins.problems,
        settings=settings,
        theme=theme,
        start_worker=worker_starter(arguments=("--safe-mode",) if safe_mode else ()),
    )
    window = MainWindow(session)

    def after_first_paint() -> None:
        if on_painted is not None:
            on_painted(window)
        settle_memory()
        if start_worker:
            session.warm_up()
        if project_path is not None:
            window.open_project(project_path)
            session.start_queued()
        for notice in (crash_notice, settings.notice):  # last: opening a project clears what was said before
            if notice:
                session.notice.emit(notice)

    window.first_painted.connect(after_first_paint)
    window.show()
    signals = QuitSignals(window.leave)
    try:
        return int(application.exec())
    finally:
        signals.restore()
        faulthandler.disable()
        crash_file.close()


def make_application() -> QApplication:
    """The one QApplication, made or found."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    application = QApplication(sys.argv[:1])
    application.setApplicationName("recurra")
    application.setApplicationDisplayName("Recurra")
    application.setDesktopFileName("recurra")
    return application


def settle_memory() -> None:
    """Keep Python's collector from stopping the window for tens of milliseconds while it looks at what stays anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def theme_of(settings: Settings) -> Theme:
    """The theme as the person left it."""
    return Theme(str(settings.get("shell.theme", settings.theme)), scale=float(settings.font_scale))


def crash_log_path() -> Path:
    from platformdirs import user_state_path

    return user_state_path("recurra", appauthor=False) / CRASH_LOG


def watch_crashes(path: Path) -> tuple[WorkbenchError | None, IO[Any]]:
    """Read what the last session left when it crashed, then write there if this one does."""
    notice: WorkbenchError | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        left = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if left.strip():
            notice = WorkbenchError(
                "The last session ended in a crash.",
                why="Nothing you had done is lost: edits and runs are on disk from the moment they happen.",
                fix="Copy the details into a report.",
                details=left[-20_000:],
            )
        file: IO[Any] = path.open("w", encoding="utf-8")
    except OSError as error:
        logger.warning("no crash log: %s", error)
        file = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the application
    faulthandler.enable(file)
    return notice, file


def quit_soon(window: MainWindow) -> None:
    """Close ``window`` once the event loop runs (measurements)."""
    QTimer.singleShot(0, window, window.close)
