"""The help pages of ``resources/help``, shown in the application."""

from __future__ import annotations

import re
from importlib.resources import files

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QListWidget, QTextBrowser, QVBoxLayout, QWidget

HELP_PACKAGE = "workbench_resources.help"
INDEX = "index"


def help_pages() -> dict[str, str]:
    """Page name (without suffix) → title: the first heading of the file. The index first, then in its order."""
    titles: dict[str, str] = {}
    for entry in sorted(files(HELP_PACKAGE).iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".md"):
            first = entry.read_text(encoding="utf-8").lstrip().partition("\n")[0]
            titles[entry.name[:-3]] = first.lstrip("# ").strip() or entry.name
    order = [INDEX, *re.findall(r"\]\(([\w-]+)\.md\)", help_text(INDEX))]
    return {name: titles[name] for name in dict.fromkeys([*order, *titles]) if name in titles}


def help_text(page: str) -> str:
    return (files(HELP_PACKAGE) / f"{page}.md").read_text(encoding="utf-8")


def heading_anchor(heading: str) -> str:
    """The anchor of a heading, as repository pages make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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
        self.list.setCurrentRow(0)
        self.show_page(page)

    def page(self) -> str:
        row = self.list.currentRow()
        return self._names[row] if 0 <= row < len(self._names) else ""

    def show_page(self, page: str, part: str = "") -> None:
        """Show ``page``, from the heading whose anchor is ``part``; a page that is not there shows the index."""
        self.list.setCurrentRow(self._names.index(page if page in self._names else INDEX))
        self.scroll_to(part)

    def scroll_to(self, part: str) -> None:
        """Bring the heading with the anchor ``part`` to the top; "" or an unknown one is the page's beginning."""
        document, bar = self.browser.document(), self.browser.verticalScrollBar()
        block = document.begin()
        while part and block.isValid():
            if block.blockFormat().headingLevel() and heading_anchor(block.text()) == part:
                bar.setValue(round(document.documentLayout().blockBoundingRect(block).top()))
                return
            block = block.next()
        bar.setValue(0)

    def _show_row(self, row: int) -> None:
        if 0 <= row < len(self._names):
            self.browser.setMarkdown(help_text(self._names[row]))

    def _follow(self, url: QUrl) -> None:
        if url.isRelative():
            page = url.path().removesuffix(".md").rpartition("/")[2]
            self.show_page(page or self.page(), url.fragment())
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
