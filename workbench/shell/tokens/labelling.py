"""Arithmetic of IOB2 labels for views and editors: spans, breaks, edits, and labels that follow edited text. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from zlib import crc32

from workbench.api import LabelledSpan
from workbench.api.schemes import OUTSIDE, illegal_positions, overwrite_span, parse_tag, spans

_USUAL = {"PER": 0, "PERSON": 0, "ORG": 1, "LOC": 2, "GPE": 2, "MISC": 3}
"""Entity types everyone knows keep one colour in every project and view."""
N_COLOURS = 6


def span_type(label: str) -> str:
    """``B-PER`` → ``PER``; a label without a prefix is its own type; ``O`` is the empty type."""
    return parse_tag(label)[1]


def spans_of(labels: Sequence[str]) -> tuple[LabelledSpan, ...]:
    """The spans of IOB2 ``labels``, read as conlleval reads them."""
    return tuple(LabelledSpan(start, end, label, 1.0) for start, end, label in spans(labels))


def breaks_of(labels: Sequence[str]) -> frozenset[int]:
    """Positions where the file broke the IOB2 scheme."""
    return frozenset(illegal_positions(labels))


def with_span(labels: Sequence[str], start: int, end: int, kind: str) -> tuple[str, ...]:
    """``labels`` with tokens ``start`` to ``end`` (exclusive) made one span of ``kind``; the empty kind clears them."""
    return overwrite_span(labels, start, end, kind or None)


def span_around(labels: Sequence[str], index: int) -> tuple[int, int]:
    """The span that token ``index`` stands in, or just that token."""
    for span in spans_of(labels):
        if span.start <= index < span.end:
            return span.start, span.end
    return index, index + 1


def realign(old: Sequence[str], new: Sequence[str], labels: Sequence[str], *, is_span: bool) -> tuple[str, ...]:
    """Labels for the tokens ``new``, an edit of ``old``: kept where tokens stay, also for words replaced one by one.

    New words in the middle of a span belong to it; other new words are ``O`` (span layers) or the label of the word
    they replace, else the empty label (plain layers).
    """
    default = OUTSIDE if is_span else ""
    moved: list[str] = []
    matcher = SequenceMatcher(a=list(old), b=list(new), autojunk=False)
    for operation, i1, i2, j1, j2 in matcher.get_opcodes():
        if operation == "equal" or (operation == "replace" and i2 - i1 == j2 - j1):
            moved.extend(labels[i1:i2])
        elif operation == "replace":
            moved.extend(_spread(labels, i1, i2, j2 - j1, is_span, default))
        elif operation == "insert":
            inside = is_span and 0 < i1 < len(labels) and labels[i1].startswith("I-")
            moved.extend([labels[i1] if inside else default] * (j2 - j1))
    return _mend_starts(moved) if is_span else tuple(moved)


def _spread(labels: Sequence[str], start: int, end: int, count: int, is_span: bool, default: str) -> list[str]:
    """Labels for ``count`` words that replace ``start:end``: all of one type keep it, a mixture keeps nothing."""
    types = {span_type(label) if is_span else label for label in labels[start:end]}
    if len(types) != 1:
        return [default] * count
    kind = types.pop()
    if not is_span:
        return [kind] * count
    if not kind:
        return [default] * count
    return [labels[start], *[f"I-{kind}"] * (count - 1)]


def _mend_starts(labels: list[str]) -> tuple[str, ...]:
    """A span whose first word was deleted begins with the next one."""
    broken = breaks_of(labels)
    return tuple("B-" + label[2:] if i in broken else label for i, label in enumerate(labels))


def preferred_layer(layers: Mapping[str, str]) -> str:
    """Which of ``layers`` (name → "span" or "label") to show first: entities, else the last span layer, else the last.

    Files of columns have what is to be learned in the last one.
    """
    if "ner" in layers:
        return "ner"
    spans_first = [name for name, kind in layers.items() if kind == "span"]
    return (spans_first or list(layers) or [""])[-1]


class LabelColours:
    """Which of the series colours a label has: the same in every view, distinct while there are free ones."""

    def __init__(self, labels: Sequence[str] = ()) -> None:
        self._index: dict[str, int] = {}
        for label in sorted(labels, key=lambda name: (name not in _USUAL, name)):
            self.index(label)

    def index(self, label: str) -> int:
        known = self._index.get(label)
        if known is not None:
            return known
        wanted = _USUAL.get(label, crc32(label.encode()) % N_COLOURS)
        used = set(self._index.values())
        free = [slot % N_COLOURS for slot in range(wanted, wanted + N_COLOURS) if slot % N_COLOURS not in used]
        self._index[label] = free[0] if free else wanted
        return self._index[label]
