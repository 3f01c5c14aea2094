"""What is doubtful in running text, beyond what the application looks at by itself (blank records, duplicates)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from workbench.api import Finding, StoredRecord, Text

CHECK = "running-text"
LONG_LINE = 10_000
MAX_NAMED = 100
_BROKEN = re.compile("\ufffd|[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€")
"""The replacement character, and UTF-8 that was read as Latin-1 or Windows-1252 (Ã©, â€™)."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_texts(records: Iterable[StoredRecord]) -> Iterator[Finding]:
    """Wrong encodings, control characters, very long lines, and texts of validation or test that training has too."""
    found: dict[str, list[int]] = {"encoding": [], "control": [], "long": []}
    first: dict[int, str] = {}
    shared: list[int] = []
    held: dict[str, list[tuple[int, int]]] = {"validation": [], "test": []}
    for stored in records:
        record = stored.record
        if not isinstance(record, Text):
            continue
        text = record.text
        if _BROKEN.search(text):
            found["encoding"].append(stored.id)
        if _CONTROL.search(text):
            found["control"].append(stored.id)
        if len(text) > LONG_LINE and max(map(len, text.split("\n"))) > LONG_LINE:
            found["long"].append(stored.id)
        plain = " ".join(text.casefold().split())
        if len(plain.split()) >= 5:  # short lines ("Yes, my lord.") come again in any text
            digest = hash(plain)
            if stored.split == "train":
                first.setdefault(digest, stored.split)
            elif stored.split in held:
                held[stored.split].append((digest, stored.id))
    for split in held.values():
        shared += [number for digest, number in split if digest in first]
    words = {
        "encoding": (
            "{n} with characters that look like a wrong encoding (Ã©, â€™, \ufffd)",
            "Import the file again and choose its encoding in the options.",
        ),
        "control": ("{n} with control characters that no text has", "Remove them, or check where the file is from."),
        "long": (
            f"{{n}} with a line of more than {LONG_LINE:,} characters",
            "Check that line ends were not lost; in characters the model reads them all the same.",
        ),
    }
    for name, (message, fix) in words.items():
        if ids := found[name]:
            yield Finding(CHECK, "warning", message.format(n=_texts(ids)), tuple(ids[:MAX_NAMED]), fix=fix)
    if shared:
        yield Finding(
            CHECK,
            "warning",
            f"{_texts(shared)} of validation or test are in the training text too, capitals and spaces aside",
            tuple(shared[:MAX_NAMED]),
            fix="Delete them from validation and test: a perplexity measured on them is too good.",
        )


def _texts(ids: list[int]) -> str:
    return f"{len(ids):,} {'text' if len(ids) == 1 else 'texts'}"
