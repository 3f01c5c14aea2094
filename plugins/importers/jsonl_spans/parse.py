"""One JSON object as a sentence: finding its keys, and aligning character spans to tokens."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench_plugins.tasks.tagging.text import tokenise

from workbench.api import WorkbenchError

TEXT_KEYS = ("text", "sentence", "content", "document", "data")
TOKEN_KEYS = ("tokens", "words")
SPAN_KEYS = ("spans", "entities", "labels", "label", "ents")
TAG_KEYS = ("tags", "ner_tags", "ner", "labels", "pos_tags", "upos", "pos")


@dataclass(frozen=True, slots=True)
class Keys:
    """Where an object keeps what: ``tokens`` says whether it holds a token list with tags, or a text with spans."""

    text: str
    label: str
    tokens: bool


def find_keys(value: Mapping[str, Any], text: str = "", label: str = "") -> Keys | None:
    """The keys of an object, of which some may be given; None when it holds neither form."""
    for names, labels, tokens in ((TOKEN_KEYS, TAG_KEYS, True), (TEXT_KEYS, SPAN_KEYS, False)):
        found = next((k for k in ([text] if text else names) if isinstance(value.get(k), list if tokens else str)), "")
        marks = next((k for k in ([label] if label else labels) if isinstance(value.get(k), list)), "")
        if found and (marks or not tokens):
            return Keys(found, marks or label or "spans", tokens)
    return None


def read_tokens(value: Mapping[str, Any], keys: Keys) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tokens and tags; ``ValueError`` in words when they do not fit."""
    tokens, tags = value.get(keys.text), value.get(keys.label)
    if not (isinstance(tokens, list) and isinstance(tags, list)):
        raise _wrong(f"{keys.text!r} and {keys.label!r} must be lists")
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens but {len(tags)} tags")
    if not all(isinstance(token, str) for token in tokens):
        raise ValueError("a token is not text")
    if not all(isinstance(tag, str) for tag in tags):
        raise ValueError("the tags are numbers; their names are needed")
    return tuple(tokens), tuple(tags)


def read_spans(value: Mapping[str, Any], keys: Keys) -> tuple[str, list[tuple[int, int, str]]]:
    """The text and its (start, end, label) character spans in order; ``ValueError`` in words when they do not fit."""
    text = value.get(keys.text)
    if not isinstance(text, str):
        raise _wrong(f"{keys.text!r} must be a text")
    found: list[tuple[int, int, str]] = []
    for item in value.get(keys.label) or []:
        if isinstance(item, Mapping):
            start, end, label = item.get("start"), item.get("end"), item.get("label", item.get("type"))
        elif isinstance(item, list) and len(item) >= 3:
            start, end, label = item[:3]
        else:
            raise ValueError(f"{item!r} is not a span; expected [start, end, label]")
        if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
            raise ValueError(f"{item!r} is not a span; expected two character offsets and a label")
        if not 0 <= start < end <= len(text):
            raise ValueError(f"the span {start}..{end} does not lie in a text of {len(text)} characters")
        found.append((start, end, label))
    return text, sorted(found)


def _wrong(message: str) -> ValueError:
    """A wrong value in a file, whatever its type in Python."""
    return ValueError(message)


def token_offsets(text: str, tokens: Sequence[str] | None = None) -> list[tuple[str, int, int]]:
    """The tokens of a text with the characters where they start and end."""
    placed: list[tuple[str, int, int]] = []
    cursor = 0
    for token in tokenise(text) if tokens is None else tokens:
        start = text.find(token, cursor)
        if start < 0:
            raise WorkbenchError(f"The token {token!r} does not occur in the text after character {cursor}.")
        cursor = start + len(token)
        placed.append((token, start, cursor))
    return placed


def align(
    placed: Sequence[tuple[str, int, int]], spans: Sequence[tuple[int, int, str]]
) -> tuple[list[tuple[int, int, str]], list[tuple[int, int, str]], list[tuple[int, int, str]]]:
    """Character spans as token spans: (aligned or widened, those that were not exact, those left out for overlap).

    The second and third list hold character spans as they were given.
    """
    starts = [start for _, start, _ in placed]
    ends = [end for _, _, end in placed]
    found: list[tuple[int, int, str]] = []
    inexact: list[tuple[int, int, str]] = []
    overlapping: list[tuple[int, int, str]] = []
    for start, end, label in spans:
        first = bisect.bisect_right(ends, start)
        last = bisect.bisect_left(starts, end)
        if first >= last:
            inexact.append((start, end, label))
            continue
        if found and first < found[-1][1]:
            overlapping.append((start, end, label))
            continue
        if starts[first] != start or ends[last - 1] != end:
            inexact.append((start, end, label))
        found.append((first, last, label))
    return found, inexact, overlapping
