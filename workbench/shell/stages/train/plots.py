"""The two plot cards of the Train stage. Importing this module imports pyqtgraph."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QSlider, QWidget

from workbench.shell.figures import is_share, metric_name, metric_text
from workbench.shell.plots.canvas import Canvas
from workbench.shell.plots.series import decimate
from workbench.shell.session import Session
from workbench.shell.stages.train.data import Curves
from workbench.shell.widgets import Button, Card

SMALL_PLOTS: tuple[tuple[str, str, str], ...] = (
    ("metric", "Metric", ""),
    ("gradient_norm", "Gradient", "gradient norm before clipping"),
    ("learning_rate", "Rate", "learning rate"),
    ("tokens_per_second", "Speed", "tokens or values a second"),
)


BY_STEP, BY_TRIAL = "by optimiser step", "by trial: each is a whole fit"


class LossCard(Card):
    """Train thin and faded under its smoothed line, validation dashed, the best point a diamond."""

    def __init__(self, session: Session, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__("Loss", parent, subtitle=BY_STEP)
        self.session, self.curves = session, curves
        self.canvas = Canvas("Loss", theme=session.theme, x_label="step", y_label="loss")
        self.canvas.lowest = 0.0
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 100)
        self.smoothing.setValue(35)
        self.smoothing.setFixedWidth(84)
        self.smoothing.setAccessibleName("Smoothing")
        self.smoothing.setToolTip("Smoothing of the training curve")
        self.smoothing.valueChanged.connect(lambda _value: self.redraw())
        self.log_button = self._toggle("Log", "Logarithmic loss axis", self.canvas.set_log)
        self.outlier_button = self._toggle(
            "Clip", "Leave outliers of the raw curve out of the range", self.canvas.set_ignore_outliers
        )
        self.whole_button = Button("Whole", kind="quiet", on_click=self.canvas.reset_view, tip="Show the whole curve")
        self.export_button = Button("Export…", kind="quiet", on_click=self.ask_export, tip="Plot as PNG with a CSV")
        for widget in (self.smoothing, self.log_button, self.outlier_button, self.whole_button, self.export_button):
            self.header.addWidget(widget)
        self.body.addWidget(self.canvas, 1)

    def _toggle(self, text: str, tip: str, call: object) -> Button:
        button = Button(text, kind="quiet", tip=tip)
        button.setCheckable(True)
        button.toggled.connect(call)
        return button

    def smoothing_window(self) -> int:
        """Points the moving average spans: up to a tenth of the curve."""
        share = (self.smoothing.value() / 100) ** 2
        return max(1, int(self.curves.steps["loss"].size * 0.10 * share) + int(20 * share))

    def _dress(self) -> None:
        """Trials are fits apart from one another: no line is smoothed through them."""
        fits = self.session.run_view.fits
        self.canvas.x_label = "trial" if fits else "step"
        self.set_title("Loss", BY_TRIAL if fits else BY_STEP)
        self.smoothing.setVisible(not fits)

    def redraw(self) -> None:
        self._dress()
        curves, canvas = self.curves, self.canvas
        loss, width = curves.steps["loss"], canvas.width_points()
        if loss.size == 0:
            canvas.clear()
            canvas.fit()
            return
        canvas.set_line("raw", *decimate(loss.x, loss.y, width), series=0, faded=True)
        window = 1 if self.session.run_view.fits else self.smoothing_window()
        # a smooth line looks the same with half the points, and wide pens are dear
        canvas.set_line("train", *loss.smoothed(window, width // 2), series=0, label="train")
        validation = curves.validation
        if validation.size:
            canvas.set_line(
                "validation", validation.x, validation.y, series=1, label="validation", dashed=True, points=True
            )
            if curves.best is not None:
                canvas.set_mark("validation", *curves.best)
        canvas.fit()

    def ask_export(self) -> None:
        run = self.session.run
        name = f"{run.id if run else 'run'}-loss.png"
        path, _ = QFileDialog.getSaveFileName(self, "Export the plot", name, "PNG (*.png)")
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """PNG and CSV beside it; the footer carries what is needed to read the plot later."""
        facts = [datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")]
        run = self.session.run
        if run is not None:
            training = run.config.training
            facts = [
                run.id,
                *([] if self.session.run_view.fits else [f"{training.max_epochs} epochs at most"]),
                f"{training.batch_tokens:,} tokens a batch",
                *([] if self.session.run_view.fits else [f"learning rate {training.learning_rate:g}"]),
                f"seed {training.seed}",
                *facts,
            ]
        loss, validation = self.curves.steps["loss"], self.curves.validation
        columns = {"train": (loss.x, loss.y), "validation": (validation.x, validation.y)}
        self.canvas.export(path, " · ".join(facts), columns)


class SmallCard(Card):
    """One of the task's metric, gradient norm, learning rate, throughput."""

    def __init__(self, session: Session, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__("", parent)  # its tabs name it
        self.session, self.curves = session, curves
        self.canvas = Canvas("Metric", theme=session.theme, x_label="epoch")
        self.canvas.lowest = 0.0
        self.chosen = "metric"
        self._drawn: tuple[object, ...] = ()
        self.metric_title = "Metric"
        self.header.setSpacing(2)
        self.tabs: dict[str, Button] = {}
        group = QButtonGroup(self)
        for name, title, note in SMALL_PLOTS:
            button = Button(title, kind="quiet", tip=note or "The task's metric after each epoch")
            button.setCheckable(True)
            button.setChecked(name == self.chosen)
            button.clicked.connect(lambda _on=False, name=name: self.choose(name))
            group.addButton(button)
            self.header.addWidget(button)
            self.tabs[name] = button
        self.header.addStretch(1)
        self.body.addWidget(self.canvas, 1)

    def _state(self) -> tuple[object, ...]:
        """Changes when there is something else to draw."""
        if self.chosen == "metric":
            sizes = tuple((name, series.size) for name, series in self.curves.metrics.items())
        else:
            sizes = ((self.chosen, self.curves.steps[self.chosen].size),)
        run = self.session.run.path if self.session.run is not None else None
        return (self.chosen, self.metric_title, run, self.session.run_view.unit, self.session.theme.resolved, *sizes)

    def _metric_label(self, name: str, value: float) -> str:
        """What stands at a line's end: the value, and of several metrics which it is."""
        if len(self.curves.metrics) == 1:
            return metric_text(name, value)
        metric = self.session.find(self.session.catalogue.metric, name)
        return f"{metric.title if metric is not None else metric_name(name)} {metric_text(name, value)}"

    def _dress(self) -> None:
        """A readout that is solved has neither a gradient nor a learning rate."""
        fits = self.session.run_view.fits
        for name in ("gradient_norm", "learning_rate"):
            self.tabs[name].setVisible(not fits)
        if fits and self.tabs[self.chosen].isHidden():
            self.chosen = "metric"
            self.tabs[self.chosen].setChecked(True)

    def choose(self, id: str) -> None:
        self.chosen = id
        self._drawn = ()
        self.canvas.reset_view()
        self.redraw()

    def redraw(self) -> None:
        shown = self._state()
        if shown == self._drawn:
            return
        self._dress()
        self._drawn = shown
        note = next(note for name, _, note in SMALL_PLOTS if name == self.chosen)
        title = self.metric_title if self.chosen == "metric" else note[:1].upper() + note[1:]
        self.canvas.title = title
        unit = self.session.run_view.unit
        self.canvas.x_label = unit if self.chosen == "metric" or unit != "epoch" else "step"
        self.setAccessibleName(title)
        if self.tabs["metric"].text() != self.metric_title:
            self.tabs["metric"].setText(self.metric_title)
        self.canvas.clear_others(self.chosen)
        if self.chosen == "metric":
            for line in self.canvas.line_names():  # of another run, whose task has other metrics
                if line.startswith("metric ") and line.removeprefix("metric ") not in self.curves.metrics:
                    self.canvas.set_line(line, np.empty(0), np.empty(0))
            shares = all(map(is_share, self.curves.metrics))
            self.canvas.highest, self.canvas.first = 1.0 if shares else None, 0.0
            for i, (name, series) in enumerate(self.curves.metrics.items()):
                if i >= 3:
                    break
                key = f"metric {name}"
                label = self._metric_label(name, float(series.y[-1])) if series.size else name
                x = self.curves.by_epoch(series)
                self.canvas.set_line(key, x, series.y, series=i, label=label, points=True)
        else:
            self.canvas.highest = self.canvas.first = None
            series = self.curves.steps[self.chosen]
            x, y = decimate(series.x, series.y, self.canvas.width_points())
            self.canvas.set_line(self.chosen, x, y, series=2 if self.chosen == "gradient_norm" else 0)
        self.canvas.fit()
