"""How the dataset editor holds up with 100,000 sentences: opening, scrolling, an edit, a search. Off screen.

``python -m workbench.shell.stages.data.bench [COUNT]`` prints the figures as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.api import TaggedTokens


def sentences(count: int) -> Iterator[tuple[str, str, TaggedTokens]]:
    """``count`` sentences of 8 to 39 words with two entities, cheap to make."""
    words = [f"word{i}" for i in range(997)]
    for number in range(count):
        length = 8 + number * 7 % 32
        tokens = tuple(words[(number * 31 + i * 17) % 997] for i in range(length))
        tags = ["O"] * length
        tags[0:2] = ["B-PER", "I-PER"]
        tags[5] = "B-LOC"
        yield ("train", "validation", "train", "test")[number % 4], f"doc{number // 40}", TaggedTokens(
            tokens, {"ner": tuple(tags)}
        )


def run(count: int = 100_000, folder: Path | None = None) -> dict[str, Any]:
    """Milliseconds: to show the dataset, of each scroll step (worst and 99th percentile), of an edit, of a search."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from workbench.data import DatasetStore, Query, SetSpan
    from workbench.data.importing import import_records
    from workbench.shell.stages.data.dataset_editor import RecordsTable
    from workbench.shell.stages.data.record_delegate import RecordDelegate
    from workbench.shell.stages.data.records_model import RecordsModel
    from workbench.shell.theme import Theme
    from workbench.shell.tokens.labelling import LabelColours

    app = QApplication.instance() or QApplication([])
    theme = Theme("light")
    with tempfile.TemporaryDirectory() as temporary:
        path = (folder or Path(temporary)) / "data.sqlite"
        store = DatasetStore.create(path)
        began = time.perf_counter()
        dataset = import_records(
            store, "bench", TaggedTokens.KIND, sentences(count), layers={"ner": {"kind": "span"}}
        ).dataset
        imported = time.perf_counter() - began
        store.close(keep_backup=False)

        began = time.perf_counter()
        store = DatasetStore.open(path)
        table, model = RecordsTable(), RecordsModel()
        model.show(store, store.ids(dataset.id), ["ner"])
        delegate = RecordDelegate(theme, LabelColours(), table)
        delegate.layer = "ner"
        table.setModel(model)
        table.setItemDelegateForColumn(1, delegate)
        table.verticalHeader().setDefaultSectionSize(28)
        table.setColumnWidth(1, 420)
        table.resize(780, 360)
        table.show()
        app.processEvents()
        opened = time.perf_counter() - began

        steps: list[float] = []
        bar = table.verticalScrollBar()
        for i in range(200):
            began = time.perf_counter()
            # every other step jumps across the whole, so that no page is in memory
            bar.setValue(int(bar.maximum() * ((i * 37 % 200) / 200)) if i % 2 else bar.value() + 3)
            table.viewport().repaint()
            steps.append(time.perf_counter() - began)
        edits: list[float] = []
        for i in range(20):
            began = time.perf_counter()
            outcome = store.apply(dataset.id, SetSpan(model.id_at(i * 1000 % count), "ner", 2, 4, "ORG"))
            model.refresh(outcome.record_ids)
            table.viewport().repaint()
            edits.append(time.perf_counter() - began)
        began = time.perf_counter()
        found = store.ids(dataset.id, Query(text="word500 word517"))
        searched = time.perf_counter() - began
        loop = QEventLoop()
        QTimer.singleShot(0, loop.quit)
        loop.exec()
        table.close()
        table.deleteLater()
        store.close(keep_backup=False)
    ordered = sorted(steps)
    return {
        "sentences": count,
        "import_sentences_per_second": round(count / imported),
        "open_ms": round(1000 * opened, 1),
        "scroll_p99_ms": round(1000 * ordered[int(0.99 * len(ordered)) - 1], 2),
        "scroll_worst_ms": round(1000 * ordered[-1], 2),
        "edit_median_ms": round(1000 * sorted(edits)[len(edits) // 2], 2),
        "edit_worst_ms": round(1000 * max(edits), 2),
        "search_ms": round(1000 * searched, 1),
        "search_found": len(found),
    }


if __name__ == "__main__":
    figures = run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    sys.stdout.write(json.dumps(figures) + "\n")
