"""The first page: cards that train with one click, a place to drop your own data, and what was open before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.api import Sample
from workbench.shell.session import Session
from workbench.shell.theme import current_theme
from workbench.shell.unfinished import Unfinished, find_unfinished
from workbench.shell.widgets import Button, Card, FlowLayout, Muted, ScrollColumn, SectionTitle, Text
from workbench.shell.widgets.buttons import draw_focus_ring
from workbench.shell.widgets.card import CARD_RADIUS

VERBS = ("Forecast", "Tag", "Write", "Translate", "Classify")
"""The order of the first cards, from what answers soonest; others follow as their plugins come."""


def in_order(samples: Sequence[Sample]) -> list[Sample]:
    """``samples`` as their cards stand."""
    place = {verb: i for i, verb in enumerate(VERBS)}
    return sorted(samples, key=lambda sample: place.get(sample.verb, len(place)))


class SampleCard(Card):
    """What the network learns to do, and one button that starts it. The whole card is the target."""

    chosen = Signal(str)

    def __init__(self, sample: Sample, series: int, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.sample = sample
        self._series = series
        self._fit()
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

    def _fit(self) -> None:
        """As wide for its text as ever, however large that is."""
        self.setFixedWidth(max(236, round(self.fontMetrics().height() * 14.5)))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            self._fit()
        super().changeEvent(event)

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
            "Drop files here: plain text, tables of texts or numbers (CSV, Parquet), parallel texts, columns of tags. "
            "What they are is worked out, and nothing leaves this machine."
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


class UnfinishedCard(Card):
    """A run that goes on without a window, or was interrupted, and the button that takes one there."""

    edge_role = "accent"
    chosen = Signal(object)

    def __init__(self, found: Unfinished, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.found = found
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(Text(found.text(), semibold=True), 1)
        words = "Open" if found.live else "Open and resume"
        self.button = Button(words, kind="primary", on_click=lambda: self.chosen.emit(self.found))
        self.button.setAccessibleName(f"{found.text()}: {words}")
        row.addWidget(self.button)
        self.body.addLayout(row)
        self.setAccessibleName(found.text())


class Welcome(ScrollColumn):
    """Everything it offers is a signal; the window decides what happens."""

    sample_chosen = Signal(str)
    import_asked = Signal()
    files_dropped = Signal(object)
    project_chosen = Signal(object)
    open_asked = Signal()
    new_asked = Signal()
    run_chosen = Signal(object)
    """An :class:`Unfinished` run to open, and to resume if it was interrupted."""

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
        self.unfinished = QVBoxLayout()
        self.unfinished.setSpacing(8)
        layout.addLayout(self.unfinished)
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
        self.new_button = Button("New project…", kind="quiet", on_click=self.new_asked.emit)
        self.open_button = Button("Open project…", kind="quiet", on_click=self.open_asked.emit)
        row.addWidget(self.new_button)
        row.addWidget(self.open_button)
        layout.addLayout(row)
        self.recent = QVBoxLayout()
        self.recent.setSpacing(2)
        layout.addLayout(self.recent)
        layout.addStretch(1)
        self.setWidget(page)
        self._after_paint = QTimer(self)
        self._after_paint.setSingleShot(True)
        self._after_paint.timeout.connect(self.look_for_unfinished)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._after_paint.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._after_paint.stop()

    def look_for_unfinished(self) -> None:
        """Read in the background which runs of recent projects have not ended, and show them on top."""
        paths = self.session.recent_projects()[:6]
        if not paths:
            self.show_unfinished([])
            return

        def read(_progress: object, cancelled: Callable[[], bool]) -> list[Unfinished]:
            return find_unfinished(paths, cancelled)

        self.session.run_in_background(
            read, self.show_unfinished, lambda _error: None, title="Reading recent runs", quiet=True
        )

    def show_unfinished(self, found: Sequence[Unfinished]) -> None:
        while self.unfinished.count():
            item = self.unfinished.takeAt(0)
            if item.widget() is not None:
                item.widget().hide()
                item.widget().deleteLater()
        for one in found:
            card = UnfinishedCard(one)
            card.chosen.connect(self.run_chosen)
            self.unfinished.addWidget(card)

    def refresh(self) -> None:
        """Show the samples and the recent projects as they are now."""
        if self.isVisible():
            self._after_paint.start()
        while self.cards.count():
            item = self.cards.takeAt(0)
            if item is not None and item.widget() is not None:
                item.widget().hide()
                item.widget().deleteLater()
        samples = in_order([sample for sample in self.session.catalogue.samples() if sample.task])
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
        self._order_for_tab()

    def _order_for_tab(self) -> None:
        """Tab goes as the eye does; what was made anew would come last."""
        holders = [self.cards.itemAt(i).widget() for i in range(self.cards.count())]
        cards = [card.button for card in holders if isinstance(card, SampleCard)]
        items = [self.recent.itemAt(i).widget() for i in range(self.recent.count())]
        places: list[QWidget] = [*cards, self.drop, self.new_button, self.open_button]
        places += [item for item in items if isinstance(item, Button)]
        for first, second in pairwise(places):
            QWidget.setTabOrder(first, second)
