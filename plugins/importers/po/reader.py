"""The stream of messages of a gettext catalogue; a message with plural forms gives a pair for each form.

The format: GNU gettext manual, "The Format of PO Files".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench_plugins.importers.po.charset import charset_of
from workbench_plugins.importers.po.params import PoParams
from workbench_plugins.importers.po.plurals import plural_forms

from workbench.api import Finding, ImportedRecord, Sniff, TextPair, WorkbenchError
from workbench.api.textfiles import TextFile, decode_head

_KEYWORD = re.compile(r"\s*(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s*(\".*\"?)\s*$")
_FORM = re.compile(r"msgstr\[(\d+)\]")
_FRAME = re.compile(r"(\d+)([sp]):(\d+):")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(slots=True)
class Message:
    """``parts`` by keyword as they were written, joined and without escapes; ``raw`` with all lines before."""

    line: int = 0
    raw: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    fuzzy: bool = False

    @property
    def is_header(self) -> bool:
        return self.parts.get("msgid") == "" and "msgctxt" not in self.parts


@dataclass(frozen=True, slots=True)
class FormRaw:
    """The raw text of a record that is one plural form: ``message`` whole, and all text ``before`` it since the last.

    Every form of a message carries both, so that the message can be written when only some of its forms are left.
    ``singular`` says that the form's source is ``msgid``, not ``msgid_plural``.
    """

    index: int
    singular: bool
    before: str
    message: str

    def __str__(self) -> str:
        return f"{self.index}{'s' if self.singular else 'p'}:{len(self.before)}:{self.before}{self.message}"

    @classmethod
    def parse(cls, raw: str) -> FormRaw | None:
        """None for the raw text of a message without forms: it never begins with a digit."""
        match = _FRAME.match(raw)
        if match is None:
            return None
        middle = match.end() + int(match[3])
        return cls(int(match[1]), match[2] == "s", raw[match.end() : middle], raw[middle:])


class PoStream:
    """Translated messages in the order of the file."""

    def __init__(self, path: Path, options: PoParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self._forms = (2, 0)  # how many plural forms there are, and which is that of one
        self._stated = False
        found = charset_of(self.path) if options.encoding == "header" else options.encoding
        self._file = TextFile(self.path, found)
        self.format: dict[str, Any] = {
            "kind": "po",
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "tail": "",
            "header": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        before = ""  # messages that are no record, and comments, go with the next one that is
        found = untranslated = 0
        fuzzy: list[int] = []
        for message in self._messages():
            if message.parts and not message.is_header and message.fuzzy:
                fuzzy.append(message.line)
            records = list(self._records(message, before))
            if records:
                yield from records
                before = ""
                found += 1
            else:
                before += message.raw
                if message.is_header and not found:
                    self.format["header"] = before
                untranslated += bool(message.parts.get("msgid")) and not message.fuzzy
        self.format["tail"] = before
        if fuzzy:
            self.problems.append(self._about_fuzzy(fuzzy))
        if not found and (fuzzy or untranslated):
            raise WorkbenchError(
                "No message of this catalogue has a translation to learn from.",
                why=f"{untranslated:,} have none, {len(fuzzy):,} are marked fuzzy: nobody has confirmed them.",
                fix="Choose in the import options to take fuzzy or untranslated messages too.",
                file=self.path,
            )

    def _records(self, message: Message, before: str) -> Iterator[ImportedRecord]:
        parts, line, document = message.parts, message.line, message.parts.get("msgctxt", "")
        if message.is_header or not parts or (message.fuzzy and not self.options.fuzzy):
            return
        if "msgid_plural" not in parts or not self.options.plurals:
            target = parts.get("msgstr", parts.get("msgstr[0]", ""))
            if target or self.options.untranslated:
                yield ImportedRecord(TextPair(parts["msgid"], target), line, document, before + message.raw)
            return
        count, one = self._forms
        for name, target in parts.items():
            form = _FORM.fullmatch(name)
            if form is None or not (target or self.options.untranslated):
                continue
            index = int(form[1])
            singular = index == one and count > 1  # a form that serves all numbers serves the many
            pair = TextPair(parts["msgid" if singular else "msgid_plural"], target)
            yield ImportedRecord(pair, line, document, str(FormRaw(index, singular, before, message.raw)))

    def _about_fuzzy(self, lines: list[int]) -> Finding:
        many = f"{len(lines):,} messages are marked fuzzy" if len(lines) > 1 else "A message is marked fuzzy"
        taken = self.options.fuzzy
        were = "were" if len(lines) > 1 else "was"
        return Finding(
            "po",
            "info",
            f"{many} (nobody has confirmed the translation) and {were} {'taken' if taken else 'left out'}; "
            f"{'the first' if len(lines) > 1 else 'it'} begins here.",
            line=lines[0],
            fix="Leave the option fuzzy off." if taken else "Choose fuzzy in the import options to take them too.",
        )

    def _messages(self) -> Iterator[Message]:
        held, keyword, bad = Message(), "", False
        for number, line in enumerate(self._file, start=1):
            stripped = line.strip()
            starts = not stripped or stripped.startswith(("#", "msgctxt", "msgid"))
            if keyword.startswith("msgstr") and starts and not stripped.startswith("msgid_plural"):
                if not bad:
                    yield from self._sound(held)
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
            yield from self._sound(held)

    def _sound(self, message: Message) -> Iterator[Message]:
        """``message`` where it is whole; the header is taken to heart."""
        try:
            self._checked(message)
        except WorkbenchError as error:
            if not self.options.skip_bad:
                raise
            self.problems.append(Finding("po", "warning", error.what, line=error.line, fix=error.fix))
            if not message.is_header:
                return
        yield message

    def _checked(self, message: Message) -> None:
        parts = message.parts
        if not parts:
            return
        if "msgid" not in parts:
            raise self._problem("This message has no msgid.", message.line)
        forms = [int(form[1]) for form in map(_FORM.fullmatch, parts) if form]
        if "msgstr" not in parts and not forms:
            raise self._problem("This message has no msgstr: the file ends, or the next one begins.", message.line)
        if message.is_header:
            try:
                stated = plural_forms(parts.get("msgstr", ""))
            except ValueError as error:
                what = f"The Plural-Forms of this catalogue cannot be read: {error}."
                raise self._problem(what, message.line) from error
            self._stated = stated is not None
            self._forms = stated or self._forms
            return
        if "msgid_plural" in parts and "msgstr" in parts:
            raise self._problem("This message has msgid_plural, and msgstr without a number.", message.line)
        if forms and "msgid_plural" not in parts:
            raise self._problem(f"This message has msgstr[{forms[0]}], and no msgid_plural.", message.line)
        if forms and forms != list(range(len(forms))):
            raise self._problem(f"The plural forms of this message are numbered {forms}.", message.line)
        if forms and self._stated and len(forms) != self._forms[0]:
            raise self._problem(
                f"This message has {len(forms)} plural forms, the header says {self._forms[0]}.", message.line
            )

    def _take(self, message: Message, line: str, keyword: str, number: int) -> str:
        """Add a line to ``message``; the keyword that a following string belongs to."""
        if not line:
            return keyword
        if line.startswith("#"):
            message.fuzzy |= line.startswith("#,") and "fuzzy" in line[2:].replace(",", " ").split()
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
    if text is None and b"\0" not in head and b"charset=" in head:
        text = head.decode("latin-1")  # keywords are ASCII in every encoding that a header can name
    if text is None or not re.search(r'^msgid\s+"', text, re.MULTILINE) or "msgstr" not in text:
        return None
    return Sniff(0.95, "It has messages and their translations (msgid and msgstr).")
