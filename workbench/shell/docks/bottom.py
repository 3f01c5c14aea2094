"""The bottom panel: run monitor, log, and problems."""

from __future__ import annotations

import contextlib
import logging

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.api import WorkbenchError
from workbench.shell.run_view import RunView
from workbench.shell.session import Session
from workbench.shell.widgets import Card, ErrorCard, Muted, ScrollColumn, Text

MAXIMUM_LOG_LINES = 5000


class LogBridge(QObject):
    """``line`` carries log records of any thread as text; connect it queued."""

    line = Signal(str)


class BridgeHandler(logging.Handler):
    """Hands formatted records to a bridge."""

    def __init__(self, bridge: LogBridge) -> None:
        super().__init__(logging.INFO)
        self._bridge = bridge
        self.setFormatter(logging.Formatter("%(asctime)s  %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(RuntimeError):  # the window is gone already
            self._bridge.line.emit(self.format(record))


class LogView(QPlainTextEdit):
    """The last lines of the log."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMaximumBlockCount(MAXIMUM_LOG_LINES)
        self.setAccessibleName("Log")
        self.setPlaceholderText("Nothing has been logged yet.")


class Problems(ScrollColumn):
    """One card for each distinct problem, naming the plugin; and notices that were shown inline before."""

    count_changed = Signal(int)
    _reported = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(None, parent)
        self.session = session
        self.setAccessibleName("Problems")
        self._holder = QWidget()
        self._list = QVBoxLayout(self._holder)
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.setSpacing(8)
        self._empty = Muted("No problems. Plugins that fail are named here, each distinct problem once.")
        self._list.addWidget(self._empty)
        self._list.addStretch(1)
        self.setWidget(self._holder)
        self._cards: dict[tuple[str, str, str], tuple[ErrorCard, int]] = {}
        self._reported.connect(self.refresh, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = session.problems.subscribe(lambda _problem: self._reported.emit())
        self.destroyed.connect(lambda _=None, stop=self._unsubscribe: stop())
        self.refresh()

    def add(self, error: WorkbenchError) -> None:
        """Keep an error of the application itself."""
        self._put(("", "", error.what), error, 1)
        self._tell()

    def refresh(self) -> None:
        for problem in self.session.problems.problems():
            times = f" ({problem.count} times)" if problem.count > 1 else ""
            error = WorkbenchError(
                f"{problem.plugin}, {problem.where}: {problem.what}{times}",
                why=problem.why,
                fix=problem.fix,
                details=problem.details,
            )
            self._put((problem.plugin, problem.where, problem.what), error, problem.count)
        self._tell()

    def count(self) -> int:
        return len(self._cards)

    def _put(self, key: tuple[str, str, str], error: WorkbenchError, count: int) -> None:
        known = self._cards.get(key)
        if known is not None and known[1] == count:
            return
        card = ErrorCard(error)
        if known is not None:
            self._list.replaceWidget(known[0], card)
            known[0].deleteLater()
        else:
            self._list.insertWidget(self._list.count() - 1, card)
        self._cards[key] = (card, count)

    def _tell(self) -> None:
        self._empty.setVisible(not self._cards)
        self.count_changed.emit(len(self._cards))


class RunMonitor(QWidget):
    """The run in words and numbers: phase, progress, time left, patience, device."""

    def __init__(self, session: Session, view: RunView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.view = session, view
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        self._values: dict[str, Text] = {}
        for column in (("State", "Progress", "Time left"), ("Epochs since best", "Speed", "Best"), ("Device", "Run")):
            grid = QGridLayout()
            grid.setHorizontalSpacing(12)
            grid.setVerticalSpacing(4)
            for row, title in enumerate(column):
                value = Text("–", wrap=title == "Device")
                grid.addWidget(Muted(title, wrap=False), row, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(value, row, 1, Qt.AlignmentFlag.AlignTop)
                self._values[title] = value
            grid.setColumnStretch(1, 1)
            grid.setRowStretch(len(column), 1)
            layout.addLayout(grid, 2 if "Device" in column else 1)
        view.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        view = self.view
        for title, text in (
            ("State", view.state_text()),
            ("Progress", view.progress_text()),
            ("Time left", view.eta_text()),
            ("Epochs since best", view.patience_text()),
            ("Speed", view.speed_text()),
            ("Best", view.best_text()),
            ("Device", view.device_text()),
            ("Run", self.session.run.id if self.session.run else "no run selected"),
        ):
            self._values[title].setText(text or "–")


class BottomPanel(Card):
    """A stack of the three; the tabs are in the bar below."""

    def __init__(self, session: Session, view: RunView, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.stack = QStackedWidget()
        self.monitor = RunMonitor(session, view)
        self.log = LogView()
        self.problems = Problems(session)
        self.pages: dict[str, QWidget] = {"monitor": self.monitor, "log": self.log, "problems": self.problems}
        for page in self.pages.values():
            self.stack.addWidget(page)
        self.body.addWidget(self.stack)
        self.bridge = LogBridge(self)
        self.bridge.line.connect(self.log.appendPlainText, Qt.ConnectionType.QueuedConnection)
        handler = BridgeHandler(self.bridge)
        logging.getLogger("workbench").addHandler(handler)
        self.destroyed.connect(lambda _=None: logging.getLogger("workbench").removeHandler(handler))

    def show_page(self, id: str) -> None:
        self.stack.setCurrentWidget(self.pages[id])

    def current(self) -> str:
        return next(name for name, page in self.pages.items() if page is self.stack.currentWidget())
