"""Which files are one text in two languages: their names differ in one part, which names the language."""

from __future__ import annotations

import re
from pathlib import Path

_LANGUAGE = re.compile(r"[a-z]{2}|src|tgt|trg|source|target|[a-z]{2}[-_][A-Za-z]{2,4}", re.IGNORECASE)
_CODES = (
    "afr amh ara arb asm aze bel ben ber bos bre bul cat ces cmn cym dan deu div ell eng epo est eus fao fas fij fil"
    " fin fra fry gla gle glg grc grn guj hat hau heb hin hrv hun hye ibo ina ind isl ita jav jpn kab kan kat kaz khm"
    " kin kir kmr kor kur lao lat lav lin lit ltz mal mar mkd mlg mlt mon mri msa mya nds nep nld nno nob nor nya oci"
    " ori orm pan pes pol por pus que roh ron run rus san sin slk slv smo sna snd som sot spa sqi srp ssw sun swa swe"
    " swh tam tat tel tgk tgl tha tir tok ton tsn tso tuk tur uig ukr urd uzb vie wol xho yid yor yue zho zsm zul"
)
_OF_THREE_LETTERS = frozenset(_CODES.split())
"""ISO 639-3 and 639-2 codes: of words of three letters most are no language (one, old, dup)."""
_ONE_FILE = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".tmx", ".po", ".pot", ".conllu"})
"""Formats that hold both languages, or none, in one file."""
_NOT_LANGUAGES = frozenset(
    {"txt", "csv", "tsv", "tmx", "md", "po", "pot", "bz", "gz", "zip", "xz", "tok", "dev", "val", "bpe", "xml", "htm"}
    | {"pdf", "png", "jpg", "svg", "py", "log", "bak", "doc", "bin", "dat", "old", "new", "raw", "mrg", "sh", "cfg"}
)
_PARTS = re.compile(r"[^._]+|[._]+")


def parts_of(path: Path) -> list[str]:
    """The name cut at dots and underscores, the marks kept."""
    return _PARTS.findall(path.name)


def is_language(part: str) -> bool:
    low = part.lower()
    return low in _OF_THREE_LETTERS or (_LANGUAGE.fullmatch(part) is not None and low not in _NOT_LANGUAGES)


def counterparts(path: Path) -> list[tuple[str, str, Path]]:
    """(language of ``path``, language of the other, the other) for each file beside it that differs in that alone.

    The last part that could be a language decides, as in ``train.de`` and ``news.de.txt``.
    """
    if path.suffix.lower() in _ONE_FILE:
        return []
    own = parts_of(path)
    if not any(map(is_language, own[1:])):
        return []  # nor is the folder looked through
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
