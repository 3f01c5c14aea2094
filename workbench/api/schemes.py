"""Span schemes: how entities and chunks are written as one tag for every token, and how to go between the ways.

Spans are read with the semantics of the CoNLL shared tasks' ``conlleval`` (Tjong Kim Sang and De Meulder 2003): a tag
sequence that breaks its scheme still has well-defined spans, so scores agree with that script on every input.
Inside the application span layers are IOB2; files may be IOB1, IOB2, IOBES (also called BIOES), BILOU or bare IO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

OUTSIDE = "O"

Span = tuple[int, int, str]
"""(start, end, label): tokens ``start`` to ``end``, exclusive."""


class Scheme(StrEnum):
    """How a layer's tags are to be read."""

    IOB1 = "iob1"
    """``I-X`` inside; ``B-X`` only where a span follows directly another of the same label."""
    IOB2 = "iob2"
    """``B-X`` begins every span, ``I-X`` goes on."""
    IOBES = "iobes"
    """IOB2 with ``E-X`` for the last token and ``S-X`` for a span of one token."""
    BILOU = "bilou"
    """IOBES with the letters L (last) and U (unit)."""
    IO = "io"
    """The bare label inside, ``O`` outside; neighbours of one label cannot be told apart."""
    PLAIN = "plain"
    """No spans: every token has a label of its own, such as a part of speech."""


_LETTERS = frozenset("BIOESLU")
_CANONICAL = {"L": "E", "U": "S"}


def parse_tag(tag: str) -> tuple[str, str]:
    """Split ``tag`` into its letter (B, I, E, S or O; L is E, U is S) and label; a bare label counts as inside."""
    if tag in ("O", "", "_", "-"):
        return "O", ""
    if len(tag) > 1 and tag[1] == "-" and tag[0] in _LETTERS:
        letter = tag[0]
        return ("O", "") if letter == "O" else (_CANONICAL.get(letter, letter), tag[2:])
    if tag in ("B", "I", "E", "S"):
        return tag, ""
    return "I", tag


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of ``tags`` as (start, end, label), exactly as ``conlleval`` counts them, whatever the scheme."""
    found: list[Span] = []
    start = -1
    label = ""
    previous = "O"
    for position, tag in enumerate(tags):
        if tag == "O":
            if start >= 0:
                found.append((start, position, label))
                start = -1
            previous = "O"
            continue
        letter, kind = parse_tag(tag)
        begins = letter != "O" and (start < 0 or letter in "BS" or previous in "ES" or kind != label)
        if start >= 0 and (begins or letter == "O"):
            found.append((start, position, label))
            start = -1
        if begins:
            start, label = position, kind
        previous = letter
    if start >= 0:
        found.append((start, len(tags), label))
    return found


def tags_of(found: Iterable[Span], length: int, scheme: Scheme = Scheme.IOB2) -> tuple[str, ...]:
    """Write non-overlapping ``found`` spans as ``length`` tags of ``scheme``; ``ValueError`` where they overlap."""
    tags = [OUTSIDE] * length
    last_end, last_label = 0, None
    for start, end, label in sorted(found):
        if start < last_end or end > length or end <= start:
            raise ValueError(f"span {start}..{end} overlaps another or does not fit into {length} tokens")
        touches = last_label == label and start == last_end
        tags[start:end] = _write(end - start, label, scheme, touches)
        last_end, last_label = end, label
    return tuple(tags)


def _write(length: int, label: str, scheme: Scheme, touches: bool) -> list[str]:
    """One span's tags; ``touches`` is whether another of the same label ends right before it."""
    if scheme is Scheme.IO:
        return [label or "I"] * length
    suffix = f"-{label}" if label else ""
    inside = [f"I{suffix}"] * length
    if scheme is Scheme.IOB1:
        return [f"B{suffix}", *inside[1:]] if touches else inside
    if scheme is Scheme.IOB2:
        return [f"B{suffix}", *inside[1:]]
    last, unit = ("L", "U") if scheme is Scheme.BILOU else ("E", "S")
    if length == 1:
        return [f"{unit}{suffix}"]
    return [f"B{suffix}", *inside[1:-1], f"{last}{suffix}"]


def convert(tags: Sequence[str], source: Scheme, target: Scheme) -> tuple[str, ...]:
    """``tags`` of scheme ``source`` written in ``target``; unchanged where the two are one, or either is plain."""
    if source is target or Scheme.PLAIN in (source, target):
        return tuple(tags)
    return tags_of(spans(tags), len(tags), target)


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[str, ...]:
    """``tags`` as the application holds them. IOB2 tags pass as they are: a broken one is reported, not mended."""
    if scheme in (Scheme.IOB2, Scheme.PLAIN):
        return tuple(tags)
    return tuple(map(_iob2_tag, (OUTSIDE, *tags), tags))


@lru_cache(maxsize=1 << 16)
def _iob2_tag(previous: str, tag: str) -> str:
    """IOB2 of one tag: whether it begins a span depends on the tag before it alone, so importing is a table look-up."""
    letter, label = parse_tag(tag)
    if letter == "O":
        return OUTSIDE
    before, before_label = parse_tag(previous)
    begins = before in "OES" or letter in "BS" or before_label != label
    return f"{'B' if begins else 'I'}{'-' + label if label else ''}"


def from_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[str, ...]:
    """IOB2 ``tags`` in the scheme of a file or a model."""
    return convert(tags, Scheme.IOB2, scheme)


def is_legal_sequence(tags: Sequence[str], scheme: Scheme = Scheme.IOB2) -> bool:
    """Whether ``tags`` keep to ``scheme`` throughout (fast; :func:`illegal_positions` says where they do not)."""
    if scheme is Scheme.PLAIN or scheme is Scheme.IO or tags.count(OUTSIDE) == len(tags):
        return True
    check = legality(scheme)
    return all(map(check, (None, *tags), tags)) and is_legal(tags[-1], None, scheme)


@lru_cache(maxsize=16)
def legality(scheme: Scheme) -> Callable[[str | None, str], bool]:
    """A quick check whether a tag may follow another (None: the beginning); not for plain layers."""
    known = _KNOWN[scheme]

    @lru_cache(maxsize=1 << 16)
    def check(previous: str | None, tag: str) -> bool:
        return _well_formed(tag, known) and is_legal(previous, tag, scheme)

    return check


def _well_formed(tag: str, known: frozenset[str]) -> bool:
    return tag[:1] in known and (len(tag) == 1 or tag[1] == "-")


def is_legal(previous: str | None, following: str | None, scheme: Scheme = Scheme.IOB2) -> bool:
    """Whether ``following`` may come right after ``previous``; None is before the first and after the last token."""
    if scheme in (Scheme.PLAIN, Scheme.IO):
        return True
    before, before_label = ("O", "") if previous is None else parse_tag(previous)
    after, after_label = ("O", "") if following is None else parse_tag(following)
    same = before != "O" and before_label == after_label
    if scheme is Scheme.IOB1:
        return after in "OI" or (after == "B" and same)
    if scheme is Scheme.IOB2:
        return after in "OB" or (after == "I" and same)
    if before in "BI":
        return after in "IE" and same
    return after in "OBS"


def illegal_positions(tags: Sequence[str], scheme: Scheme = Scheme.IOB2) -> list[int]:
    """Positions whose tag breaks ``scheme``: a letter it does not know, or one that may not come there.

    A span that is not closed at the end (IOBES, BILOU) is reported at the last position.
    """
    if scheme in (Scheme.PLAIN, Scheme.IO):
        return []
    known = _KNOWN[scheme]
    found: list[int] = []
    previous: str | None = None
    for position, tag in enumerate(tags):
        if tag == "O" and (previous is None or previous == "O"):
            previous = tag
            continue
        if not _well_formed(tag, known) or not is_legal(previous, tag, scheme):
            found.append(position)
        previous = tag
    if previous is not None and not is_legal(previous, None, scheme) and len(tags) - 1 not in found:
        found.append(len(tags) - 1)
    return found


_KNOWN: dict[Scheme, frozenset[str]] = {
    Scheme.IOB1: frozenset("IOB"),
    Scheme.IOB2: frozenset("IOB"),
    Scheme.IOBES: frozenset("IOBES"),
    Scheme.BILOU: frozenset("IOBLU"),
}


def repair(tags: Sequence[str], scheme: Scheme = Scheme.IOB2) -> tuple[str, ...]:
    """The legal ``scheme`` tags with the spans ``conlleval`` sees in ``tags``; legal tags come back unchanged."""
    return tuple(tags) if scheme is Scheme.PLAIN else tags_of(spans(tags), len(tags), scheme)


@dataclass(slots=True)
class Evidence:
    """What tag sequences tell of their scheme; feed it sequences, then ask :meth:`scheme`. Bounded memory."""

    tags: int = 0
    outside: int = 0
    bare: int = 0
    """Tags that are neither O nor letter-label."""
    begin_b: int = 0
    """Spans after O, another label or nothing that begin with B, as IOB2 writes them."""
    begin_i: int = 0
    """The same that begin with I, as IOB1 writes them."""
    end_single: int = 0
    """Letters E and S."""
    last_unit: int = 0
    """Letters L and U."""

    @property
    def spans_seen(self) -> int:
        return self.begin_b + self.begin_i + self.end_single + self.last_unit

    def update(self, tags: Sequence[str]) -> None:
        previous = OUTSIDE
        self.tags += len(tags)
        for tag in tags:
            if tag == OUTSIDE:
                self.outside += 1
            elif tag in ("B", "I") or (len(tag) > 2 and tag[1] == "-" and tag[0] in _LETTERS):
                letter, label = tag[0], tag[2:]
                if letter in "ES":
                    self.end_single += 1
                elif letter in "LU":
                    self.last_unit += 1
                elif previous == OUTSIDE or previous[2:] != label:
                    if letter == "B":
                        self.begin_b += 1
                    else:
                        self.begin_i += 1
            else:
                self.bare += 1
            previous = tag

    def scheme(self) -> Scheme:
        """The scheme that fits best; a layer of nothing but O is IOB2."""
        tagged = self.tags - self.outside
        if tagged == 0:
            return Scheme.IOB2 if self.tags else Scheme.PLAIN
        if self.bare * 10 > tagged:
            return Scheme.IO if self.outside * 2 > self.tags else Scheme.PLAIN
        if self.last_unit > self.end_single:
            return Scheme.BILOU
        if self.end_single:
            return Scheme.IOBES
        return Scheme.IOB1 if self.begin_i > self.begin_b else Scheme.IOB2


def recognise(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme of a layer, from all or a good part of its tag sequences."""
    evidence = Evidence()
    for tags in sequences:
        evidence.update(tags)
    return evidence.scheme()


def overwrite_span(tags: Sequence[str], start: int, end: int, label: str | None) -> tuple[str, ...]:
    """IOB2 ``tags`` in which tokens ``start`` to ``end`` (exclusive) are one span of ``label``, or O for None.

    What another span had in that range is cut off; what remains of it on either side keeps its label. All other
    tags, broken ones too, stay as they are. ``ValueError`` for a range outside the sentence.
    """
    if not 0 <= start < end <= len(tags):
        raise ValueError(f"{start}..{end} is not a range of {len(tags)} tokens")
    changed = list(tags)
    suffix = f"-{label}" if label else ""
    changed[start:end] = (
        [OUTSIDE] * (end - start) if label is None else [f"B{suffix}", *[f"I{suffix}"] * (end - start - 1)]
    )
    if end < len(tags):
        letter, following = parse_tag(tags[end])
        if letter != "O":
            continues = any(a < end < b for a, b, _ in spans(tags))
            merges = letter == "I" and label is not None and following == label
            if continues or merges:
                changed[end] = f"B-{following}" if following else "B"
    return tuple(changed)
