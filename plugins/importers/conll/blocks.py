"""Cutting many sentences of well-formed lines at once: the quick way through a column file.

A block is the text between two blank lines. :func:`cut` answers only where the careful reading, line by line, would
find the same cells; at any doubt (a ragged line, another line end, odd blanks) it says None and leaves it to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench_plugins.importers.conll.columns import DOCUMENT_START

from workbench.api.batches import BREAK

MAY_BE_BETWEEN = frozenset(("", "#", DOCUMENT_START[0], "\r", "\n"))
"""How a block begins that may not be a sentence from its first line on."""


@dataclass(slots=True)
class Place:
    """Where the reading of a file is: the number of the next line, and what it has to remember."""

    line: int = 1
    before: str = ""
    """Text since the last sentence, which belongs to the next one."""
    document: str = ""
    documents: int = 0

    def begin_document(self, name: str = "") -> None:
        self.documents += 1
        self.document = name or f"document {self.documents}"


def portions(blocks: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """``blocks`` by ``most``; blocks that only go on with blank lines stay with the one before."""
    start = 0
    while start < len(blocks):
        end = start + most
        while end < len(blocks) and blocks[end][:1] in ("", "\r", "\n"):
            end += 1
        yield blocks[start:end]
        start = end


def cut(blocks: Sequence[str], separator: str, width: int, newline: str) -> list[list[str]] | None:
    """The ``width`` flat columns of sentences, with ``BREAK`` between two; ``separator`` as in ``split_cells``.

    The blocks are without blank lines, documents' beginnings and comments before them.
    """
    text = (newline * 2).join(blocks)
    if newline == "\r\n":
        if text.count("\n") != text.count(newline):
            return None
        text = text.replace(newline, "\n")
    if "\r" in text or f"\n{DOCUMENT_START}" in text:
        return None
    if separator != "\t":
        if separator == "":
            text = _single_blanks(text)
        elif "\t" in text:
            return None
        while " \n" in text:
            text = text.replace(" \n", "\n")
        text = text.rstrip(" ")
    separator = separator or " "
    if text.count("\n\n") != len(blocks) - 1 or "\n\n\n" in text:
        return None
    # Every line becomes `width` cells and a mark, every blank line a line of `width` breaks: then all marks lie
    # `width + 1` apart, and only then is every line as wide as it should be.
    mark = f"{separator}\n{separator}"
    between = mark + f"{BREAK}{separator}" * width + f"\n{separator}"
    text = text.replace("\n\n", BREAK).replace("\n", mark).replace(BREAK, between)
    cells = text.split(separator)
    lines, step = text.count("\n"), width + 1
    marks = cells[width::step]
    if len(cells) != lines * step + width or len(marks) != lines or marks.count("\n") != lines:
        return None
    columns = [cells[i::step] for i in range(width)]
    # A line of blanks alone is a blank line, and blanks at the end of a line do not count, whatever their kind.
    if any(not cell or cell[-1].isspace() for cell in set(columns[-1]) - {BREAK}):
        return None
    return columns


def _single_blanks(text: str) -> str:
    """``text`` with one space for every run of blanks, and none where a line begins."""
    text = text.replace("\t", " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text.replace("\n ", "\n").lstrip(" ")
