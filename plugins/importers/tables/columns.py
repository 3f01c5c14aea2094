"""Which column of a table holds the text, which its label or translation: by its name, and by what stands there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

TEXT_NAMES = (
    "text", "sentence", "review", "content", "comment", "message", "document", "body", "tweet", "phrase", "utterance",
    "description", "caption", "article", "question", "headline", "title", "sms", "reviewtext", "review_text", "data",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "category", "sentiment", "target", "polarity", "rating", "stars", "score", "topic",
    "intent", "emotion", "genre", "language", "lang", "type", "tag", "y", "is_spam", "spam", "airline_sentiment",
)  # fmt: skip
SOURCE_NAMES = ("source", "src", "input", "question", "english", "sentence1", "premise", "text")
TARGET_NAMES = ("target", "tgt", "trg", "output", "translation", "answer", "summary", "sentence2", "hypothesis")
SPLIT_NAMES = ("split", "set", "fold", "partition", "subset")
OTHER_NAMES = ("id", "idx", "index", "file", "name", "date", "user", "author", "speaker", "image", "transcript")
_LANGUAGE = re.compile(r"(?:.*[._])?([a-z]{2,3})(?:[-_][a-zA-Z]{2,4})?$")
_LANGUAGES = frozenset(
    re.findall(
        r"\w+",
        "ar bg bn ca cs cy da de el en eng es et eu fa fi fr fra deu spa ita ga gl he hi hr hu hy id is it ja ka kk ko "
        "lt lv mk ml mr ms mt nl no nb nn pl pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh zho",
    )
)
_KNOWN = frozenset((*TEXT_NAMES, *LABEL_NAMES, *SOURCE_NAMES, *TARGET_NAMES, *SPLIT_NAMES, *OTHER_NAMES))
_NUMBER = re.compile(r"[-+]?(?:\d[\d ,]*)?\.?\d+(?:[eE][-+]?\d+)?\s*%?")
_WORDY = 1.5
_MANY_LABELS = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """What stands in a column of some rows. ``words`` and ``characters`` are means; the shares go from 0 to 1."""

    name: str
    rows: int
    filled: float
    words: float
    characters: float
    letters: float
    numbers: float
    distinct: int

    @property
    def is_text(self) -> bool:
        """Running text: mostly letters, and more than a word, or many characters of a script without spaces."""
        return self.filled > 0.5 and self.letters > 0.6 and self.numbers < 0.5 and self.words >= _WORDY

    @property
    def is_label(self) -> bool:
        """Few different values, each short and each more than once."""
        most = max(2, min(_MANY_LABELS, self.rows // 3))
        if self.distinct == self.rows and self.words > 1:
            return False  # a file of two rows: every value is different, and more than a word
        return self.filled > 0.5 and 1 <= self.distinct <= most and self.words <= 4 and self.characters <= 60

    @property
    def values(self) -> str:
        return "1 value" if self.distinct == 1 else f"{self.distinct} different values"


def profile(name: str, cells: Sequence[str]) -> Profile:
    """Look at the cells of one column."""
    full = [cell.strip() for cell in cells if cell.strip()]
    if not full:
        return Profile(name, len(cells), 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    n = len(full)
    # scripts without spaces (Chinese, Japanese, Thai) have words too: two characters are counted as one
    wide = sum(len(cell) for cell in full if " " not in cell and _is_wide(cell)) / 2
    return Profile(
        name,
        len(cells),
        n / len(cells),
        (sum(len(cell.split()) for cell in full) + wide) / n,
        sum(map(len, full)) / n,
        sum(any(c.isalpha() for c in cell) for cell in full) / n,
        sum(is_number(cell) for cell in full) / n,
        len(set(full)),
    )


def _is_wide(cell: str) -> bool:
    return len(cell) > 3 and sum("\u0e00" <= c <= "\u0e7f" or "\u3040" <= c <= "\u9fff" for c in cell) > len(cell) / 2


def is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell.strip()) is not None


def known_name(cell: str) -> bool:
    """Whether ``cell`` is what people call a column."""
    low = cell.strip().lower()
    return low in _KNOWN or low in _LANGUAGES


def find(names: Sequence[str], wanted: str) -> int | None:
    """The column called ``wanted``, or of that number from 1; upper and lower case are alike where it is clear."""
    if wanted in names:
        return names.index(wanted)
    low = [name.lower() for name in names]
    if low.count(wanted.lower()) == 1:
        return low.index(wanted.lower())
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    return None


def split_column(profiles: Sequence[Profile]) -> int | None:
    return next((i for i, one in enumerate(profiles) if one.name.lower() in SPLIT_NAMES and one.distinct <= 4), None)


def text_column(profiles: Sequence[Profile], without: Sequence[int] = ()) -> int | None:
    """The named one, else the one with most words."""
    free = [i for i in range(len(profiles)) if i not in without]
    named = [i for i in free if profiles[i].name.lower() in TEXT_NAMES and profiles[i].letters > 0.5]
    if named:
        return min(named, key=lambda i: TEXT_NAMES.index(profiles[i].name.lower()))
    wordy = [i for i in free if profiles[i].is_text]
    return max(wordy, key=lambda i: profiles[i].words) if wordy else None


def label_column(profiles: Sequence[Profile], text: int) -> int | None:
    """The named one, else the last with few different values."""
    free = [i for i in range(len(profiles)) if i != text and i != split_column(profiles)]
    named = [
        i for i in free
        if profiles[i].name.lower() in LABEL_NAMES and profiles[i].filled and profiles[i].words <= 6
    ]  # fmt: skip
    if named:
        return min(named, key=lambda i: LABEL_NAMES.index(profiles[i].name.lower()))
    likely = [i for i in free if profiles[i].is_label and profiles[i].name.lower() not in OTHER_NAMES]
    return likely[-1] if likely else None


def pair_columns(profiles: Sequence[Profile]) -> tuple[int, int, bool] | None:
    """(source, target, whether their names told): two languages, known names, else the first two columns of text."""
    low = [one.name.lower() for one in profiles]
    texts = [i for i, one in enumerate(profiles) if one.filled and one.letters > 0.5 and not _few(one)]
    languages = [i for i in texts if (m := _LANGUAGE.fullmatch(low[i])) is not None and m.group(1) in _LANGUAGES]
    if len(languages) == 2:
        return languages[0], languages[1], True
    sources = [i for i in texts if low[i] in SOURCE_NAMES]
    targets = [i for i in texts if low[i] in TARGET_NAMES]
    for i in sorted(sources, key=lambda i: SOURCE_NAMES.index(low[i])):
        for j in sorted(targets, key=lambda j: TARGET_NAMES.index(low[j])):
            if i != j:
                return i, j, True
    wordy = [i for i in texts if profiles[i].is_text]
    if len(wordy) >= 2 and not any(one.name.lower() in LABEL_NAMES for one in profiles):
        return wordy[0], wordy[1], False
    return None


def _few(one: Profile) -> bool:
    """A column of few values is no text to be translated."""
    return one.rows >= 6 and one.distinct <= one.rows // 3
