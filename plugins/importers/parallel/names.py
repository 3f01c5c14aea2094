"""Which files are one text in two languages: their names differ in one part, which names the language."""

from __future__ import annotations

import re
from pathlib import Path

_LANGUAGE = re.compile(r"[a-z]{2,3}|src|tgt|trg|source|target|[a-z]{2}[-_][A-Za-z]{2,4}", re.IGNORECASE)
_NOT_LANGUAGES = frozenset(
    {"txt", "csv", "tsv", "tmx", "md", "po", "pot", "bz", "gz", "zip", "xz", "tok", "dev", "val", "bpe", "xml", "htm"}
    | {"pdf", "png", "jpg", "svg", "py", "log", "bak", "doc", "bin", "dat", "old", "new", "raw", "mrg", "sh", "cfg"}
)
_PARTS = re.compile(r"[^._]+|[._]+")


def parts_of(path: Path) -> list[str]:
    """The name cut at dots and underscores, the marks kept."""
    return _PARTS.findall(path.name)


def is_language(part: str) -> bool:
    return _LANGUAGE.fullmatch(part) is not None and part.lower() not in _NOT_LANGUAGES


def counterparts(path: Path) -> list[tuple[str, str, Path]]:
    """(language of ``path``, language of the other, the other) for each file beside it that differs in that alone.

    The last part that could be a language decides, as in ``train.de`` and ``news.de.txt``.
    """
    own = parts_of(path)
    try:
        siblings = sorted(other for other in path.parent.iterdir() if other.is_file() and other.name != path.name)
    except OSError:
        return []
    found: list[tuple[int, str, str, Path]] = []
    for other in siblings:
        parts = parts_of(other)
        different = [i for i, (a, b) in enumerate(zip(own, parts, strict=False)) if a != b]
        if len(parts) == len(own) and len(different) == 1:
            at = different[0]
            if at and is_language(own[at]) and is_language(parts[at]):
                found.append((at, own[at], parts[at], other))
    last = max((at for at, *_ in found), default=0)
    return [(mine, theirs, other) for at, mine, theirs, other in found if at == last]


def with_language(path: Path, language: str, known: frozenset[str]) -> Path:
    """``path`` with ``language`` in the place of the last part that is one of ``known``."""
    parts = parts_of(path)
    for at in range(len(parts) - 1, 0, -1):
        if parts[at] in known:
            return path.with_name("".join([*parts[:at], language, *parts[at + 1 :]]))
    return path
