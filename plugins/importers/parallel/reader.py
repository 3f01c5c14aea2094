"""The stream of pairs of two files that are read side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from workbench_plugins.importers.parallel.names import counterparts, with_language
from workbench_plugins.importers.parallel.params import ParallelParams

from workbench.api import Finding, ImportedRecord, Sniff, TextPair, WorkbenchError
from workbench.api.textfiles import TextFile, decode_head

_READ_AHEAD = 1 << 20


class ParallelStream:
    """Pairs in the order of the lines. Lines that are empty on both sides belong to the raw text of the pair before.

    A record's ``raw`` is the length of the source's raw text, a colon, and both raw texts.
    """

    def __init__(self, path: Path, options: ParallelParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self.source_path, self.target_path, languages = _both(self.path, options)
        self._source = TextFile(self.source_path, options.encoding)
        self._target = TextFile(self.target_path, options.encoding)
        self.format: dict[str, Any] = {
            "kind": "parallel",
            "languages": list(languages),
            "newline": self._source.newline,
            "bom": [self._source.bom, self._target.bom],
            "encoding": self._source.encoding,
            "names": [self.source_path.name, self.target_path.name],
        }

    def position(self) -> tuple[int, int]:
        read, size = self._source.position()
        return round(read * self.path.stat().st_size / max(1, size)), self.path.stat().st_size

    def __iter__(self) -> Iterator[ImportedRecord]:
        if not self.options.skip_bad:
            self._compare_lengths()
        held: list[str] = ["", ""]  # the raw text of the pair before, and of what follows it without being a pair
        pair, line = None, 0
        for number, (source, target) in enumerate(zip_longest(self._source, self._target), start=1):
            if source is None or target is None:
                rest = self.target_path if source is None else self.source_path
                self._left_out(number, f"From this line on {rest.name} has no counterpart.")
                break
            texts = source.rstrip("\r\n"), target.rstrip("\r\n")
            blank = not texts[0].strip(), not texts[1].strip()
            if blank[0] != blank[1]:
                self._one_sided(number, blank[0])
                held = [held[0] + source, held[1] + target]
                continue
            if not blank[0]:
                if pair is not None:
                    yield ImportedRecord(pair, line, raw=_raw(*held))
                    held = ["", ""]
                pair, line = TextPair(*texts), number
            held = [held[0] + source, held[1] + target]
        if pair is not None:
            yield ImportedRecord(pair, line, raw=_raw(*held))

    def _one_sided(self, number: int, source: bool) -> None:
        empty, other = (self.source_path, self.target_path)[:: 1 if source else -1]
        what = f"Line {number:,} of {empty.name} is empty, that of {other.name} is not."
        if self.options.skip_bad:
            self._left_out(number, what)
            return
        raise WorkbenchError(
            what,
            why="From here on the files may be out of step, or a translation is missing.",
            fix="Mend the line, or leave such lines out.",
            file=empty,
            line=number,
        )

    def _left_out(self, number: int, what: str) -> None:
        self.problems.append(Finding("parallel", "warning", what, line=number))

    def _compare_lengths(self) -> None:
        """Refuse files of different length, naming the first line that is off as well as that can be told."""
        counts = [0, 0]
        first_off = 0
        for source, target in zip_longest(self._source, self._target):
            counts[0] += source is not None
            counts[1] += target is not None
            if source is not None and target is not None and bool(source.strip()) != bool(target.strip()):
                first_off = first_off or counts[0]
        if counts[0] == counts[1]:
            return
        shorter = 0 if counts[0] < counts[1] else 1
        paths = (self.source_path, self.target_path)
        end = counts[shorter] + 1
        raise WorkbenchError(
            f"{paths[0].name} has {counts[0]:,} lines, {paths[1].name} has {counts[1]:,}.",
            why=f"Line {first_off:,} is the first that is empty on one side only: the files are off from there."
            if first_off
            else f"Line {end:,} is the first without a counterpart; where they fell out of step cannot be told.",
            fix="Mend the files so that each line translates the same line, or leave out what has no counterpart.",
            file=paths[1 - shorter],
            line=first_off or end,
        )


def _raw(source: str, target: str) -> str:
    return f"{len(source)}:{source}{target}"


def split_raw(raw: str) -> tuple[str, str]:
    """The raw text of the source and of the target."""
    length, _, rest = raw.partition(":")
    return rest[: int(length)], rest[int(length) :]


def _both(path: Path, options: ParallelParams) -> tuple[Path, Path, tuple[str, str]]:
    """Source, target, and their languages; :class:`WorkbenchError` where the other file cannot be told."""
    known = counterparts(path)
    if options.source and options.target:
        if options.source == options.target:
            raise WorkbenchError("Source and target are the same file.", fix="Name two languages.", file=path)
        codes = frozenset({options.source, options.target, *(mine for mine, _, _ in known)})
        source, target = (with_language(path, code, codes) for code in (options.source, options.target))
        for one, code in ((source, options.source), (target, options.target)):
            if not one.is_file() or source == target:
                raise WorkbenchError(
                    f"There is no file {one.name} beside {path.name}.",
                    why=f"It would hold the text in {code!r}.",
                    fix="Put both files into one folder, with names that differ in the language alone.",
                    file=one,
                )
        return source, target, (options.source, options.target)
    wanted = options.source or options.target
    found = [entry for entry in known if not wanted or wanted in entry[:2]]
    if not found:
        raise WorkbenchError(
            f"The other half of {path.name} is not there.",
            why="No file beside it has the same name but for the language.",
            fix="Put both files into one folder, as train.de and train.en, or name source and target in the options.",
            file=path,
        )
    if len(found) > 1:
        raise WorkbenchError(
            f"{path.name} has several counterparts: {', '.join(other.name for *_, other in found)}.",
            fix="Name source and target in the options.",
            file=path,
        )
    mine, theirs, other = found[0]
    if options.source == theirs or options.target == mine:
        return other, path, (theirs, mine)
    return path, other, (mine, theirs)


def sniff(head: bytes, path: Path) -> Sniff | None:
    """Sure where a file of the same name in another language lies beside it and has as many lines at its beginning.

    Of files dropped together the first by name speaks for all, so the others are less sure of themselves.
    """
    text = decode_head(head)
    found = counterparts(path)
    if text is None or not text.strip() or not found:
        return None
    mine, theirs, other = found[0]
    try:
        with other.open("rb") as stream:
            theirs_head = decode_head(stream.read(_READ_AHEAD))
    except OSError:
        return None
    if theirs_head is None:
        return None
    others = f" (there is {', '.join(code for _, code, _ in found[1:])} too)" if len(found) > 1 else ""
    first = all(path.name < one.name for *_, one in found)
    return Sniff(
        0.9 if first else 0.6,
        f"{path.name} lies beside {other.name}: the same lines in two languages{others}.",
        {"source": mine, "target": theirs},
    )
