"""The line at the bottom: the three tabs of the bottom dock, what is going on, and what holds."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from workbench.shell.theme import current_theme
from workbench.shell.widgets import Button
from workbench.shell.widgets.labels import Elided

TABS: tuple[tuple[str, str], ...] = (("monitor", "Run monitor"), ("log", "Log"), ("problems", "Problems"))


class ThinProgress(QProgressBar):
    """A flat bar in the accent colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextVisible(False)
        self.setRange(0, 1000)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(QSize(160, 8))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.color("border") if theme.is_high_contrast else Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("grid"))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        share = (self.value() - self.minimum()) / max(1, self.maximum() - self.minimum())
        width = int(self.width() * share) if self.maximum() else self.width() // 3
        if width > 1:
            painter.setBrush(theme.color("accent"))
            painter.drawRoundedRect(0, 0, width - 1, self.height() - 1, 4, 4)


class TabButton(Button):
    """A quiet button with an accent line under it while its tab is open."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.isChecked():
            painter = QPainter(self)
            painter.fillRect(4, self.height() - 2, self.width() - 8, 2, current_theme().color("accent"))


class BottomBar(QWidget):
    """``tab_toggled(id)`` when one of the tabs was pressed; ``cancelled`` for the Cancel beside background work."""

    tab_toggled = Signal(str)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 12, 4)
        layout.setSpacing(6)
        self.tabs: dict[str, TabButton] = {}
        for name, title in TABS:
            button = TabButton(title, self, kind="quiet", tip=f"{title}: show or hide")
            button.setCheckable(True)
            button.clicked.connect(lambda _on=False, name=name: self.tab_toggled.emit(name))
            self.tabs[name] = button
            layout.addWidget(button)
        layout.addSpacing(8)
        self.hint = Elided("", muted=True)
        layout.addWidget(self.hint, 1)
        self.activity = Elided("", muted=True)
        self.activity.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.activity.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.progress = ThinProgress(self)
        self.progress.setAccessibleName("Progress")
        self.cancel = Button("Cancel", self, kind="quiet", on_click=self.cancelled.emit)
        self.facts = Elided("", muted=True)
        self.facts.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.facts.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        for widget in (self.activity, self.progress, self.cancel, self.facts):
            layout.addWidget(widget)
        self.show_activity("", -1.0)

    def show_activity(self, text: str, share: float, *, cancellable: bool = False) -> None:
        """``share`` 0 to 1 fills the bar; negative hides it."""
        self.activity.setText(text)
        self.activity.setVisible(bool(text))
        self.progress.setVisible(share >= 0)
        self.progress.setValue(int(1000 * max(0.0, share)))
        self.cancel.setVisible(cancellable)

    def mark_tab(self, id: str | None) -> None:
        for name, button in self.tabs.items():
            button.setChecked(name == id)

    def set_problem_count(self, count: int) -> None:
        self.tabs["problems"].setText(f"Problems {count}" if count else "Problems")
