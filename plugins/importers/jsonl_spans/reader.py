"""The stream of sentences of a JSON Lines file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench_plugins.importers.jsonl_spans.params import JsonlParams
from workbench_plugins.importers.jsonl_spans.parse import (
    Keys,
    align,
    find_keys,
    read_spans,
    read_tokens,
    token_offsets,
)

from workbench.api import Finding, ImportedRecord, Sniff, TaggedTokens, WorkbenchError
from workbench.api.schemes import Evidence, Scheme, illegal_positions, is_legal_sequence, tags_of, to_iob2
from workbench.api.textfiles import TextFile, decode_head

_HEAD_LINES = 2000
_MAX_PROBLEMS = 200
_ENDINGS = (".jsonl", ".ndjson")


class JsonlStream:
    """Sentences with their source line. A text is split into tokens as a typed text is; its spans follow them."""

    def __init__(self, path: Path, options: JsonlParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self._file = TextFile(self.path, options.encoding)
        self._keys, self._scheme = self._look()
        plain = self._scheme is Scheme.PLAIN
        self.layers: dict[str, dict[str, Any]] = {
            options.layer: {"kind": "label"} if plain else {"kind": "span", "source_scheme": self._scheme.value}
        }
        self.format: dict[str, Any] = {
            "kind": "jsonl",
            "text_key": self._keys.text,
            "label_key": self._keys.label,
            "tokens": self._keys.tokens,
            "layer": options.layer,
            "scheme": self._scheme.value,
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        before = ""
        for number, line in enumerate(self._file, start=1):
            if not line.strip():
                before += line
                continue
            try:
                record, document = self._read(line, number)
            except WorkbenchError as error:
                if not self.options.skip_bad:
                    raise
                self._report("json", f"Skipped: {error.what}", number)
                continue
            yield ImportedRecord(record, number, document, before + line)
            before = ""
        self.format["tail"] = before

    def _read(self, line: str, number: int) -> tuple[TaggedTokens, str]:
        value = self._parse(line, number)
        try:
            if self._keys.tokens:
                tokens, tags = read_tokens(value, self._keys)
                if not is_legal_sequence(tags, self._scheme):
                    at = illegal_positions(tags, self._scheme)[0]
                    self._report("scheme", f"{tags[at]} breaks the {self._scheme.value.upper()} scheme.", number)
                tags = to_iob2(tags, self._scheme)
            else:
                text, spans = read_spans(value, self._keys)
                placed = token_offsets(text)
                tokens = tuple(token for token, _, _ in placed)
                found, inexact, overlapping = align(placed, spans)
                for start, end, label in inexact:
                    what = f"The span {start}..{end} ({label}, {text[start:end]!r}) does not end at tokens"
                    if self.options.misaligned == "stop":
                        raise ValueError(what)
                    done = "was left out" if self.options.misaligned == "drop" else "was widened to whole tokens"
                    self._report("misaligned", f"{what}; it {done}.", number)
                if self.options.misaligned == "drop" and inexact:
                    found, _, _ = align(placed, [span for span in spans if span not in inexact])
                for start, end, label in overlapping:
                    self._report("overlap", f"The span {start}..{end} ({label}) overlaps another; left out.", number)
                tags = tags_of(found, len(tokens))
            if not tokens:
                raise ValueError("there is no token in it")
            if "\\u" in line and any("\ud800" <= c <= "\udfff" for token in tokens for c in token):
                raise ValueError("it holds half a character (a lone surrogate such as \\ud800)")
        except ValueError as error:
            raise self._bad_line(str(error), line, number) from error
        document = value.get("document", value.get("doc_id", ""))
        return TaggedTokens(tokens, {self.options.layer: tags}), document if isinstance(document, str) else str(
            document
        )

    def _parse(self, line: str, number: int) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._bad_line(f"it is not JSON ({error})", line, number) from error
        if not isinstance(value, dict):
            raise self._bad_line("it is not a JSON object", line, number)
        return value

    def _bad_line(self, reason: str, line: str, number: int) -> WorkbenchError:
        return WorkbenchError(
            f"This line cannot be imported: {reason}.",
            why=f"It begins {line.strip()[:80]!r}.",
            fix='Expected is {"text": "…", "spans": [[start, end, "LABEL"], …]} or {"tokens": […], "tags": […]}, one '
            "object a line. Mend the line, name the keys in the options, or skip bad lines.",
            file=self.path,
            line=number,
        )

    def _report(self, check: str, message: str, line: int) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Finding(check, "warning", message, line=line))

    def _look(self) -> tuple[Keys, Scheme]:
        """The keys and, for tags, their scheme, from the first lines."""
        keys: Keys | None = None
        evidence = Evidence()
        for number, line in enumerate(
            itertools.islice(TextFile(self.path, self.options.encoding), _HEAD_LINES), start=1
        ):
            if not line.strip():
                continue
            try:
                value = self._parse(line, number)
            except WorkbenchError:
                if self.options.skip_bad:
                    continue
                raise
            if keys is None or not keys.tokens:
                keys = find_keys(value, self.options.text_key, self.options.label_key) or keys
            if keys is not None and not keys.tokens and keys.label in value:
                break
            tags = value.get(keys.label) if keys is not None else None
            if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
                evidence.update(tags)
        if keys is None:
            raise WorkbenchError(
                "No text with spans and no tokens with tags were found.",
                fix="Name the keys in the options, for example text_key = text and label_key = spans.",
                file=self.path,
                line=1,
            )
        return keys, evidence.scheme() if keys.tokens else Scheme.IOB2


def sniff(head: bytes, path: Path) -> Sniff | None:
    """How sure it is that a file is JSON Lines of texts with spans, or of tokens with tags."""
    text = decode_head(head)
    if text is None or not text.strip():
        return None
    # a file that calls itself JSON Lines is not taken for something else because a line of it is broken
    broken = Sniff(0.4, "JSON Lines by its name, but not every line is.") if path.suffix in _ENDINGS else None
    if not text.lstrip().startswith("{"):
        return broken
    values: list[dict[str, Any]] = []
    for line in itertools.islice((line for line in text.split("\n") if line.strip()), 50):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return broken
        if isinstance(value, dict):
            values.append(value)
    keys = next((found for found in map(find_keys, values) if found is not None), None)
    if keys is None:
        return broken
    labels: set[str] = set()
    for value in values:
        try:
            labels |= (
                {tag[2:] for tag in read_tokens(value, keys)[1] if tag[1:2] == "-"}
                if keys.tokens
                else {label for _, _, label in read_spans(value, keys)[1]}
            )
        except ValueError:
            continue
    form = "tokens with tags" if keys.tokens else "texts with character spans"
    return Sniff(0.95 if labels else 0.5, f"JSON Lines, {form}, {len(labels)} entity types.")
