"""How often a backtest fits the model anew: a number of origins, and the button that begins it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QWidget

from workbench.shell.sdk import Button


class RefitChoice(QWidget):
    """``start`` is clicked to begin a backtest as chosen, or to cancel one that fits models."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0
        self._busy = False
        label = QLabel("Refit")
        self.number = QSpinBox()
        self.number.setRange(0, 1000)
        self.number.setMinimumHeight(28)
        self.number.setPrefix("every ")
        self.number.setSuffix(" origins")
        self.number.setSpecialValueText("never")
        self.number.setAccessibleName("Refit the model every so many origins")
        self.number.setToolTip(
            "Fits a model with the same options anew, on all that came before an origin: slower, and nearer to real use"
        )
        self.number.valueChanged.connect(lambda _n: self._dress())
        label.setBuddy(self.number)
        self.start = Button("Backtest again", tip="Foretell from the same origins, with models fitted anew as chosen")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for widget in (label, self.number, self.start):
            row.addWidget(widget)
        row.addStretch(1)
        self._dress()

    @property
    def every(self) -> int:
        """After how many origins the model is fitted anew; 0 for never."""
        return self.number.value()

    def asked(self) -> None:
        """A backtest was asked for as chosen now."""
        self._asked = self.every
        self._dress()

    def forget(self) -> None:
        """What was asked for never came: it may be asked again."""
        self._asked = -1
        self._dress()

    def busy(self, busy: bool) -> None:
        """While models are fitted, the button cancels."""
        self._busy = busy
        self._dress()

    def _dress(self) -> None:
        self.number.setEnabled(not self._busy)
        self.start.setText("Cancel" if self._busy else "Backtest again")
        self.start.setEnabled(self._busy or self.every != self._asked)
