"""The Markdown of equations as rich text, with real sub- and superscripts and every known symbol as a link.

Only what equations of architectures use is understood: paragraphs, tables, lists, headings, **bold**, *italic*, links.
``W_f``, ``h_{t-1}``, ``cₜ₋₁`` and ``x^2`` become sub- and superscripts; a link's address is ``sym:`` and its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from workbench.api import Symbol

SCHEME = "sym:"
_SUBS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₔₕₖₗₘₙₚₛₜᵢⱼᵣᵤᵥ", "0123456789+-=()aeoxəhklmnpstijruv", strict=True))
_SUPS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀᵗᵏ", "0123456789+-=()niTtk", strict=True))
_SUB, _SUP = "".join(map(re.escape, _SUBS)), "".join(map(re.escape, _SUPS))
_LETTER = "A-Za-zÀ-ɏͰ-ϿḀ-ỿℓ"
_MARKS = "\u0300-\u036f′'"
TOKEN = re.compile(
    rf"[{_LETTER}][{_LETTER}{_MARKS}]*(?:[{_SUB}]+|_\{{[^}}]*\}}|_[A-Za-z0-9]+|[{_SUP}]+|\^\{{[^}}]*\}}|\^[A-Za-z0-9]+)*"
)
_PART = re.compile(rf"([{_SUB}]+|_\{{[^}}]*\}}|_[A-Za-z0-9]+)|([{_SUP}]+|\^\{{[^}}]*\}}|\^[A-Za-z0-9]+)")
_SHIFT = re.compile(r"([a-z])[+\-−]\d+")
_INLINE = re.compile(r"\*\*|\*|\[([^\]]*)\]\(([^)]*)\)")


def canonical(name: str) -> str:
    """One spelling of a symbol: ``cₜ₋₁``, ``c_{t-1}`` and ``c_{t−1}`` are the same."""

    def part(match: re.Match[str]) -> str:
        inner = match[0].strip("_^{}")
        for table in (_SUBS, _SUPS):
            inner = "".join(table.get(letter, letter) for letter in inner)
        return ("_" if match[1] else "^") + inner.replace("−", "-")

    return _PART.sub(part, name.replace("*", "").replace(" ", ""))


class SymbolTable:
    """Finds the :class:`Symbol` that a word of the equations stands for; at another step it is still the same one."""

    def __init__(self, symbols: Iterable[Symbol] = ()) -> None:
        self.symbols = tuple(symbols)
        self._exact = {canonical(one.name): one for one in self.symbols}
        self._loose: dict[str, Symbol] = {}
        for one in self.symbols:
            self._loose.setdefault(_SHIFT.sub(r"\1", canonical(one.name)), one)

    def find(self, word: str) -> Symbol | None:
        """The symbol written ``word``; ``hₜ₋₁`` is found as ``hₜ`` where it has no entry of its own."""
        key = canonical(word)
        return self._exact.get(key) or self._loose.get(_SHIFT.sub(r"\1", key))


@dataclass(frozen=True, slots=True)
class _Letter:
    text: str
    bold: bool
    italic: bool
    link: str = ""


def _letters(source: str) -> list[_Letter]:
    """The text letter by letter with its style, so that a symbol may begin bold and end plain (``**h**ₜ``)."""
    found: list[_Letter] = []
    bold = italic = False
    place = 0
    for match in _INLINE.finditer(source):
        found += [_Letter(one, bold, italic) for one in source[place : match.start()]]
        if match[0] == "**":
            bold = not bold
        elif match[0] == "*":
            italic = not italic
        else:
            found += [_Letter(one, bold, italic, match[2]) for one in match[1]]
        place = match.end()
    return found + [_Letter(one, bold, italic) for one in source[place:]]


def _styled(letters: Sequence[_Letter]) -> str:
    out: list[str] = []
    for (bold, italic), run in groupby(letters, key=lambda one: (one.bold, one.italic)):
        text = escape("".join(one.text for one in run))
        text = f"<i>{text}</i>" if italic else text
        out.append(f"<b>{text}</b>" if bold else text)
    return "".join(out)


def scripted(word: str) -> str:
    """``word`` (plain) as HTML with its sub- and superscripts."""
    return _token_html([_Letter(one, False, False) for one in word.replace("*", "")])


def _token_html(letters: Sequence[_Letter]) -> str:
    text = "".join(one.text for one in letters)
    out, place = [], 0
    for match in _PART.finditer(text):
        out.append(_styled(letters[place : match.start()]))
        table = _SUBS if match[1] else _SUPS
        inner = "".join(table.get(letter, letter) for letter in match[0].strip("_^{}")).replace("-", "−")
        tag = "sub" if match[1] else "sup"
        out.append(f"<{tag}>{escape(inner)}</{tag}>")
        place = match.end()
    return "".join(out) + _styled(letters[place:])


def inline_html(source: str, table: SymbolTable, colour: str) -> str:
    """One line of Markdown; symbols are links in ``colour`` without underline."""
    letters = _letters(source)
    text = "".join(one.text for one in letters)
    equation = "=" in text or "←" in text
    out: list[str] = []
    place = 0

    def plain(until: int) -> None:
        nonlocal place
        run: list[_Letter] = []
        for one in letters[place:until]:
            if run and run[-1].link != one.link:
                out.append(_linked(run, colour))
                run = []
            run.append(one)
        if run:
            out.append(_linked(run, colour))
        place = until

    for match in TOKEN.finditer(text):
        word = match[0]
        part = letters[match.start() : match.end()]
        marked = bool(_PART.search(word)) or part[0].bold or part[0].italic
        symbol = table.find(word) if (equation or marked) and not part[0].link else None
        if symbol is None and not _PART.search(word):
            continue
        plain(match.start())
        place = match.end()
        body = _token_html(part)
        if symbol is None:
            out.append(body)
        else:
            out.append(
                f'<a href="{SCHEME}{escape(symbol.name)}" style="color:{colour};text-decoration:none">{body}</a>'
            )
    plain(len(letters))
    return "".join(out)


def _linked(run: list[_Letter], colour: str) -> str:
    body = _styled(run)
    return f'<a href="{escape(run[0].link)}" style="color:{colour}">{body}</a>' if run[0].link else body


def equations_html(source: str, symbols: Iterable[Symbol], colour: str) -> str:
    """The whole Markdown of an architecture's equations as HTML for a ``QTextDocument``."""
    table = SymbolTable(symbols)
    out: list[str] = []
    for block in _blocks(source):
        first = block[0]
        if first.startswith("|"):
            out.append(_table(block, table, colour))
        elif first.startswith("#"):
            level = len(first) - len(first.lstrip("#"))
            out.append(f"<h{level + 2}>{inline_html(first.lstrip('# '), table, colour)}</h{level + 2}>")
        elif first.startswith(("- ", "* ")):
            items = "".join(f"<li>{inline_html(line[2:], table, colour)}</li>" for line in block)
            out.append(f"<ul style='margin-left:-20px'>{items}</ul>")
        else:
            out.append(f"<p>{inline_html(' '.join(block), table, colour)}</p>")
    return "".join(out)


def _blocks(source: str) -> list[list[str]]:
    """Lines that belong together: tables, lists, headings, paragraphs."""
    blocks: list[list[str]] = []
    kind = ""
    for line in source.splitlines():
        line = line.strip()
        this = "-" if line[:2] in ("- ", "* ") else line[:1] if line[:1] in "|#" else "p"
        if kind == "-" and this == "p":
            blocks[-1][-1] += f" {line}"
            continue
        if this and (this != kind or this == "#"):
            blocks.append([line])
        elif this:
            blocks[-1].append(line)
        kind = this
    return blocks


def _table(rows: Sequence[str], table: SymbolTable, colour: str) -> str:
    out: list[str] = []
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if not any(cells) or all(set(cell) <= set("-: ") for cell in cells):
            continue
        tds = "".join(f"<td style='padding:2px 14px 2px 0'>{inline_html(cell, table, colour)}</td>" for cell in cells)
        out.append(f"<tr>{tds}</tr>")
    return f"<table cellspacing='0' cellpadding='0'>{''.join(out)}</table>"
