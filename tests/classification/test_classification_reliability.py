"""The reliability diagram in the stage Evaluate: what it draws, how it is read, and what it says without answers."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot
from workbench_plugins.tasks.classification.gui_reliability import HINT, NOTHING, Bin, ReliabilityPanel, bins_of
from workbench_plugins.tasks.classification.report import build_report

from workbench.api import ClassProbabilities, LabelledText, Report
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.sdk import PanelContext
from workbench.shell.theme import Theme


def report_of(answers: list[tuple[float, bool]], temperature: float = 1.0) -> Report:
    """A report of answers given with a probability that were right or wrong."""
    pairs = [
        (
            i,
            LabelledText("a text", "good" if right else "bad"),
            ClassProbabilities("good", {"good": sure, "bad": 1 - sure}),
            0.5,
        )
        for i, (sure, right) in enumerate(answers)
    ]
    return build_report("validation", pairs, temperature)


ANSWERS = [(0.55, True), (0.55, False), (0.95, True), (0.95, True), (0.95, True), (0.95, False)]


@pytest.fixture
def panel(qtbot: QtBot) -> ReliabilityPanel:
    made = ReliabilityPanel(PanelContext(Theme("light"), lambda _what: None))
    qtbot.addWidget(made)
    made.resize(520, 420)
    made.show()
    return made


def test_bins_are_those_of_the_report() -> None:
    first, last = bins_of(report_of(ANSWERS).protocol)
    assert (first.place, last.place) == (5, 9)
    assert (first.count, first.right, last.count, last.right) == (2, 0.5, 4, 0.75)
    assert last.probability == pytest.approx(0.95)
    assert last.words() == "90 to 100 %: 4 answers, given with 95.0 % on average, 75.0 % right: 20.0 points too sure"
    unsure = Bin(3, 0.35, 0.6, 1).words()
    assert unsure.endswith("1 answer, given with 35.0 % on average, 60.0 % right: 25.0 points too unsure")
    assert Bin(0, 0.1, 0.1, 3).words().endswith("as sure as right")


def test_a_bin_is_found_at_its_upper_end_and_in_reports_that_do_not_name_it() -> None:
    ((one),) = bins_of(report_of([(0.3, True)] * 3).protocol)
    assert one.place == 2
    old = {"calibration_bins": [{"probability": 0.3, "right": 1.0, "count": 3}]}
    assert bins_of(old)[0].place == 2


def test_what_it_comes_to_and_the_temperature_are_told(panel: ReliabilityPanel) -> None:
    assert panel.show_report(report_of(ANSWERS, 1.7))
    # |.55 - .5| * 2 / 6 + |.95 - .75| * 4 / 6
    assert "81.7 % sure and 66.7 % right: too sure. Expected calibration error 15.0 %." in panel.headline.text()
    assert panel.figures.text().startswith("Temperature 1.70: ")
    assert "less sure" in panel.figures.text()
    panel.show_report(report_of(ANSWERS, 0.5))
    assert "more sure" in panel.figures.text()
    panel.show_report(report_of(ANSWERS))
    assert "as they are" in panel.figures.text()


def test_keys_and_mouse_tell_the_values_of_a_bin(qtbot: QtBot, panel: ReliabilityPanel) -> None:
    panel.show_report(report_of(ANSWERS))
    diagram = panel.diagram
    first, last = diagram.bins
    assert panel.value.text() == HINT
    for key, wanted in (("Right", first), ("Right", last), ("Right", last), ("Left", first), ("End", last)):
        qtbot.keyClick(diagram, getattr(Qt.Key, f"Key_{key}"))
        assert panel.value.text() == wanted.words()
    shares, counts = diagram._areas()
    x = shares.left() + shares.width() * 0.55
    for y in (shares.top() + 3, counts.bottom() - 3):
        qtbot.mouseMove(diagram, QPoint(int(shares.left() + shares.width() * 0.95), int(y)))
        qtbot.waitUntil(lambda: panel.value.text() == last.words())
        qtbot.mouseMove(diagram, QPoint(int(x), int(y)))
        qtbot.waitUntil(lambda: panel.value.text() == first.words())
    qtbot.mouseMove(diagram, QPoint(int(shares.left() + shares.width() * 0.25), int(shares.center().y())))
    qtbot.waitUntil(lambda: panel.value.text() == HINT)  # no answer was so unsure
    assert first.words() in diagram.accessibleDescription()


def test_without_bins_it_says_so_and_a_report_of_another_task_is_none_of_its_business(panel: ReliabilityPanel) -> None:
    assert panel.show_report(Report("test", 1, 2, {"class_accuracy": 1.0}))
    assert panel.empty.isVisible()
    assert panel.empty.text() == NOTHING
    assert not panel.diagram.isVisible()
    assert not panel.show_report(Report("test", 1, 2, {"entity_f1": 1.0}))
    assert panel.show_report(report_of(ANSWERS))
    assert panel.diagram.isVisible()
    assert not panel.empty.isVisible()


@pytest.mark.parametrize("name", ["light", "dark", "high_contrast"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_it_is_drawn_whole_in_every_theme_and_text_size(
    qtbot: QtBot, qapp: Any, name: str, scale: float
) -> None:
    theme = Theme(name)
    theme.apply(qapp)
    theme.set_scale(scale)
    made = ReliabilityPanel(PanelContext(theme, lambda _what: None))
    qtbot.addWidget(made)
    made.resize(int(420 * scale), int(380 * scale))
    made.show()
    made.show_report(report_of(ANSWERS, 1.3))
    qtbot.waitUntil(lambda: clipped(made) == [])
    image = made.grab().toImage()
    ratio = image.devicePixelRatio()
    shares, _ = made.diagram._areas()
    corner = made.diagram.pos()
    inside = made.diagram._column(shares, 9, 0.75).center()
    colour = image.pixelColor(int((corner.x() + inside.x()) * ratio), int((corner.y() + inside.y()) * ratio) + 20)
    assert colour == theme.series(0)
    assert nameless(made) == []
    assert shadowing(made) == []
    Theme("light").apply(qapp)
