"""Writing gettext catalogues: every message as it stood where nothing was changed, else with the changed texts.

A message with plural forms was imported as several records, one for each form (see
:class:`workbench_plugins.importers.po.reader.FormRaw`); here they become one message again. A form whose record was
removed keeps the text that it had, since a message without one of its forms is none; the message goes with its last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.exporters.parallel.writer import EncodedFile, Format, Records, pair_of, source_of, sources_of
from workbench_plugins.importers.po.reader import FormRaw, escape, unescape

from workbench.api import StoredRecord, WorkbenchError

_NEW_HEADER = ("# Written by Recurra", 'msgid ""', 'msgstr ""', '"Content-Type: text/plain; charset=UTF-8\\n"')
_STRINGS = r'(?:[ \t]*"(?:[^"\\\r\n]|\\.)*"[ \t]*(?:\r\n|\n|\r|$))+'


def write_po(records: Records, format: Format, layers: Any, path: Path, options: Mapping[str, Any]) -> None:
    """The catalogue it came from with the changed messages, or a new one."""
    sources = sources_of(format, "po")
    first: Format = next((source for source in sources if source), {})
    newline = first.get("newline", "\n")
    written = False
    with EncodedFile(path, first) as file:
        for group in _messages(records, sources):
            text = _written(group, source_of(group[0], sources) is not None, newline)
            header = str(first.get("header", "")) or newline.join((*_NEW_HEADER, "", ""))
            if not written and not text.startswith(header) and (first.get("header") or not first):
                file.write(header)  # the message that it came with was removed, or nothing came from a catalogue
            written = True
            file.write(text)
        file.write(first.get("tail", ""))


def _messages(records: Records, sources: list[Format | None]) -> Iterator[list[StoredRecord]]:
    """The records of one message after those of another: several only for plural forms that stand together."""
    held: list[StoredRecord] = []
    last: FormRaw | None = None
    for stored in records:
        form = FormRaw.parse(stored.raw) if source_of(stored, sources) is not None else None
        goes_on = (
            form is not None
            and last is not None
            and (form.before, form.message, stored.source) == (last.before, last.message, held[0].source)
            and form.index > last.index
        )
        if held and not goes_on:
            yield held
            held = []
        held.append(stored)
        last = form
    if held:
        yield held


def _written(group: list[StoredRecord], known: bool, newline: str) -> str:
    """The text of one message."""
    stored = group[0]
    raw = stored.raw if known else ""
    form = FormRaw.parse(raw)
    if form is not None:
        return form.before + _with_forms(form.message, group, newline)
    if raw and not stored.edited:
        return raw
    pair = pair_of(stored)
    changed = _replaced(raw, {r"msgid": pair.source, r"msgstr(?:\[0\])?": pair.target}, newline) if raw else None
    return changed or newline.join((f'msgid "{escape(pair.source)}"', f'msgstr "{escape(pair.target)}"', "", ""))


def _with_forms(message: str, group: list[StoredRecord], newline: str) -> str:
    """``message`` with the texts of its edited forms.

    Forms of the many share their source: the one that was changed counts. :class:`WorkbenchError` where several were,
    and differently.
    """
    changes: dict[str, str] = {}
    sources: dict[str, list[str]] = {}
    for stored in group:
        form = FormRaw.parse(stored.raw)
        if form is None or not stored.edited:
            continue
        pair = pair_of(stored)
        changes[rf"msgstr\[{form.index}\]"] = pair.target
        sources.setdefault("msgid" if form.singular else "msgid_plural", []).append(pair.source)
    for keyword, texts in sources.items():
        before = _string_of(message, keyword)
        new = list(dict.fromkeys(text for text in texts if text != before))
        if len(new) > 1:
            raise WorkbenchError(
                f"Two plural forms of one message were given different sources: {new[0]!r} and {new[1]!r}.",
                why="A catalogue has one text for all of them (msgid_plural).",
                fix="Give both the same source in stage Data.",
            )
        if new:
            changes[keyword] = new[0]
    return _replaced(message, changes, newline) or message


def _string_of(message: str, keyword: str) -> str:
    """The text behind ``keyword``."""
    match = re.search(rf"^{keyword}[ \t]+({_STRINGS})", message, re.MULTILINE)
    return "".join(map(unescape, re.findall(r'"((?:[^"\\\r\n]|\\.)*)"', match[1]))) if match else ""


def _replaced(raw: str, texts: Mapping[str, str], newline: str) -> str | None:
    """``raw`` with the strings of its last message replaced, by keyword; None where a keyword is not found."""
    start = max((match.start() for match in re.finditer(r"^msgid\s+\"", raw, re.MULTILINE)), default=-1)
    if start < 0:
        return None
    head, message = raw[:start], raw[start:]
    for keyword, text in texts.items():
        match = re.search(rf"^({keyword}[ \t]+){_STRINGS}", message, re.MULTILINE)
        if match is None:
            return None
        message = f'{message[: match.end(1)]}"{escape(text)}"{newline}{message[match.end() :]}'
    return head + message
