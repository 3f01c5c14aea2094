"""The bar on top: name, stages, device, and Train, Pause and Stop in their one fixed place."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from workbench.shell.actions import STAGES
from workbench.shell.stages.base import StageState
from workbench.shell.theme import SMALL_FACTOR, current_theme, mix
from workbench.shell.widgets import Button
from workbench.shell.widgets.buttons import draw_focus_ring
from workbench.shell.widgets.labels import Elided

_DOT_ROLES = {"empty": "muted", "ready": "ok", "running": "accent", "problem": "danger"}
_MARGIN = 12


class StageButton(QAbstractButton):
    """Number and name over a dot and a word: empty, ready, running or problem."""

    def __init__(self, number: int, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number, self.title = number, title
        self.state: StageState = "empty"
        self.compact = False
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_state("empty")

    def set_state(self, state: StageState) -> None:
        self.state = state
        self.setAccessibleName(f"{self.number} {self.title}, {state}")
        self.setToolTip(f"{self.title}: {state} (Ctrl+{self.number})")
        self.update()

    def set_compact(self, compact: bool) -> None:
        self.compact = compact
        self.updateGeometry()

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(current_theme().points(SMALL_FACTOR))
        return font

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def sizeHint(self) -> QSize:
        bold, small = QFontMetrics(self._bold()), QFontMetrics(self._small())
        if self.compact:
            return QSize(bold.horizontalAdvance(str(self.number)) + 30, bold.height() + small.height() + 8)
        width = max(bold.horizontalAdvance(f"{self.number}  {self.title}"), small.horizontalAdvance("problem") + 12)
        return QSize(width + 22, bold.height() + small.height() + 8)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.isChecked() or self.underMouse():
            colour = theme.color("selection")
            painter.setBrush(colour if self.isChecked() else mix(theme.color("window"), colour, 0.5))
            edge = theme.color("accent") if theme.is_high_contrast and self.isChecked() else None
            painter.setPen(QPen(edge, 1.0) if edge is not None else Qt.PenStyle.NoPen)
            painter.drawRoundedRect(rect, 6, 6)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        bold, small = self._bold(), self._small()
        upper = QRectF(11, 4, self.width() - 14, QFontMetrics(bold).height())
        painter.setFont(bold if self.isChecked() else self.font())
        painter.setPen(theme.color("text") if self.isChecked() else theme.color("muted"))
        text = str(self.number) if self.compact else f"{self.number}  {self.title}"
        painter.drawText(upper, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        lower = QRectF(11, upper.bottom(), self.width() - 14, QFontMetrics(small).height())
        dot = QRectF(lower.x(), lower.center().y() - 3, 6, 6)
        colour = theme.color(_DOT_ROLES[self.state])
        painter.setPen(QPen(colour, 1.3))
        painter.setBrush(Qt.BrushStyle.NoBrush if self.state == "empty" else colour)
        painter.drawEllipse(dot)
        if not self.compact:
            painter.setFont(small)
            painter.setPen(theme.color("text") if self.isChecked() else theme.color("muted"))
            painter.drawText(
                lower.adjusted(11, 0, 0, 0),
                int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
                self.state,
            )


class DeviceChip(Button):
    """What is used and why, never a bare checkbox."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Warming up", parent, tip="The worker process is starting.")

    def show_device(self, short: str, reason: str) -> None:
        self.setText(short)
        self.setAccessibleName(f"Device: {short}. {reason}")
        self.setToolTip(reason or short)

    def sizeHint(self) -> QSize:
        return super().sizeHint() + QSize(4, 0)


class TopBar(QWidget):
    """Shrinks in four steps before anything is clipped: project name, stage names, then shorter buttons."""

    stage_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("top_bar")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(_MARGIN, 6, _MARGIN, 6)
        layout.setSpacing(4)
        self.menu_button = Button("Recurra ▾", kind="quiet", tip="Menu")
        self.menu_button.setAccessibleName("Menu")
        self.project_name = Elided("", muted=True)
        self.project_name.setMaximumWidth(150)
        layout.addWidget(self.menu_button)
        layout.addWidget(self.project_name)
        layout.addSpacing(4)
        self.group = QButtonGroup(self)
        self.group.setExclusive(True)
        self.stage_buttons: dict[str, StageButton] = {}
        for number, (name, title) in enumerate(STAGES, 1):
            button = StageButton(number, title, self)
            button.clicked.connect(lambda _on=False, name=name: self.stage_chosen.emit(name))
            self.group.addButton(button)
            self.stage_buttons[name] = button
            layout.addWidget(button)
        layout.addStretch(2)
        self.device = DeviceChip(self)
        self.pause = Button("Pause", self)
        self.stop = Button("Stop and keep best", self)
        self.train = Button("Train", self, kind="primary")
        layout.addWidget(self.device)
        layout.addSpacing(4)
        for control in (self.pause, self.stop, self.train):
            layout.addWidget(control)
        self._progress = -1.0
        self._pause_text = "Pause"
        self._level = 0

    def set_current(self, stage: str) -> None:
        if stage in self.stage_buttons:
            self.stage_buttons[stage].setChecked(True)
            return
        self.group.setExclusive(False)
        for button in self.stage_buttons.values():
            button.setChecked(False)
        self.group.setExclusive(True)

    def set_pause_text(self, text: str) -> None:
        self._pause_text = text
        self.pause.setText(text)

    def set_progress(self, share: float) -> None:
        """The thin line along the lower edge: 0 to 1, negative for none."""
        if abs(share - self._progress) > 0.001 or (share < 0) != (self._progress < 0):
            self._progress = share
            self.update(0, self.height() - 3, self.width(), 3)

    def refit(self) -> None:
        """Choose the roomiest form that fits the present width."""
        for level in range(5):
            self._apply_level(level)
            self.layout().invalidate()
            if self._needed() <= self.width() or level == 4:
                break

    def _needed(self) -> int:
        layout = self.layout()
        total = 2 * _MARGIN
        for i in range(layout.count()):
            item = layout.itemAt(i)
            widget = item.widget()
            if widget is self.project_name:
                total += 0 if widget.isHidden() else min(70, widget.sizeHint().width())
            elif widget is None or not widget.isHidden():
                total += item.minimumSize().width()
            total += layout.spacing()
        return total

    def _apply_level(self, level: int) -> None:
        self._level = level
        self.project_name.setVisible(level < 1)
        self.stop.setText("Stop and keep best" if level < 2 else "Stop")
        self.stop.setToolTip("Stop and keep the best model so far (Shift+F5)")
        self.device.setVisible(level < 4)
        for button in self.stage_buttons.values():
            button.set_compact(level >= 3)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refit()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("window"))
        if self._progress >= 0:
            painter.fillRect(0, self.height() - 2, self.width(), 2, theme.color("grid"))
            width = int(self.width() * min(1.0, self._progress))
            painter.fillRect(0, self.height() - 2, width, 2, theme.color("accent"))
