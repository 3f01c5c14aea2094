"""The encoding that a catalogue names in its own header: ``Content-Type: text/plain; charset=ISO-8859-15``."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error

_HEAD_BYTES = 1 << 16
_CHARSET = re.compile(r"content-type:[^\"\n]*?charset=([^\s\\\";]*)", re.IGNORECASE)
_PLACEHOLDER = "CHARSET"
_ASCII = bytes(range(32, 127))
"""What an encoding must leave as it is for keywords to be found."""
_NO_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
"""Codecs of Python for names of hosts and for escapes: nothing is stored in them."""


def charset_of(path: Path) -> str:
    """The name of the codec for the file at ``path``; "utf-8" where its header has none, or a template's placeholder.

    :class:`WorkbenchError` with the line for a charset that is none. A byte-order mark overrules the header.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise explain_os_error(error, path, "cannot be read") from error
    if head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-8"  # the reader of text files goes by the mark
    text = head.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    starts = [match.start() for match in re.finditer(r"^msgid\s", text, re.MULTILINE)]
    header = text[: starts[1]] if len(starts) > 1 else text
    match = _CHARSET.search(header, starts[0]) if starts else None
    if match is None or match[1] in ("", _PLACEHOLDER):
        return "utf-8"
    try:
        name = codecs.lookup(match[1]).name.replace("_", "-")
        if name not in _NO_TEXT and _ASCII.decode(name) == _ASCII.decode("ascii"):
            return name
    except (LookupError, UnicodeError):
        pass
    raise WorkbenchError(
        f"The header names a charset that is not known: {match[1][:40]}.",
        why="Without it the file's bytes cannot be read as characters.",
        fix="Mend the header's Content-Type, or choose the encoding in the import options.",
        file=path,
        line=text.count("\n", 0, match.start()) + 1,
    )
