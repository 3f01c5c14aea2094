"""A row of the store becomes a record, and its text is not kept beside it."""

from __future__ import annotations

import json
import weakref
from types import SimpleNamespace
from typing import Any

from workbench.data import rows


def test_the_text_of_a_row_is_let_go_of_before_its_record_is_made(monkeypatch: Any) -> None:
    class Text(str):  # a str of one's own can be watched
        __slots__ = ("__weakref__",)

    body = Text('{"value": 3}')
    watched = weakref.ref(body)
    alive: list[bool] = []

    class Thing:
        @classmethod
        def from_json(cls, data: dict[str, int]) -> int:
            alive.append(watched() is not None)
            return data["value"]

    monkeypatch.setattr(rows.json, "loads", lambda text, loads=json.loads: loads(str(text)))
    row: list[Any] = [7, 4, "train", "d", 1, -1, body, "raw"]
    del body
    found = rows.taken(row, SimpleNamespace(cls=Thing, title="thing"))  # type: ignore[arg-type]
    assert alive == [False]
    assert (found.id, found.position, found.split, found.document) == (7, 4, "train", "d")
    assert (found.edited, found.source, found.record, found.raw) == (True, -1, 3, "raw")
