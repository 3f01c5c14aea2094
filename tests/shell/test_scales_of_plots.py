"""Figures beside a logarithmic scale never touch, and validations within an epoch stand between its ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QFontMetricsF
from pytestqt.qtbot import QtBot

from workbench.api.events import EpochMetrics
from workbench.shell.plots.canvas import Canvas
from workbench.shell.stages.train.data import Curves
from workbench.shell.theme import Theme


def named_heights(canvas: Canvas) -> list[float]:
    """The places of all figures drawn beside the left axis, in pixels from the bottom."""
    axis: Any = canvas.item.getAxis("left")
    low, high = axis.range
    size = axis.geometry().height()
    places = []
    for spacing, values in axis.tickValues(low, high, size):
        for value, name in zip(values, axis.tickStrings(values, 1.0, spacing), strict=True):
            if name:
                places.append((value - low) / (high - low) * size)
    return sorted(places)


@pytest.mark.parametrize(("least", "most"), [(0.03, 0.05), (0.004, 0.4), (0.002, 0.6), (1e-6, 1.0), (1e-12, 1.0)])
def test_figures_of_a_logarithmic_scale_do_not_touch(qtbot: QtBot, least: float, most: float) -> None:
    canvas = Canvas("Gradient", theme=Theme("light"))
    qtbot.addWidget(canvas)
    canvas.resize(500, 300)
    canvas.set_log(True)
    canvas.set_line("one", np.arange(5.0), np.geomspace(most, least, 5))
    canvas.show()
    canvas.fit()
    places = named_heights(canvas)
    assert len(places) >= 2
    line = QFontMetricsF(canvas.item.getAxis("left").style["tickFont"]).height()
    assert np.diff(places).min() >= 0.9 * line


def epoch(number: int, step: int, loss: float) -> EpochMetrics:
    return EpochMetrics(
        run_id="r", seq=step, step=step, time=0.0, epoch=number, train_loss=1.0, validation_loss=loss,
        metrics={"perplexity": math.exp(loss)}, best=True, epochs_since_best=0, patience=3, seconds=1.0,
    )  # fmt: skip


def test_several_validations_of_an_epoch_stand_beside_each_other() -> None:
    curves = Curves()
    curves.add([epoch(1, 100, 2.0), epoch(1, 200, 1.9), epoch(1, 300, 1.8), epoch(2, 400, 1.7), epoch(2, 600, 1.6)])
    assert curves.by_epoch(curves.metrics["perplexity"]) == pytest.approx([1 / 3, 2 / 3, 1.0, 4 / 3, 2.0])


def test_one_validation_an_epoch_stands_at_its_number() -> None:
    curves = Curves()
    curves.add([epoch(1, 50, 2.0), epoch(2, 100, 1.9), epoch(3, 150, 1.8)])
    assert curves.by_epoch(curves.metrics["perplexity"]) == pytest.approx([1.0, 2.0, 3.0])


def test_a_share_of_one_is_seen_whole_below_the_edge(qtbot: QtBot) -> None:
    canvas = Canvas("Accuracy", theme=Theme("light"))
    qtbot.addWidget(canvas)
    canvas.resize(400, 200)
    canvas.highest = 1.0
    canvas.set_line("one", np.arange(4.0), np.array([0.6, 0.9, 1.0, 1.0]))
    canvas.show()
    canvas.fit()
    _, (_, top) = canvas.item.getViewBox().viewRange()
    assert 1.0 < top < 1.02
