"""The first page: cards that train with one click, a place to drop your own data, and what was open before."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.api import Sample
from workbench.shell.session import Session
from workbench.shell.theme import current_theme
from workbench.shell.widgets import Button, Card, FlowLayout, Muted, ScrollColumn, SectionTitle, Text
from workbench.shell.widgets.buttons import draw_focus_ring
from workbench.shell.widgets.card import CARD_RADIUS


class SampleCard(Card):
    """What the network learns to do, and one button that starts it. The whole card is the target."""

    chosen = Signal(str)

    def __init__(self, sample: Sample, series: int, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.sample = sample
        self._series = series
        self.setFixedWidth(236)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)
        self.body.setSpacing(6)
        self.layout().setContentsMargins(12, 18, 12, 12)
        self.body.addWidget(Text(sample.verb or sample.title, factor=1.35, semibold=True))
        self.body.addWidget(Text(sample.title))
        self.body.addWidget(Muted(sample.summary or f"Licence: {sample.licence}"))
        self.body.addStretch(1)
        self.button = Button("Train it now", kind="primary", on_click=lambda: self.chosen.emit(sample.id))
        self.button.setAccessibleName(f"{sample.verb or sample.title}: train it now")
        self.body.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        self.setAccessibleName(sample.verb or sample.title)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.sample.id)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.series(self._series))
        painter.drawRoundedRect(QRectF(13, 7, 28, 3), 1.5, 1.5)


class DropZone(QFrame):
    """Drop a file here, or click to choose one."""

    dropped = Signal(object)
    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Open my data: drop a file here or press Enter to choose one")
        self._hot = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(4)
        title = Text("Open my data", factor=1.15, semibold=True)
        self.note = Muted(
            "Drop a file here: CoNLL columns, CoNLL-U, JSON lines with spans, plain text. It is recognised, and "
            "nothing leaves this machine."
        )
        layout.addWidget(title)
        layout.addWidget(self.note)

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(200, 84))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            self._hot = True
            self.update()
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._hot = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._hot = False
        self.update()
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setBrush(theme.color("selection" if self._hot else "surface"))
        painter.setPen(QPen(theme.color("accent" if self._hot else "muted"), 1.2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(rect, CARD_RADIUS, CARD_RADIUS)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme, CARD_RADIUS)


class Welcome(ScrollColumn):
    """Everything it offers is a signal; the window decides what happens."""

    sample_chosen = Signal(str)
    import_asked = Signal()
    files_dropped = Signal(object)
    project_chosen = Signal(object)
    open_asked = Signal()
    new_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(None, parent)
        self.session = session
        page = QWidget()
        outer = QHBoxLayout(page)
        outer.setContentsMargins(24, 20, 24, 20)
        column = QWidget()
        column.setMaximumWidth(980)
        outer.addStretch(1)
        outer.addWidget(column, 100)
        outer.addStretch(1)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(Text("See a recurrent network learn", factor=1.7, semibold=True))
        layout.addWidget(Muted("Choose one: it starts training at once on a small sample that comes with Recurra."))
        self.cards_holder = QWidget()
        self.cards = FlowLayout(self.cards_holder, spacing=12)
        policy = self.cards_holder.sizePolicy()
        policy.setHeightForWidth(True)
        self.cards_holder.setSizePolicy(policy)
        layout.addWidget(self.cards_holder)
        self.no_samples = Muted("No samples are installed; the problems list may say why.")
        layout.addWidget(self.no_samples)
        layout.addSpacing(8)
        self.drop = DropZone()
        self.drop.clicked.connect(self.import_asked)
        self.drop.dropped.connect(self.files_dropped)
        layout.addWidget(self.drop)
        layout.addSpacing(8)
        row = QHBoxLayout()
        row.addWidget(SectionTitle("Recent projects"))
        row.addStretch(1)
        row.addWidget(Button("New project…", kind="quiet", on_click=self.new_asked.emit))
        row.addWidget(Button("Open project…", kind="quiet", on_click=self.open_asked.emit))
        layout.addLayout(row)
        self.recent = QVBoxLayout()
        self.recent.setSpacing(2)
        layout.addLayout(self.recent)
        layout.addStretch(1)
        self.setWidget(page)
        self.refresh()

    def refresh(self) -> None:
        """Show the samples and the recent projects as they are now."""
        while self.cards.count():
            item = self.cards.takeAt(0)
            if item is not None and item.widget() is not None:
                item.widget().deleteLater()
        samples = [sample for sample in self.session.catalogue.samples() if sample.task]
        for i, sample in enumerate(samples):
            card = SampleCard(sample, i, self.cards_holder)
            card.chosen.connect(self.sample_chosen)
            self.cards.addWidget(card)
        self.no_samples.setVisible(not samples)
        self.cards_holder.setVisible(bool(samples))
        while self.recent.count():
            item = self.recent.takeAt(0)
            if item.widget() is not None:
                item.widget().hide()  # the event loop deletes it later; until then it would be painted under the new
                item.widget().deleteLater()
        paths = self.session.recent_projects()
        for path in paths[:6]:
            button = Button(f"{path.name}   {path.parent}", kind="quiet")
            button.setAccessibleName(f"Open {path.name}")
            button.setToolTip(str(path))
            button.clicked.connect(lambda _on=False, path=path: self.project_chosen.emit(path))
            self.recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        if not paths:
            self.recent.addWidget(Muted("Projects you open are listed here."))
