"""Cutting many sentences of well-formed lines at once: the quick way through a file of columns.

A block is the text between two blank lines. :func:`cut` answers only where a careful reading, line by line, would
find the same cells; at any doubt (a ragged line, another line end, odd blanks) it says None and leaves it to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.api.batches import BREAK


def split_blocks(piece: str, newline: str) -> tuple[list[str], str]:
    """The blocks of a piece of text that a blank line ends, and the rest, which does not begin with a blank line.

    Further blank lines after a block are at the end of the last one, or at the beginning of the next.
    """
    *blocks, rest = piece.split(newline * 2)
    while blocks and rest.startswith(newline):
        blocks[-1] += newline
        rest = rest[len(newline) :]
    return blocks, rest


def portions(blocks: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """``blocks`` by ``most``; blocks that only go on with blank lines stay with the one before."""
    start = 0
    while start < len(blocks):
        end = start + most
        while end < len(blocks) and blocks[end][:1] in ("", "\r", "\n"):
            end += 1
        yield blocks[start:end]
        start = end


def cut(blocks: Sequence[str], separator: str, width: int, newline: str, *, unless: str = "") -> list[list[str]] | None:
    """The ``width`` flat columns of sentences, with ``BREAK`` between two.

    ``separator`` is a tab, a space or "" for runs of blanks. The blocks are rows alone, without blank lines and
    comments before them; none but the first of a block may begin with ``unless``.
    """
    text = (newline * 2).join(blocks)
    if newline == "\r\n":
        if text.count("\n") != text.count(newline):
            return None
        text = text.replace(newline, "\n")
    if "\r" in text or (unless and f"\n{unless}" in text):
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
