"""Reading the shipped sentences."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from workbench.api import TaggedTokens

_FOLDER = "workbench_resources.samples.uner_english_ewt"
_TOKEN, _TAG = 1, 2


def records() -> Iterator[tuple[str, str, TaggedTokens]]:
    """(split, document, sentence) triples: train, then validation."""
    for split in ("train", "validation"):
        text = (files(_FOLDER) / f"{split}.iob2").read_text(encoding="utf-8")
        document = ""
        rows: list[list[str]] = []
        for line in text.split("\n"):
            if line.startswith("# newdoc id = "):
                document = line.removeprefix("# newdoc id = ")
            if line and not line.startswith("#"):
                rows.append(line.split("\t"))
            elif not line and rows:
                yield (
                    split,
                    document,
                    TaggedTokens(tuple(row[_TOKEN] for row in rows), {"ner": tuple(row[_TAG] for row in rows)}),
                )
                rows = []
