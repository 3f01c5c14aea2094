"""The stream of trees of a bracketed file, with the place of every tree that is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench_plugins.importers.bracketed.params import BracketedParams

from workbench.api import Finding, ImportedRecord, LabelledTree, Sniff, WorkbenchError
from workbench.api.textfiles import TextFile, decode_head
from workbench.api.trees import parse_bracketed

LONGEST_TREE = 1 << 20
"""Characters after which a bracket is taken to be unclosed: the rest of a file is not one tree."""
_ENDINGS = (".mrg", ".ptb", ".tree", ".trees", ".psd")
"""Names that only files of trees have."""
LAYER = {"node": {"kind": "label"}}


class BracketedStream:
    """Trees in the order of the file. Blank lines and what stands between trees belong to the raw text before."""

    def __init__(self, path: Path, options: BracketedParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {name: dict(about) for name, about in LAYER.items()}
        self._file = TextFile(self.path, options.encoding)
        self.format: dict[str, Any] = {
            "kind": "bracketed",
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "wrapped": False,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        seen = 0
        blank = ""  # what came before the first tree, or since one that was left out
        held: ImportedRecord | None = None
        for number, text in self._pieces():
            if not text.strip():
                if held is not None:
                    held = ImportedRecord(held.record, held.line, raw=held.raw + text)
                else:
                    blank += text
                continue
            try:
                tree = self._read(text, number)
            except WorkbenchError as error:
                if not self.options.skip_bad:
                    raise
                self.problems.append(Finding("bracketed", "warning", error.what, line=error.line, fix=error.fix))
                continue
            if held is not None:
                yield held
            held = ImportedRecord(tree, number, raw=blank + text)
            blank = ""
            seen += 1
        if held is not None:
            yield held
        elif not self.problems:
            raise WorkbenchError(
                "There is no tree in this file.", fix="A tree looks like (2 (3 good) (2 film)).", file=self.path
            )

    def _read(self, text: str, number: int) -> LabelledTree:
        try:
            tree = parse_bracketed(text)
        except ValueError as error:
            raise WorkbenchError(
                f"This is not a bracketed tree: {error}.",
                why="" if self.options.layout == "spread" else "A tree stands on one line here.",
                fix="Correct the line, or choose the layout “spread” for trees over several lines.",
                file=self.path,
                line=number,
            ) from error
        if self.options.wrapping == "drop" and is_wrapped(tree):
            self.format["wrapped"] = True
            tree = LabelledTree(tree.words[:-1], (*tree.parents[:-2], -1), tree.tags[:-1])
        return tree

    def _pieces(self) -> Iterator[tuple[int, str]]:
        """(first line, text) of every tree or blank line."""
        if self.options.layout == "line":
            yield from enumerate(self._file, start=1)
            return
        held: list[str] = []
        first, depth, size = 1, 0, 0
        for number, line in enumerate(self._file, start=1):
            if not held:
                first = number
            held.append(line)
            size += len(line)
            depth += line.count("(") - line.count(")")
            if depth <= 0:
                yield first, "".join(held)
                held, depth, size = [], 0, 0
            elif size > LONGEST_TREE:
                raise WorkbenchError(
                    "The tree that begins here is not closed.",
                    why=f"Its brackets are still open {size:,} characters later.",
                    fix="Add the closing brackets where they are missing.",
                    file=self.path,
                    line=first,
                )
        if held:
            yield first, "".join(held)


def is_wrapped(tree: LabelledTree) -> bool:
    """Whether the root says nothing: no label, no word, and one child."""
    return not tree.tags[-1] and not tree.words[-1] and tree.parents.count(len(tree.parents) - 1) == 1


def sniff(head: bytes, path: Path) -> Sniff | None:
    """Sure where the first lines are trees; the layout follows from whether they are closed on their line."""
    text = decode_head(head)
    if text is None:
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].lstrip().startswith("("):
        return None
    whole = 0
    for line in lines[:20]:
        try:
            parse_bracketed(line)
        except ValueError:
            break
        whole += 1
    if whole and (whole == min(len(lines), 20) or whole >= 3):
        return Sniff(0.95, f"The first {whole} lines are bracketed trees.", {"layout": "line"})
    piece: list[str] = []
    depth = 0
    for line in lines:
        piece.append(line)
        depth += line.count("(") - line.count(")")
        if depth <= 0:
            break
    try:
        parse_bracketed("\n".join(piece))
    except ValueError:
        if path.suffix.lower() in _ENDINGS:
            # Whoever brings a broken tree is to be told its line, and not to find its brackets as words of a text.
            return Sniff(0.6, "Bracketed trees by its name, but the first is not whole.", {"layout": "line"})
        return None
    return Sniff(0.9, f"It begins with a bracketed tree over {len(piece)} lines.", {"layout": "spread"})
