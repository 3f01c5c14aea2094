"""What an import found strange without stopping: a few lines, the rest to copy."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.api import Finding
from workbench.shell.widgets import Button, Card, Muted, Text

LINES_SHOWN = 2


class FindingsCard(Card):
    """Small, because everything was imported; ``dismissed`` puts it away."""

    edge_role = "warning"
    dismissed = Signal()

    def __init__(self, findings: Sequence[Finding], parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.findings = tuple(findings)
        count = len(self.findings)
        words = Text(f"{count:,} {'place' if count == 1 else 'places'} in the files may need a look", semibold=True)
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(words)
        for finding in self.findings[:LINES_SHOWN]:
            left.addWidget(Muted(_line(finding)))
        row = QHBoxLayout()
        row.addLayout(left, 1)
        self.copy_button = Button("Copy all", kind="quiet", on_click=self.copy)
        row.addWidget(self.copy_button)
        row.addWidget(Button("Dismiss", kind="quiet", on_click=self.dismissed.emit))
        self.body.addLayout(row)
        self.setAccessibleName(words.text())

    def copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(_line(finding) for finding in self.findings))
        self.copy_button.setText("Copied")


def _line(finding: Finding) -> str:
    return f"line {finding.line:,}: {finding.message}" if finding.line else finding.message
