"""Which records to show: a query as plain values, and its SQL."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from workbench.api.schemes import parse_tag
from workbench.data.rows import Layers, fold, is_span_layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """All conditions that are given must hold.

    ``text`` occurs in the record, whatever its case; ``label`` (layer, label) occurs: for span layers an entity type
    ("LOC") or a whole tag ("B-LOC"); ``split`` "" means records in none; ``problem`` True for any, or the name of
    one; ``edited`` since the import; ``document`` exactly.
    """

    text: str = ""
    label: tuple[str, str] | None = None
    split: str | None = None
    problem: bool | str | None = None
    edited: bool | None = None
    document: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == Query()


def label_numbers(connection: sqlite3.Connection, dataset_id: int, layers: Layers, layer: str, label: str) -> list[int]:
    """The numbers of the labels that ``label`` means in ``layer``."""
    rows = connection.execute("SELECT id, label FROM labels WHERE dataset_id = ? AND layer = ?", (dataset_id, layer))
    spans = is_span_layer(layers, layer)
    return [
        number
        for number, found in rows
        if found == label or (spans and found != "O" and label != "O" and parse_tag(found)[1] == label)
    ]


def where(connection: sqlite3.Connection, dataset_id: int, layers: Layers, query: Query) -> tuple[str, list[Any]]:
    """The condition on ``records`` and its values."""
    conditions = ["dataset_id = ?"]
    values: list[Any] = [dataset_id]
    if query.split is not None:
        conditions.append("split = ?")
        values.append(query.split)
    if query.document is not None:
        conditions.append("document = ?")
        values.append(query.document)
    if query.edited is not None:
        conditions.append("edited = ?")
        values.append(int(query.edited))
    if isinstance(query.problem, str):
        conditions.append("problem = ?")
        values.append(query.problem)
    elif query.problem is not None:
        conditions.append("problem != ''" if query.problem else "problem = ''")
    if query.label is not None:
        numbers = label_numbers(connection, dataset_id, layers, *query.label)
        alternatives = " OR ".join(["instr(labels, ?)"] * len(numbers)) or "0"
        conditions.append(f"({alternatives})")
        values.extend(f" {number} " for number in numbers)
    if query.text:
        conditions.append("instr(search, ?)")
        values.append(fold(query.text))
    return " AND ".join(conditions), values
