"""Finding out what the columns of a file hold, from its first sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.api import Sniff
from workbench.api.schemes import Evidence, Scheme, parse_tag
from workbench.api.textfiles import decode_head

DOCUMENT_START = "-DOCSTART-"
SKIP = "_"
TOKEN = "token"

_UPOS = frozenset(
    [
        "ADJ",
        "ADP",
        "ADV",
        "AUX",
        "CCONJ",
        "DET",
        "INTJ",
        "NOUN",
        "NUM",
        "PART",
        "PRON",
        "PROPN",
        "PUNCT",
        "SCONJ",
        "SYM",
        "VERB",
        "X",
    ]
)  # universaldependencies.org/u/pos
_PHRASES = frozenset(
    ["NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "INTJ", "CONJP", "LST", "UCP"]
)  # chunks of CoNLL-2000
_MAX_SENTENCES = 400
_BLANKS = re.compile(r"[ \t]+")


def split_cells(line: str, separator: str) -> list[str]:
    """The cells of a line without its line end; ``separator`` is "\\t", " " or "" for runs of blanks."""
    if separator:
        return line.split(separator)
    return _BLANKS.split(line.strip(" \t"))


def guess_separator(lines: Iterable[str]) -> str:
    """Tab if token lines have one, one space if no line has two in a row, otherwise runs of blanks."""
    seen = [line.rstrip("\r\n") for line in lines if line.strip() and not line.startswith("#")]
    if not seen:
        return "\t"
    if sum("\t" in line for line in seen) * 2 > len(seen):
        return "\t"
    if any("  " in line.rstrip(" ") or line.startswith(" ") or "\t" in line for line in seen):
        return ""
    return " "


def is_comment(line: str, separator: str, columns: int) -> bool:
    """Whether a line before a sentence that begins with # is a comment and not the token #."""
    return len(split_cells(line.rstrip("\r\n").rstrip(" \t"), separator)) != columns or (
        line.startswith("# ") and " = " in line
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """The recognised columns: their names (``token``, a layer, or ``_``) and the schemes of the span layers."""

    separator: str
    names: tuple[str, ...]
    schemes: dict[str, Scheme]
    labels: dict[str, int]
    """How many different labels, or entity types, each layer showed."""
    has_comments: bool
    has_index: bool

    @property
    def width(self) -> int:
        return len(self.names)


def recognise_shape(lines: Sequence[str], separator: str | None = None) -> Shape | None:
    """The columns of a file from its first lines; None when it does not look like columns."""
    separator = guess_separator(lines) if separator is None else separator
    sentences: list[list[list[str]]] = [[]]
    comments = 0
    for line in lines:
        text = line.rstrip("\r\n").rstrip(" \t") if separator != "\t" else line.rstrip("\r\n")
        if not text.strip():
            if sentences[-1]:
                if len(sentences) >= _MAX_SENTENCES:
                    break
                sentences.append([])
        elif text.startswith(DOCUMENT_START):
            continue
        elif text.startswith("#") and not sentences[-1] and ("\t" not in text if separator == "\t" else " = " in text):
            comments += 1
        else:
            sentences[-1].append(split_cells(text, separator))
    rows = [row for sentence in sentences for row in sentence]
    if not rows:
        return None
    width, agreeing = Counter(map(len, rows)).most_common(1)[0]
    if width < 2 or agreeing < 0.9 * len(rows):
        return None
    columns = [
        [[row[i] for row in sentence if len(row) == width] for sentence in sentences if sentence] for i in range(width)
    ]
    return _name_columns(columns, separator, comments > 0)


def _name_columns(columns: list[list[list[str]]], separator: str, has_comments: bool) -> Shape | None:
    """Give each column a role: index, token, span layer, label layer, or nothing of use."""
    width = len(columns)
    names = [SKIP] * width
    schemes: dict[str, Scheme] = {}
    labels: dict[str, int] = {}
    flat = [[cell for sentence in column for cell in sentence] for column in columns]
    has_index = _is_index(columns[0])
    token = 1 if has_index and width > 1 else 0
    evidence = [Evidence() for _ in columns]
    for column, seen in zip(columns, evidence, strict=True):
        for tags in column:
            seen.update(tags)
    spans = [i for i in range(width) if i != token and not (has_index and i == 0) and _is_spans(evidence[i])]
    if not has_index and 0 in spans and width > 1:
        spans.remove(0)
    names[token] = TOKEN
    for i in spans:
        types = {parse_tag(tag)[1] for tag in set(flat[i])} - {""}
        name = "chunk" if types and len(types & _PHRASES) * 2 > len(types) else "ner"
        name = _unused(name, i, names)
        names[i], schemes[name], labels[name] = name, evidence[i].scheme(), len(types)
    for i in range(width):
        if names[i] != SKIP or (has_index and i == 0):
            continue
        kinds = set(flat[i]) - {"-", "_"}
        if len(kinds) < 4 and (spans or len(kinds) < 2):
            continue  # annotators, constants
        if len(kinds) > 150 or (len(flat[i]) > 400 and len(kinds) > 0.25 * len(flat[i])):
            continue  # lemmas, free text
        name = _unused("upos" if kinds <= _UPOS and "NOUN" in kinds else "pos", i, names)
        names[i], labels[name] = name, len(kinds)
    if not labels:
        return None
    return Shape(separator, tuple(names), schemes, labels, has_comments, has_index)


def _is_index(column: list[list[str]]) -> bool:
    """Whether every sentence counts its tokens in this column."""
    right = sum(sentence == [str(i) for i in range(1, len(sentence) + 1)] for sentence in column)
    return right >= 0.9 * len(column)


def _is_spans(evidence: Evidence) -> bool:
    if evidence.tags == evidence.outside:
        return evidence.tags > 0
    return evidence.scheme() not in (Scheme.PLAIN, Scheme.IO)


def _unused(name: str, column: int, names: Sequence[str]) -> str:
    return name if name not in names else f"{name}_{column + 1}"


def sniff(head: bytes, path: Path) -> Sniff | None:
    """How sure it is that a file has CoNLL columns."""
    text = decode_head(head)
    if text is None:
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if text.lstrip()[:1] in ("{", "[") and '"' in text:
        return None
    shape = recognise_shape(lines)
    if shape is None:
        return None
    blank = any(not line.strip() for line in lines)
    conllu = shape.has_index and shape.width == 10
    sure = (0.9 if shape.schemes else 0.6) - (0.5 if conllu else 0.0) - (0.0 if blank else 0.3)
    parts = [f"{shape.width} CoNLL columns"]
    for name in shape.names:
        if name in shape.schemes:
            parts.append(f"{shape.labels[name]} {_SPAN_WORDS.get(name, 'span')} types")
        elif name in shape.labels:
            parts.append(f"{shape.labels[name]} {name} labels")
    return Sniff(max(sure, 0.05), ", ".join(parts) + ".", {"columns": list(shape.names)})


_SPAN_WORDS = {"ner": "entity", "chunk": "chunk"}
