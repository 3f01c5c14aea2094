"""What a worker that stands still answers: invented figures and traces, for pictures and for the tests that look."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any, cast

from workbench.api import LayerTrace, Report, TaggedTokens, TokenLabels, Trace

SENTENCE = ("John", "lives", "in", "London", "and", "works", "for", "Acme", ".")
_LABELS = ("B-PER", "O", "O", "B-LOC", "O", "O", "O", "B-ORG", "O")
_UNITS = 48


def report(split: str = "validation") -> Report:
    """An evaluation as a middling tagger would have it; every error there is can be seen in it."""
    labels = ("LOC", "MISC", "ORG", "PER")
    table = tuple(
        {"label": label, "precision": p, "recall": r, "f1": 2 * p * r / (p + r), "support": n, "predicted": n - 7}
        for label, p, r, n in zip(
            labels, (0.871, 0.62, 0.734, 0.912), (0.85, 0.584, 0.701, 0.897), (412, 98, 377, 455), strict=True
        )
    )
    confusion = (
        (350, 6, 31, 5, 20),
        (9, 57, 12, 4, 16),
        (33, 8, 264, 19, 53),
        (4, 2, 15, 408, 26),
        (24, 14, 46, 18, 9841),
    )
    return Report(
        split=split,
        n_records=500,
        n_tokens=11_320,
        metrics={"entity_f1": 0.802, "precision": 0.818, "recall": 0.787, "token_accuracy": 0.968},
        table=table,
        confusion_labels=(*labels, "O"),
        confusion=confusion,
        examples=tuple(
            _example(number, errors, gold, found)
            for number, (errors, gold, found) in enumerate(
                (
                    (3, _LABELS, ("B-ORG", "O", "O", "B-PER", "O", "O", "O", "O", "O")),
                    (1, _LABELS, ("B-PER", "O", "O", "B-ORG", "O", "O", "O", "B-ORG", "O")),
                    (1, _LABELS, ("B-PER", "O", "O", "B-LOC", "O", "O", "B-ORG", "I-ORG", "O")),
                ),
                1,
            )
        ),
        protocol={"layer": "ner", "scoring": "conlleval"},
    )


def _example(number: int, errors: int, gold: tuple[str, ...], found: tuple[str, ...]) -> dict[str, Any]:
    return {
        "record_id": number,
        "gold": TaggedTokens(SENTENCE, {"ner": gold}).to_json(),
        "result": TokenLabels(SENTENCE, found, (0.8,) * len(SENTENCE), layer="ner").to_json(),
        "errors": errors,
        "loss": 1.7 * errors,
    }


def trace() -> Mapping[str, Any]:
    """The answer of the job ``trace``: a description, and arrays in a file that the reader deletes."""
    import numpy as np

    random = np.random.default_rng(7)
    steps = len(SENTENCE)
    cell = np.cumsum(random.normal(scale=0.5, size=(steps, _UNITS)), axis=0)
    gates = {
        name: 1 / (1 + np.exp(-random.normal(centre, 1.0, size=(steps, _UNITS))))
        for name, centre in (("input", 0.0), ("forget", 1.0), ("output", 0.3))
    }
    layers = (
        LayerTrace("layer 1", "forward", gates["output"] * np.tanh(cell), gates, cell),
        LayerTrace("layer 1", "backward", np.tanh(cell[::-1]), gates, cell[::-1]),
    )
    outputs = random.dirichlet(np.full(4, 0.3), steps)
    through = np.exp(-np.abs(np.subtract.outer(np.arange(steps), np.arange(steps))) / 2.0)
    shown = Trace(
        steps=SENTENCE,
        layers=layers,
        outputs=outputs,
        output_labels=("O", "B-PER", "B-LOC", "B-ORG"),
        predicted=_LABELS,
        gradient=through[-1],
        gradient_through_time={"forward": np.tril(through), "backward": np.triu(through)},
        gradient_steps=np.arange(steps),
        gradient_note="The loss is taken against the predicted label.",
    )
    description, arrays = shown.to_arrays()
    handle, path = tempfile.mkstemp(prefix="recurra-trace-", suffix=".npz")
    with os.fdopen(handle, "wb") as file:
        np.savez(file, **cast(dict[str, Any], arrays))
    return {"description": description, "arrays": path, "epoch": 7}
