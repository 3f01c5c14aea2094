"""Curves: what is kept, what is drawn, what is exported; and that drawing does not eat Python's None."""

from __future__ import annotations

import csv
import gc
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QImage

from workbench.api.events import EpochMetrics, RunStarted, StepMetrics
from workbench.shell.plots.canvas import Canvas
from workbench.shell.plots.series import Series, decimate
from workbench.shell.stages.train.data import Curves
from workbench.shell.theme import Theme


def step(number: int, loss: float) -> StepMetrics:
    return StepMetrics(
        run_id="r", seq=number, step=number, time=0.0, epoch=1, loss=loss, learning_rate=0.1, gradient_norm=1.0,
        tokens_per_second=10.0,
    )  # fmt: skip


def test_a_series_grows_and_averages() -> None:
    series, rng = Series(), np.random.default_rng(1)
    y = rng.normal(size=10_000)
    for part in np.array_split(np.arange(10_000), 37):
        series.extend(part.astype(float), y[part])
    assert np.array_equal(series.y, y)
    x, smooth = series.smoothed(50, 300)
    assert x[-1] == 9_999
    assert len(x) <= 320
    assert smooth[-1] == pytest.approx(y[-50:].mean())
    assert series.smoothed(1, 10_000)[1] == pytest.approx(y)


def test_values_that_are_no_numbers_have_no_place() -> None:
    series = Series()
    series.extend(np.array([1.0, 2.0, 3.0]), np.array([0.5, np.nan, np.inf]))
    assert list(series.x) == [1.0]


def test_decimation_keeps_every_peak() -> None:
    y = np.random.default_rng(2).normal(size=1_000_003)
    y[765_432] = 40.0
    x, kept = decimate(np.arange(len(y), dtype=float), y, 800)
    assert len(x) <= 2 * 800 + 1_000
    assert kept.max() == 40.0
    assert kept.min() == y.min()
    assert np.all(np.diff(x) >= 0)


def test_a_resumed_run_drops_what_never_counted() -> None:
    curves = Curves()
    curves.add([step(i, 1.0) for i in range(1, 11)])
    again = RunStarted(
        run_id="r", seq=11, step=6, time=0.0, pid=1, device="cpu", device_reason="", threads=1, parameters=1,
        steps_per_epoch=10, max_epochs=2, resumed_from_step=6,
    )  # fmt: skip
    curves.add([again, step(7, 0.5)])
    assert list(curves.steps["loss"].x) == [1, 2, 3, 4, 5, 6, 7]


def test_the_best_epoch_is_marked() -> None:
    curves = Curves()
    for epoch, (loss, best) in enumerate(((0.9, True), (0.5, True), (0.7, False)), 1):
        curves.add(
            [
                EpochMetrics(
                    run_id="r", seq=epoch, step=10 * epoch, time=0.0, epoch=epoch, train_loss=1.0,
                    validation_loss=loss, metrics={"f1": 0.1 * epoch}, best=best, epochs_since_best=0, patience=3,
                    seconds=1.0,
                )
            ]
        )  # fmt: skip
    assert curves.best == (20.0, 0.5)
    assert list(curves.metrics["f1"].y) == pytest.approx([0.1, 0.2, 0.3])


@pytest.fixture
def canvas(qtbot: Any, qapp: Any) -> Canvas:
    theme = Theme("light")
    theme.apply(qapp)
    made = Canvas("Loss", theme=theme, x_label="step", y_label="loss")
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.show()
    return made


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_500_updates_do_not_lose_references_to_none(canvas: Canvas) -> None:
    x = np.arange(500.0)
    canvas.set_line("train", x, x, label="train")
    canvas.grab()
    gc.collect()  # what earlier tests left would otherwise be freed, with its references, during this one
    before = sys.getrefcount(None)
    for i in range(500):
        canvas.set_line("train", x, x + i, label="train")
    canvas.grab()
    assert sys.getrefcount(None) > before - 100


def test_a_million_points_are_redrawn_in_a_blink(canvas: Canvas) -> None:
    series = Series()
    series.extend(np.arange(1e6), np.random.default_rng(3).normal(size=1_000_000))
    canvas.set_line("raw", *decimate(series.x, series.y, canvas.width_points()), faded=True)
    canvas.grab()
    begun = time.process_time()
    canvas.set_line("raw", *decimate(series.x, series.y, canvas.width_points()), faded=True)
    canvas.fit()
    canvas.grab()
    assert time.process_time() - begun < 0.25  # ten times the aim: this machine is shared


def test_the_plot_follows_the_theme_and_tells_itself_in_words(canvas: Canvas) -> None:
    canvas.set_line("train", np.array([1.0, 2.0]), np.array([0.9, 0.412]), label="train")
    canvas.fit()
    assert "train 0.412 at step 2" in canvas.accessibleName()
    before = canvas.grab().toImage().pixelColor(3, 3)
    canvas.theme.set("dark")
    after = canvas.grab().toImage().pixelColor(3, 3)
    assert before == Theme("light").color("surface")
    assert after == Theme("dark").color("surface")


def test_log_scale_and_outliers(canvas: Canvas) -> None:
    y = np.full(200, 1.0)
    y[100] = 1000.0
    y[150] = 0.1
    canvas.set_line("raw", np.arange(200.0), y, faded=True)
    canvas.fit()
    high = canvas.item.getViewBox().viewRange()[1][1]
    canvas.set_ignore_outliers(True)
    assert canvas.item.getViewBox().viewRange()[1][1] < 0.1 * high
    canvas.set_ignore_outliers(False)
    canvas.set_log(True)
    low, high = canvas.item.getViewBox().viewRange()[1]
    assert low < -0.9
    assert 3.0 < high < 4.0


def test_export_writes_a_picture_with_facts_and_the_numbers(canvas: Canvas, tmp_path: Path) -> None:
    canvas.set_line("train", np.array([1.0, 2.0]), np.array([0.9, 0.4]), label="train")
    canvas.fit()
    canvas.export(tmp_path / "loss.png", "seed 7", {"train": ([1, 2], [0.9, 0.4])})
    picture = QImage(str(tmp_path / "loss.png"))
    assert picture.height() > 2 * canvas.height()
    with (tmp_path / "loss.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["series", "step", "loss"], ["train", "1.0", "0.9"], ["train", "2.0", "0.4"]]


def test_a_live_canvas_keeps_its_ranges_while_they_fit(qtbot: Any) -> None:
    canvas = Canvas("Loss", theme=Theme("light"), x_label="step")
    canvas.lowest = 0.0
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.live = True
    y = 1.0 / np.arange(1, 201)

    def show(count: int) -> list[list[float]]:
        canvas.set_line("train", np.arange(count, dtype=float), y[:count], label="train")
        canvas.fit()
        return [list(axis) for axis in canvas.item.getViewBox().viewRange()]

    first = show(100)
    assert first[1][0] == 0.0  # a loss is never negative
    assert show(103) == first  # the axes need not be drawn again
    later = show(200)
    assert later[0][1] > first[0][1]
    canvas.live = False
    assert show(200)[0][1] < later[0][1]  # ended: shown to its edges


def test_epochs_and_steps_have_whole_ticks(qtbot: Any) -> None:
    canvas = Canvas("Entity F1", theme=Theme("light"), x_label="epoch")
    canvas.lowest, canvas.highest = 0.0, 1.0
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.set_line("metric f1", np.array([1.0]), np.array([0.02]), label="f1", points=True)
    canvas.fit()
    view = canvas.item.getViewBox().viewRange()
    assert view[1][0] == 0.0
    canvas.first = 0.0
    canvas.fit()
    assert canvas.item.getViewBox().viewRange()[0][0] <= 0.0
    assert 0.02 < view[1][1] <= 1.0
    axis = canvas.item.getAxis("bottom")
    for _, ticks in axis.tickValues(*view[0], 300):
        assert all(float(tick).is_integer() for tick in ticks)


def test_metrics_stand_at_their_epochs_even_after_a_resume() -> None:
    curves = Curves()
    curves.add([epoch_end(40, 1, 0.1), epoch_end(80, 2, 0.2), epoch_end(120, 3, 0.3)])
    assert list(curves.by_epoch(curves.metrics["f1"])) == [1.0, 2.0, 3.0]
    curves.add(
        [
            RunStarted(
                run_id="r", seq=9, step=80, time=0.0, pid=1, device="cpu", device_reason="", threads=1, parameters=1,
                steps_per_epoch=40, max_epochs=9, resumed_from_step=80,
            )
        ]
    )  # fmt: skip
    assert list(curves.by_epoch(curves.metrics["f1"])) == [1.0, 2.0]


def epoch_end(at: int, epoch: int, f1: float) -> EpochMetrics:
    return EpochMetrics(
        run_id="r", seq=at, step=at, time=0.0, epoch=epoch, train_loss=1.0, validation_loss=1.0, metrics={"f1": f1},
        best=True, epochs_since_best=0, patience=3, seconds=1.0,
    )  # fmt: skip


def test_a_curve_of_one_point_is_seen_as_a_point(canvas: Canvas) -> None:
    canvas.set_line("train", np.array([1.0]), np.array([0.9]), label="train")
    line = canvas._lines["train"].item
    assert line.opts["symbol"] == "o"
    canvas.set_line("train", np.array([1.0, 2.0]), np.array([0.9, 0.8]), label="train")
    assert line.opts["symbol"] is None
