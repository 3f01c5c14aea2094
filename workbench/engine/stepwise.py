"""The loss of a single step, whatever the task: what gradients through time are taken of.

L_s is the cross-entropy of the answer at step s where answers are labels or symbols, and half the squared error where
they are values. The right answer is the gold one where it is known, else the one the model itself gives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.api import Record
from workbench.engine.compose import Model
from workbench.nn.contract import Batch, Encoded, SymbolHead
from workbench.nn.protocols import KnowsGold


def answers_at(model: Model, encoded: Encoded, batch: Batch, steps: Tensor) -> Tensor | None:
    """(n, K) scores (of labels or symbols) or values, for step ``steps[i]`` of row i; None where they stand elsewhere.

    One answer for a whole record is that of any of its steps. Steps count the input, of which several may share a
    state.
    """
    rows = torch.arange(len(steps), device=encoded.states.device)
    places = (steps // int(getattr(model.encoder, "subsampling", 1))).to(rows.device)
    if isinstance(model.head, SymbolHead):
        return model.head.log_probabilities(encoded.states[rows, places])
    outputs: Tensor = model.head(encoded, batch).float()
    if outputs.ndim == 2:
        return outputs
    if outputs.ndim != 3 or outputs.shape[1] <= int(places.max()):
        return None
    return outputs[rows, places]


def answers_once(model: Model, encoded: Encoded, batch: Batch) -> bool:
    """Whether there is one answer for a whole record."""
    return not isinstance(model.head, SymbolHead) and model.head(encoded, batch).ndim == 2


def gold_at(model: Model, batch: Batch, records: Sequence[Record], steps: Tensor, *, labels: bool) -> Tensor | None:
    """The gold answers: (n,) indices with -1 for unknown ones or, of values, (n, K) with NaN; None without any."""
    task = model.task
    if isinstance(task, KnowsGold):
        known = {id(record): task.gold(record, model.codec) for record in records}
        found = [known[id(record)] for record in records]
        if all(gold is None for gold in found):
            return None
        chosen = [
            -1 if gold is None else int(gold[min(int(step), len(gold) - 1)])
            for gold, step in zip(found, steps.tolist(), strict=True)
        ]
        return torch.tensor(chosen, device=model.device)
    wanted = model.head.regression_targets(batch)
    if wanted is None:
        return None
    if wanted.ndim == 3:
        rows = torch.arange(len(steps), device=wanted.device)
        wanted = wanted[rows, steps.to(wanted.device)]
    unknown = torch.isnan(wanted).any(-1)
    if bool(unknown.all()):
        return None
    return torch.where(unknown, -1, wanted.nan_to_num(0.0).argmax(-1)) if labels else wanted


def losses_at(answers: Tensor, gold: Tensor | None, *, labels: bool) -> Tensor:
    """(n,) losses of ``answers`` (n, K) against ``gold`` as :func:`gold_at` gives it, or against themselves.

    Without a gold value, half the squared answer: what moves it at all.
    """
    if labels:
        targets = answers.detach().argmax(-1)
        if gold is not None:
            targets = torch.where(gold >= 0, gold, targets)
        return functional.cross_entropy(answers, targets, reduction="none")
    wanted = torch.zeros_like(answers) if gold is None else gold.nan_to_num(0.0)
    return 0.5 * (answers - wanted).square().sum(-1)


def has_labels(model: Model) -> bool:
    """Whether answers are scores of labels or symbols, and not values."""
    return isinstance(model.head, SymbolHead) or bool(model.task.output_labels(model.codec))


def last_steps(lengths: Tensor) -> Tensor:
    """The last step of each record."""
    return torch.from_numpy(np.asarray(lengths)) - 1
