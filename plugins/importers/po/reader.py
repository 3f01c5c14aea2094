"""The stream of messages of a gettext catalogue.

Of a message with plural forms the singular and its first translation are read; the others stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench_plugins.importers.po.params import PoParams

from workbench.api import Finding, ImportedRecord, Sniff, TextPair, WorkbenchError
from workbench.api.textfiles import TextFile, decode_head

_KEYWORD = re.compile(r"\s*(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s*(\".*\"?)\s*$")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(slots=True)
class Message:
    """``parts`` by keyword as they were written, joined and without escapes; ``raw`` with all lines before."""

    line: int = 0
    raw: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    fuzzy: bool = False


class PoStream:
    """Translated messages in the order of the file."""

    def __init__(self, path: Path, options: PoParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self._file = TextFile(self.path, options.encoding)
        self.format: dict[str, Any] = {
            "kind": "po",
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        before = ""  # messages that are no record, and comments, go with the next one that is
        for message in self._messages():
            if self._is_record(message):
                first = message.parts.get("msgstr", message.parts.get("msgstr[0]", ""))
                record = TextPair(message.parts["msgid"], first)
                document = message.parts.get("msgctxt", "")
                yield ImportedRecord(record, message.line, document, before + message.raw)
                before = ""
            else:
                before += message.raw
        self.format["tail"] = before

    def _is_record(self, message: Message) -> bool:
        if not message.parts.get("msgid"):
            return False  # the header, or comments at the end
        if message.fuzzy and not self.options.fuzzy:
            return False
        translated = bool(message.parts.get("msgstr", message.parts.get("msgstr[0]", "")))
        return translated or self.options.untranslated

    def _messages(self) -> Iterator[Message]:
        held, keyword, bad = Message(), "", False
        for number, line in enumerate(self._file, start=1):
            stripped = line.strip()
            starts = not stripped or stripped.startswith(("#", "msgctxt", "msgid"))
            if keyword.startswith("msgstr") and starts and not stripped.startswith("msgid_plural"):
                if not bad:
                    yield self._checked(held)
                held, keyword, bad = Message(), "", False
            held.raw += line
            try:
                keyword = self._take(held, stripped, keyword, number)
            except WorkbenchError as error:
                if not self.options.skip_bad:
                    raise
                self.problems.append(Finding("po", "warning", error.what, line=number, fix=error.fix))
                bad, keyword = True, keyword or "msgid"
        if held.raw and not bad:
            yield self._checked(held)

    def _checked(self, message: Message) -> Message:
        if message.parts and "msgid" not in message.parts:
            raise self._problem("This message has no msgid.", message.line)
        if message.parts and not any(name.startswith("msgstr") for name in message.parts):
            raise self._problem("This message has no msgstr: the file ends, or the next one begins.", message.line)
        return message

    def _take(self, message: Message, line: str, keyword: str, number: int) -> str:
        """Add a line to ``message``; the keyword that a following string belongs to."""
        if not line:
            return keyword
        if line.startswith("#"):
            message.fuzzy |= line.startswith("#,") and "fuzzy" in line
            return keyword
        if line.startswith('"'):
            if not keyword:
                raise self._problem("A string stands here without a keyword before it.", number)
            message.parts[keyword] += self._string(line, number)
            return keyword
        match = _KEYWORD.match(line)
        if match is None:
            raise self._problem(f"This line is none of a catalogue: {line[:40]!r}.", number)
        keyword = match[1]
        if keyword in message.parts:
            raise self._problem(f"This message has {keyword} twice.", number)
        if keyword == "msgid" or not message.line:
            message.line = number
        message.parts[keyword] = self._string(match[2], number)
        return keyword

    def _string(self, text: str, number: int) -> str:
        body = text[1:-1]
        if len(text) < 2 or text[-1] != '"' or re.search(r'(?<!\\)(?:\\\\)*"', body) or _ends_open(body):
            raise self._problem("The quotes of this string are not closed where it ends.", number)
        return unescape(body)

    def _problem(self, what: str, number: int) -> WorkbenchError:
        return WorkbenchError(
            what, fix="Mend the line (msgfmt --check tells more).", file=self.path, line=max(1, number)
        )


def _ends_open(body: str) -> bool:
    """Whether the last quote is itself escaped."""
    return (len(body) - len(body.rstrip("\\"))) % 2 == 1


def unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "x" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code[0] in "01234567":
            return chr(int(code, 8))
        return _NAMED.get(code, code)

    return _ESCAPE.sub(one, text) if "\\" in text else text


def escape(text: str) -> str:
    """What :func:`unescape` reads as ``text``."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    for name, character in _NAMED.items():
        text = text.replace(character, f"\\{name}")
    return text


def sniff(head: bytes, path: Path) -> Sniff | None:
    text = decode_head(head)
    if text is None or not re.search(r'^msgid\s+"', text, re.MULTILINE) or "msgstr" not in text:
        return None
    return Sniff(0.95, "It has messages and their translations (msgid and msgstr).")
