"""The Model stage: which network, how large, and the equations it computes."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QRadioButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.api import Architecture, Preset, compatibility
from workbench.shell.model_size import megabytes
from workbench.shell.session import Session
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.theme import SMALL_FACTOR, current_theme
from workbench.shell.widgets import Button, Card, EmptyState, Figure, FlowLayout, Muted, ParamsForm, ScrollColumn
from workbench.shell.widgets.labels import Elided


class Diagram(QWidget):
    """Boxes from input to output, with the sizes that flow between them. A picture of the layers, nothing to click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes: list[tuple[str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_boxes(self, boxes: list[tuple[str, str]]) -> None:
        """Pairs of name and note, from left to right."""
        self._boxes = boxes
        words = ", then ".join(f"{name} ({note})" if note else name for name, note in boxes)
        self.setAccessibleName(f"Diagram: {words}")
        self.setToolTip(f"{words}. The numbers are parameters.")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(300, metrics.height() * 2 + 26)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._boxes:
            return
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gap, count = 24.0, len(self._boxes)
        width = min(190.0, (self.width() - 2 - gap * (count - 1)) / count)
        height = self.height() - 4.0
        small = theme.font(SMALL_FACTOR)
        middle = height / 2 + 2
        for i, (name, note) in enumerate(self._boxes):
            box = QRectF(1 + i * (width + gap), 2, width, height)
            recurrent = i == count - 2
            painter.setPen(QPen(theme.color("accent" if recurrent else "border"), 1.5 if recurrent else 1.0))
            painter.setBrush(theme.color("selection" if recurrent and not theme.is_high_contrast else "raised"))
            painter.drawRoundedRect(box, 6, 6)
            inner = box.adjusted(3, 5, -3, -5)
            painter.setPen(theme.color("text"))
            painter.setFont(self.font())
            top = QRectF(inner.x(), inner.y(), inner.width(), inner.height() / 2)
            cut = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(inner.width()))
            painter.drawText(top, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignHCenter), cut)
            painter.setPen(theme.color("muted"))
            painter.setFont(small)
            low = QRectF(inner.x(), inner.center().y(), inner.width(), inner.height() / 2)
            cut = QFontMetrics(small).elidedText(note, Qt.TextElideMode.ElideRight, int(inner.width()))
            painter.drawText(low, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignHCenter), cut)
            if i < count - 1:
                x = box.right() + 4
                painter.setPen(QPen(theme.color("muted"), 1.5))
                painter.drawLine(int(x), int(middle), int(x + gap - 9), int(middle))
                painter.drawLine(int(x + gap - 13), int(middle - 4), int(x + gap - 9), int(middle))
                painter.drawLine(int(x + gap - 13), int(middle + 4), int(x + gap - 9), int(middle))


class Choice(QWidget):
    """An architecture to choose, with its summary; or, greyed out, with the reason why not."""

    chosen = Signal(str)

    def __init__(self, architecture: Architecture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.architecture = architecture
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(1)
        self.button = QRadioButton(architecture.title)
        self.button.setAccessibleName(architecture.title)
        self.button.clicked.connect(lambda _on=False: self.chosen.emit(architecture.id))
        self.note = Muted(architecture.summary)
        self.note.setContentsMargins(24, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.note)

    def set_reason(self, reason: str) -> None:
        """An empty reason means it fits."""
        self.button.setEnabled(not reason)
        self.button.setToolTip(reason)
        self.button.setAccessibleDescription(reason or self.architecture.summary)
        self.note.setText(reason or self.architecture.summary)
        self.note.setVisible(bool(self.note.text()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.button.isEnabled():
            self.chosen.emit(self.architecture.id)


class ModelStage(Stage):
    """Left the choice of task and architecture, right its size, picture, options and equations."""

    id: ClassVar[str] = "model"
    title: ClassVar[str] = "Model"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.pages = QStackedWidget()
        outer.addWidget(self.pages)
        self.empty = EmptyState(
            "No model yet",
            "A model joins a task (what to learn) with an architecture (the network). Which ones fit depends on your "
            "data, so open data first.",
            "Go to Data",
            lambda: session.stage_requested.emit("data"),
        )
        self.pages.addWidget(self.empty)
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._build_choices(), 4)
        layout.addWidget(self._build_details(), 6)
        self.pages.addWidget(page)
        self._presets: list[Preset] = []
        self._form_of = ""
        session.draft_changed.connect(self.refresh)
        session.dataset_changed.connect(self.refresh)
        session.size.changed.connect(self._show_size)
        self.refresh()

    def _build_choices(self) -> QWidget:
        card = Card("Task and network")
        self.task_box = QComboBox()
        self.task_box.setAccessibleName("Task")
        self.task_box.setMinimumHeight(28)
        self.task_box.activated.connect(self._choose_task)
        row = QHBoxLayout()
        row.addWidget(Muted("Task", wrap=False))
        row.addWidget(self.task_box, 1)
        card.body.addLayout(row)
        self.task_note = Muted("")
        card.body.addWidget(self.task_note)
        holder = QWidget()
        choices = QVBoxLayout(holder)
        choices.setContentsMargins(0, 0, 4, 0)
        choices.setSpacing(2)
        self.choices: dict[str, Choice] = {}
        for architecture in self.session.catalogue.architectures():
            choice = Choice(architecture, holder)
            choice.button.setAutoExclusive(False)
            choice.chosen.connect(lambda name: self.session.set_draft(architecture=name))
            choices.addWidget(choice)
            self.choices[architecture.id] = choice
        choices.addStretch(1)
        card.body.addWidget(ScrollColumn(holder), 1)
        return card

    def _build_details(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.size_card = Card("Size")
        self.figure = Figure("–")
        self.size_note = Elided("", muted=True)
        self.diagram = Diagram()
        for widget in (self.figure, self.size_note, self.diagram):
            self.size_card.body.addWidget(widget)
        column.addWidget(self.size_card)
        self.options = Card("Options")
        self.preset_row = QWidget()
        self.preset_layout = FlowLayout(self.preset_row, spacing=6)
        policy = self.preset_row.sizePolicy()
        policy.setHeightForWidth(True)
        self.preset_row.setSizePolicy(policy)
        self.options.body.addWidget(self.preset_row)
        self.form_holder = QVBoxLayout()
        self.options.body.addLayout(self.form_holder)
        self.form: ParamsForm | None = None
        column.addWidget(self.options)
        self.equation_card = Card("Equations")
        self.equations = Muted("")
        self.equations.setTextFormat(Qt.TextFormat.MarkdownText)
        self.equations.setForegroundRole(self.foregroundRole())
        self.equations.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.equation_card.body.addWidget(self.equations)
        column.addWidget(self.equation_card)
        column.addStretch(1)
        return ScrollColumn(holder)

    def state(self) -> StageState:
        if self.session.config is None:
            return "empty"
        return "problem" if self.session.size.error is not None or self.session.architecture is None else "ready"

    def activated(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        session = self.session
        config, task, architecture = session.config, session.task, session.architecture
        self.pages.setCurrentIndex(0 if config is None or session.dataset is None else 1)
        self.state_changed.emit()
        if config is None or session.dataset is None:
            return
        tasks = [one for one in session.catalogue.tasks() if one.record == session.dataset.record]
        self.task_box.blockSignals(True)
        self.task_box.clear()
        for one in tasks:
            self.task_box.addItem(one.title, one.id)
        self.task_box.setCurrentIndex(self.task_box.findData(config.task.id))
        self.task_box.blockSignals(False)
        self.task_note.setText(task.summary if task else f"The plugin of the task “{config.task.id}” is missing.")
        self.task_note.setVisible(bool(self.task_note.text()))
        for name, choice in self.choices.items():
            verdict = compatibility(task, choice.architecture) if task else None
            choice.set_reason("" if verdict is None or verdict else verdict.reason)
            choice.button.setChecked(name == config.architecture.id)
        self._show_options(architecture)
        self.equations.setText(architecture.equations if architecture else "")
        self.equation_card.setVisible(bool(architecture and architecture.equations))
        self._show_size()

    def _show_options(self, architecture: Architecture | None) -> None:
        name = architecture.id if architecture else ""
        values = dict(self.session.config.architecture.params) if self.session.config else {}
        if name == self._form_of:
            if self.form is not None and {**self.form.values(), **values} != self.form.values():
                self.form.set_values(values)
            return
        self._form_of = name
        if self.form is not None:
            self.form_holder.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        while self.preset_layout.count():
            item = self.preset_layout.takeAt(0)
            if item is not None and item.widget() is not None:
                item.widget().deleteLater()
        self.options.setVisible(architecture is not None)
        if architecture is None:
            return
        self.options.set_title(f"Options of {architecture.title}")
        for preset in architecture.presets:
            button = Button(preset.title, tip=preset.note or f"Use the values of “{preset.title}”")
            button.clicked.connect(
                lambda _on=False, preset=preset: self.session.set_draft(architecture_params=dict(preset.values))
            )
            self.preset_layout.addWidget(button)
        self.preset_row.setVisible(bool(architecture.presets))
        self.form = ParamsForm(architecture.params, values)
        self.form.changed.connect(self._store)
        self.form_holder.addWidget(self.form)

    def _store(self) -> None:
        if self.form is not None and not self.form.problems():
            self.session.set_draft(architecture_params=self.form.values())

    def _choose_task(self, index: int) -> None:
        name = str(self.task_box.itemData(index))
        session = self.session
        task = session.catalogue.task(name)
        current = session.architecture
        if current is not None and compatibility(task, current):
            session.set_draft(task=name)
            return
        fitting = next((one for one in session.catalogue.architectures() if compatibility(task, one)), None)
        session.set_draft(task=name, architecture=fitting.id if fitting else None)

    def _show_size(self) -> None:
        session = self.session
        size = session.size
        task, architecture = session.task, session.architecture
        layers: list[tuple[str, str]] = []
        if size.error is not None:
            self.figure.setText("–")
            self.size_note.setText(" ".join(part for part in (size.error.what, size.error.fix) if part))
        elif size.value is None:
            self.figure.setText("–")
            self.size_note.setText("counted as soon as the worker is warm" if not session.device else "counting")
        else:
            value = size.value
            self.figure.setText(f"{int(value['parameters']):,} parameters")
            layers = [(str(one["name"]), f"{int(one['parameters']):,}") for one in value.get("layers", ())]
            self.size_note.setText(f"{megabytes(int(value['bytes']))} in memory · {len(layers)} layers")
        title = architecture.title if architecture else "Network"
        self.diagram.set_boxes(
            [
                ("Input", session.catalogue.record_type(session.dataset.record).title if session.dataset else ""),
                ("Embedding", _sum_of(layers, "embed") or "numbers"),
                (title, _sum_of(layers, "encoder") or "states"),
                (task.title.partition(" (")[0] if task else "Head", _sum_of(layers, "head") or "output"),
            ]
        )
        self.state_changed.emit()


def _sum_of(layers: list[tuple[str, str]], word: str) -> str:
    total = sum(int(count.replace(",", "")) for name, count in layers if word in name)
    return f"{total:,}" if total else ""
