"""A plugin's widget may raise anywhere: the frame shows a card that names the plugin, and the window goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from workbench.api import Panel, Ref
from workbench.host import ProblemList
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.widgets import ErrorCard

PANEL = Panel(id="view", title="View", area="explain", factory=Ref(f"{__name__}:View"))
Show = Callable[[Callable[[], QWidget]], PluginFrame]


@pytest.fixture(autouse=True)
def own_exception_hook() -> Iterator[None]:
    before = sys.excepthook
    yield
    sys.excepthook = before


@pytest.fixture
def problems() -> ProblemList:
    return ProblemList()


@pytest.fixture
def show(qtbot: QtBot, problems: ProblemList) -> Show:
    def build(factory: Callable[[], QWidget]) -> PluginFrame:
        frame = PluginFrame(factory, PANEL, problems, plugin="someone-elses")
        qtbot.addWidget(frame)
        frame.resize(300, 200)
        frame.show()
        return frame

    return build


def card_of(frame: PluginFrame) -> ErrorCard | None:
    cards = [card for card in frame.findChildren(ErrorCard) if card.isVisible()]
    return cards[0] if cards else None


def assert_fails_in_place(qtbot: QtBot, frame: PluginFrame, problems: ProblemList, words: str) -> None:
    qtbot.waitUntil(lambda: card_of(frame) is not None)
    card = card_of(frame)
    assert card is not None
    assert "someone-elses" in card.error.what
    assert words in card.error.what
    (problem,) = problems.problems()
    assert problem.plugin == "someone-elses"
    assert problem.where.startswith("panel 'view'")
    assert words in problem.what
    assert frame.widget is None
    frame.grab()  # and it can be painted


class PaintsBadly(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)  # still open when it raises: Qt would end the process with it
        painter.drawLine(0, 0, 5, 5)
        raise RuntimeError("cannot paint")


class ShowsBadly(QWidget):
    def showEvent(self, event: QShowEvent) -> None:
        raise RuntimeError("cannot show")


class MeasuresBadly(QWidget):
    def sizeHint(self) -> QSize:
        raise RuntimeError("cannot measure")


class PressedBadly(QWidget):
    def mousePressEvent(self, event: QMouseEvent) -> None:
        raise RuntimeError("cannot be pressed")


class TicksBadly(QWidget):
    def __init__(self) -> None:
        super().__init__()
        QTimer.singleShot(0, self, self.tick)

    def tick(self) -> None:
        raise RuntimeError("cannot tick")


class GrowsBadly(QWidget):
    """Adds a child that paints badly only after it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.setLayout(QVBoxLayout())
        QTimer.singleShot(0, self, self.grow)

    def grow(self) -> None:
        self.layout().addWidget(PaintsBadly())


def nested() -> QWidget:
    outer = QWidget()
    layout = QVBoxLayout(outer)
    layout.addWidget(QLabel("fine"))
    layout.addWidget(PaintsBadly())
    return outer


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (PaintsBadly, "cannot paint"),
        (nested, "cannot paint"),
        (GrowsBadly, "cannot paint"),
        (ShowsBadly, "cannot show"),
        (MeasuresBadly, "cannot measure"),
        (TicksBadly, "cannot tick"),
    ],
)
def test_what_a_widget_raises_becomes_a_card(
    qtbot: QtBot, show: Show, problems: ProblemList, factory: Callable[[], QWidget], words: str
) -> None:
    frame = show(factory)
    assert_fails_in_place(qtbot, frame, problems, words)


def test_a_handler_of_input_is_caught_too(qtbot: QtBot, show: Show, problems: ProblemList) -> None:
    frame = show(PressedBadly)
    assert frame.widget is not None
    qtbot.mouseClick(frame.widget, Qt.MouseButton.LeftButton)
    assert_fails_in_place(qtbot, frame, problems, "cannot be pressed")


def test_a_slot_is_caught_too(qtbot: QtBot, show: Show, problems: ProblemList) -> None:
    def button() -> QWidget:
        button = QPushButton("press")
        button.clicked.connect(lambda: 1 / 0)
        return button

    frame = show(button)
    assert isinstance(frame.widget, QPushButton)
    QTimer.singleShot(0, frame.widget.click)
    assert_fails_in_place(qtbot, frame, problems, "division by zero")


@pytest.mark.parametrize(
    ("factory", "words"),
    [(lambda: 1 / 0, "division by zero"), (lambda: None, "not a QWidget"), (lambda: sys.exit(2), "SystemExit")],
)
def test_a_factory_that_fails_becomes_a_card_at_once(
    qtbot: QtBot, show: Show, problems: ProblemList, factory: Callable[[], QWidget], words: str
) -> None:
    assert_fails_in_place(qtbot, show(factory), problems, words)


def test_trying_again_builds_the_widget_anew(qtbot: QtBot, show: Show) -> None:
    answers: list[Callable[[], QWidget]] = [PaintsBadly, QLabel]
    frame = show(lambda: answers.pop(0)())
    qtbot.waitUntil(lambda: card_of(frame) is not None)
    frame.retry()
    assert isinstance(frame.widget, QLabel)
    qtbot.waitUntil(lambda: card_of(frame) is None)


def test_a_good_widget_is_left_alone(qtbot: QtBot, show: Show, problems: ProblemList) -> None:
    painted = []

    class Good(QWidget):
        def paintEvent(self, event: QPaintEvent) -> None:
            painted.append(event.rect().width())

        def sizeHint(self) -> QSize:
            return QSize(123, 45)

    frame = show(Good)
    qtbot.waitUntil(lambda: bool(painted))
    assert frame.sizeHint() == QSize(123, 45)
    assert not problems.problems()


def test_exceptions_of_others_go_where_they_went_before(show: Show, problems: ProblemList) -> None:
    heard: list[type[BaseException]] = []
    sys.excepthook = lambda kind, _error, _trace: heard.append(kind)
    show(QLabel)
    try:
        json.loads("{")
    except ValueError as error:
        own = error.__traceback__
        assert own is not None
        sys.excepthook(ValueError, error, own.tb_next)  # without this module, where the panel's factory is
    assert heard == [ValueError]
    assert not problems.problems()
