"""Predictions as files: a stream of (record, result) pairs is written as it comes, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from workbench.api import Record, Result, TaggedTokens, TokenLabels, WorkbenchError


def write_jsonl(pairs: Iterable[tuple[Record, Result]], path: Path) -> None:
    """A line for each record: ``{"record": …, "result": …}``, with probabilities and all that the result holds."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record, result in pairs:
            line = {"record": record.to_json(), "result": result.to_json()}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_conll(pairs: Iterable[tuple[Record, Result]], path: Path) -> None:
    """Tab-separated columns and an empty line after each sentence: token, right label where known, answered label.

    The order is the one the shared tasks' scorer reads. Whether there is a column of right labels the first sentence
    decides; a later one without them gets ``_``.
    """
    with_gold: bool | None = None
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record, result in pairs:
            if not isinstance(result, TokenLabels):
                raise WorkbenchError(f"Only labels of tokens can be written as CoNLL columns, not {result.KIND}.")
            gold = record.layers.get(result.layer) if isinstance(record, TaggedTokens) else None
            if with_gold is None:
                with_gold = gold is not None
            for i, (token, label) in enumerate(zip(result.tokens, result.labels, strict=True)):
                columns = [_safe(token), (gold[i] if gold is not None else "_"), label]
                file.write("\t".join(columns if with_gold else [columns[0], label]) + "\n")
            file.write("\n")


def _safe(token: str) -> str:
    """A token as a column: white space in it would break the line."""
    return "_".join(token.split()) or "_"
