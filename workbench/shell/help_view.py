"""The help pages of ``resources/help``, shown in the application."""

from __future__ import annotations

from importlib.resources import files

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QListWidget, QTextBrowser, QVBoxLayout, QWidget

HELP_PACKAGE = "workbench_resources.help"


def help_pages() -> dict[str, str]:
    """Page name (without suffix) → title: the first heading of the file."""
    pages: dict[str, str] = {}
    for entry in sorted(files(HELP_PACKAGE).iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".md"):
            first = entry.read_text(encoding="utf-8").lstrip().partition("\n")[0]
            pages[entry.name[:-3]] = first.lstrip("# ").strip() or entry.name
    return pages


def help_text(page: str) -> str:
    return (files(HELP_PACKAGE) / f"{page}.md").read_text(encoding="utf-8")


class HelpDialog(QDialog):
    """Pages left, text right. Not modal: it may stay open beside the work."""

    def __init__(self, page: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        self.resize(860, 620)
        self._pages = help_pages()
        self._names = list(self._pages)
        layout = QHBoxLayout(self)
        self.list = QListWidget()
        self.list.setAccessibleName("Help pages")
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setMaximumWidth(230)
        self.list.addItems(list(self._pages.values()))
        self.browser = QTextBrowser()
        self.browser.setAccessibleName("Help text")
        self.browser.setFrameShape(QFrame.Shape.NoFrame)
        self.browser.setOpenLinks(False)
        self.browser.anchorClicked.connect(self._follow)
        right = QVBoxLayout()
        right.addWidget(self.browser)
        layout.addWidget(self.list)
        layout.addLayout(right, 1)
        self.list.currentRowChanged.connect(self._show_row)
        self.list.setCurrentRow(self._names.index(page) if page in self._names else 0)

    def page(self) -> str:
        row = self.list.currentRow()
        return self._names[row] if 0 <= row < len(self._names) else ""

    def show_page(self, page: str) -> None:
        if page in self._names:
            self.list.setCurrentRow(self._names.index(page))

    def _show_row(self, row: int) -> None:
        if 0 <= row < len(self._names):
            self.browser.setMarkdown(help_text(self._names[row]))

    def _follow(self, url: QUrl) -> None:
        if url.isRelative():
            self.show_page(url.path().removesuffix(".md").rpartition("/")[2])
        else:
            from PySide6.QtGui import QDesktopServices

            QDesktopServices.openUrl(url)


class MarkdownLabel(QTextBrowser):
    """A piece of Markdown as tall as its text (equations, notes)."""

    def __init__(self, text: str = "", parent: QWidget | None = None, *, name: str = "Text") -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setOpenExternalLinks(True)
        self.setAccessibleName(name)
        self.document().setDocumentMargin(0)
        self.setMarkdown(text)
