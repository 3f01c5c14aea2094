"""Four figures to read across the room."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QWidget

from workbench.shell.run_view import RunView, duration
from workbench.shell.widgets import Card, Figure, FlowLayout, Muted
from workbench.shell.widgets.labels import Elided


class Tile(Card):
    """A title, a figure, and what stands behind it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._shown = ("", "", "")
        self.body.setSpacing(2)
        self.caption = Muted(title, wrap=False)
        self.figure = Figure("–")
        self.note = Elided("", muted=True)
        for widget in (self.caption, self.figure, self.note):
            self.body.addWidget(widget)

    def show_values(self, title: str, figure: str, note: str) -> None:
        if (title, figure, note) == self._shown:
            return
        self._shown = (title, figure, note)
        self.caption.setText(title)
        self.figure.setText(figure)
        self.note.setText(note)
        self.setAccessibleName(f"{title} {figure}, {note}")


class Tiles(QWidget):
    """Validation loss, the task's metric, speed, time left; they wrap when the window is narrow."""

    def __init__(self, view: RunView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        layout = FlowLayout(self, spacing=8, stretch=True)
        self.loss_tile, self.metric_tile, self.speed_tile, self.left_tile = (
            Tile(title) for title in ("Validation loss", "Metric", "Tokens a second", "Time left")
        )
        for tile in (self.loss_tile, self.metric_tile, self.speed_tile, self.left_tile):
            tile.setMinimumWidth(150)
            layout.addWidget(tile)
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        view.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        view = self.view
        after = f"an {view.unit}" if view.unit == "epoch" else f"a {view.unit}"
        if view.epoch is not None and math.isnan(view.epoch.validation_loss):
            self.loss_tile.show_values("Training loss", f"{view.epoch.train_loss:.3f}", "no records for validation")
        elif view.epoch is not None:
            best = f"{view.best.validation_loss:.3f} at best {view.unit} {view.best.epoch}" if view.best else ""
            self.loss_tile.show_values("Validation loss", f"{view.epoch.validation_loss:.3f}", best)
        elif view.step is not None:
            self.loss_tile.show_values("Training loss", f"{view.step.loss:.3f}", f"validation follows after {after}")
        else:
            self.loss_tile.show_values("Validation loss", "–", view.state_text())
        self.metric_tile.show_values(*view.main_metric())
        speed = f"{view.step.tokens_per_second:,.0f}" if view.step is not None else "–"
        self.speed_tile.show_values(f"{view.counted.capitalize()} a second", speed, view.epoch_text())
        if view.is_live:
            eta = view.eta_text() or "–"
            self.left_tile.show_values("Time left", "paused" if view.paused else eta, view.patience_text() or "")
        elif view.finished is not None:
            took = duration(view.finished.seconds)
            ready = view.fits and view.finished.reason == "completed"
            self.left_tile.show_values("Ready in" if ready else "Time", took, view.state_text())
        else:
            self.left_tile.show_values("Time left", "–", view.state_text())
