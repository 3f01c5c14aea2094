"""Cards: the surfaces everything stands on, and the two that speak: nothing here yet, and something went wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.api import WorkbenchError
from workbench.shell.theme import current_theme
from workbench.shell.widgets.buttons import Button
from workbench.shell.widgets.labels import Elided, Muted, Text

CARD_RADIUS = 8.0


class Card(QFrame):
    """A rounded surface with a hairline border, an optional title line, and ``body`` to put things in.

    ``header`` is the title's layout: widgets added to it stand at the right end. ``subtitle`` is muted text.
    """

    edge_role = "border"

    def __init__(self, title: str = "", parent: QWidget | None = None, *, subtitle: str = "") -> None:
        super().__init__(parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 12, 12, 12)
        outer.setSpacing(8)
        self.header = QHBoxLayout()
        self.header.setSpacing(8)
        self.title = Elided(title, semibold=True)
        self.subtitle = Elided(subtitle, muted=True)
        self.header.addWidget(self.title)
        self.header.addWidget(self.subtitle, 1)
        outer.addLayout(self.header)
        self.title.setVisible(bool(title))
        self.subtitle.setVisible(bool(title and subtitle))
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(8)
        outer.addLayout(self.body, 1)
        self.setAccessibleName(title)

    def set_title(self, title: str, subtitle: str = "") -> None:
        self.title.setText(title)
        self.subtitle.setText(subtitle)
        self.title.setVisible(bool(title))
        self.subtitle.setVisible(bool(title and subtitle))
        self.setAccessibleName(title)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color(self.edge_role), 1.0))
        painter.setBrush(theme.color("surface"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)


class EmptyState(QWidget):
    """What this is, why it is empty, and the one button to go on."""

    def __init__(
        self,
        title: str,
        text: str,
        button_text: str = "",
        on_click: Callable[[], object] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(12)
        layout.addStretch(2)
        self.title = Text(title, factor=1.25, semibold=True)
        self.text = Muted(text)
        for label in (self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            # a measure of text that reads well: about 60 characters a line
            row = QHBoxLayout()
            row.addStretch(1)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            label.setMaximumWidth(520)
            row.addWidget(label, 100)
            row.addStretch(1)
            layout.addLayout(row)
        self.button: Button | None = None
        if button_text:
            self.button = Button(button_text, kind="primary", on_click=on_click)
            layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)


class ErrorCard(Card):
    """What happened, the likely cause, the fix to click, the details to copy.

    ``advice`` is what is worth knowing though nothing failed: it does not stand in the colour of danger.
    """

    edge_role = "danger"

    def __init__(
        self,
        error: WorkbenchError | str,
        on_fix: Callable[[], object] | None = None,
        parent: QWidget | None = None,
        *,
        fix_text: str = "Fix it",
        on_dismiss: Callable[[], object] | None = None,
        advice: bool = False,
    ) -> None:
        super().__init__("", parent)
        if advice:
            self.edge_role = "warning"
        if isinstance(error, str):
            error = WorkbenchError(error)
        self.error = error
        self.body.setSpacing(3)
        what = f"{error.where}: {error.what}" if error.where else error.what
        role = QPalette.ColorRole.WindowText if advice else QPalette.ColorRole.BrightText
        self.body.addWidget(Text(what, semibold=True, role=role))
        if error.why:
            self.body.addWidget(Muted(error.why))
        if error.fix:
            self.body.addWidget(Text(error.fix))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        if on_fix is not None:
            buttons.addWidget(Button(fix_text, kind="primary", on_click=on_fix))
        self.copy_button = Button("Copy details", kind="quiet", on_click=self.copy_details)
        buttons.addWidget(self.copy_button)
        if on_dismiss is not None:
            buttons.addWidget(Button("Dismiss", kind="quiet", on_click=on_dismiss))
        buttons.addStretch(1)
        self.body.addLayout(buttons)
        self.body.addStretch(1)
        self.setAccessibleName(f"{'Worth knowing' if advice else 'Problem'}: {error.what}")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def details(self) -> str:
        """Everything known, as text for a report."""
        error = self.error
        lines = [error.what, error.why, error.fix, error.where, error.details]
        return "\n".join(line for line in lines if line)

    def copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self.details())
        self.copy_button.setText("Copied")
