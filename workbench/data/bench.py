"""Measuring the store at size: how long 100,000 sentences take to import, open, filter and edit."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from workbench.api import Importer
from workbench.data.edits import SetSpan
from workbench.data.importing import import_file
from workbench.data.query import Query
from workbench.data.store import DatasetStore

_TYPES = ("PER", "LOC", "ORG", "MISC")


def write_sentences(path: Path, n: int, seed: int = 7) -> None:
    """A CoNLL file (token, POS, entity; IOB2) of ``n`` made-up sentences of 5 to 25 tokens."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(20_000)]
    parts = ("NN", "VB", "JJ", "DT", "IN", "NNP", "RB", "CC")
    with path.open("w", encoding="utf-8", newline="") as file:
        for _ in range(n):
            length = chance.randint(5, 25)
            entity = chance.randrange(length)
            label = chance.choice(_TYPES)
            lines = [
                f"{word} {chance.choice(parts)} {'B-' + label if i == entity else 'O'}\n"
                for i, word in enumerate(chance.choices(words, k=length))
            ]
            file.write("".join(lines) + "\n")


def measure_store(importer: Importer, n: int = 100_000, folder: Path | None = None) -> dict[str, Any]:
    """Import ``n`` generated sentences with ``importer`` (CoNLL columns), then open, filter, page and edit them.

    Times in seconds, ``import_rate`` in sentences a second; edits are each a durable transaction.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        base = Path(name)
        write_sentences(base / "sentences.conll", n)
        store = DatasetStore.create(base / "data.sqlite")
        report = import_file(store, importer, base / "sentences.conll", split="train")
        dataset = report.dataset.id
        close = _time(store.close)
        began = time.perf_counter()
        store = DatasetStore.open(base / "data.sqlite")
        ids = store.ids(dataset)
        store.get(ids[:50])
        opened = time.perf_counter() - began
        edits = [_time(partial(_edit, store, dataset, int(ids[i * 997 % n]), i)) for i in range(50)]
        undos = [_time(lambda: store.undo(dataset)) for _ in range(20)]
        pages = [_time(partial(store.get, ids[i : i + 60])) for i in range(0, n, max(1, n // 50))]
        result = {
            "sentences": n,
            "import_rate": round(report.records_per_second),
            "close_with_backup": close,
            "open": opened,
            "edit_median": statistics.median(edits),
            "edit_worst": max(edits),
            "undo_median": statistics.median(undos),
            "filter_label": _time(lambda: store.ids(dataset, Query(label=("ner", "LOC")))),
            "filter_text": _time(lambda: store.ids(dataset, Query(text="abc"))),
            "page_median": statistics.median(pages),
            "page_worst": max(pages),
            "statistics": _time(lambda: store.statistics(dataset)),
            "content_hash": _time(lambda: store.content_hash(dataset, "train")),
            "bytes": (base / "data.sqlite").stat().st_size,
        }
        store.close(keep_backup=False)
        return result


def _edit(store: DatasetStore, dataset: int, record: int, i: int) -> None:
    store.apply(dataset, SetSpan(record, "ner", 0, 1 + i % 3, _TYPES[i % 4]))
    store.get([record])


def _time(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
