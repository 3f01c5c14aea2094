"""The gradient of a trace: how much each earlier state, node or source word matters to the loss of one step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.api import Record
from workbench.api.trace import Array
from workbench.engine.compose import Model
from workbench.engine.stepwise import answers_at, answers_once, gold_at, has_labels, losses_at
from workbench.nn.contract import (
    Batch,
    Encoded,
    Encoder,
    EncoderDecoder,
    Encoding,
    PairInputs,
    State,
    SymbolHead,
    TreeEncoder,
    TreeInputs,
)
from workbench.nn.recurrent import step_gradient_norms

MATRIX_STEPS = 200
"""Longer sequences get the gradient of their last step's loss only, not that of every step."""
TREE_NODES = 2000
"""Larger trees get the gradient of their root's loss by their nodes' inputs, not by their states."""
SOURCE_CELLS = 20_000
"""Source steps of all copies that are held in memory for one backward pass."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """``norms`` (S, T) by direction, for the steps ``steps`` (S,); ``last`` (T,) is that of the last step."""

    norms: dict[str, Array] = field(default_factory=dict)
    steps: Array | None = None
    last: Array | None = None
    note: str = ""


def _told(norms: dict[str, Array], steps: list[int], note: str) -> Gradient:
    last = np.sqrt(sum(values[-1].astype(np.float64) ** 2 for values in norms.values())).astype(np.float32)
    return Gradient(norms, np.array(steps), last, note)


def _against(*, labels: bool, gold: bool) -> str:
    if labels:
        return f"The loss is taken against the {'gold label' if gold else 'label the model itself gives'}."
    if gold:
        return "The loss is half the squared error against the gold value."
    return "There is no gold value to compare with: what is shown is the gradient of half the squared answer."


def sequence_gradient(model: Model, encoding: Encoding, batch: Batch, record: Record) -> Gradient:
    """|∂L_s/∂h_t| of every step s (of the last alone in a long sequence, or where there is one answer for the whole).

    With a CRF the answers are its scores at the step: a way through its transitions would not be the network's memory.
    """
    length = int(batch.lengths[0])
    assert isinstance(model.encoder, Encoder)
    x = model.embedder(batch)
    assert isinstance(x, Tensor)
    x = x[:, :length]
    encoded = model.encoder(x, batch.lengths)
    labels, once = has_labels(model), answers_once(model, encoded, batch)
    last = torch.tensor([length - 1])
    answers = answers_at(model, encoded, batch, last)
    if answers is None:
        return Gradient(note="This model gives no answer at a step, so a step has no loss to differentiate.")
    steps = list(range(length)) if length <= MATRIX_STEPS and not once else [length - 1]
    at = torch.tensor(steps)

    def copies_of(count: int) -> Batch:
        return model.codec.collate([encoding] * count).to(model.device)

    gold = gold_at(model, copies_of(len(steps)), [record] * len(steps), at, labels=labels)
    wanted = None if gold is None else dict(zip(steps, gold, strict=True))

    def losses(encoded: Encoded, rows: Tensor) -> Tensor:
        here = answers_at(model, encoded, copies_of(len(rows)), rows)
        assert here is not None
        right = None if wanted is None else torch.stack([wanted[int(row)] for row in rows])
        return losses_at(here, right, labels=labels)

    norms = step_gradient_norms(model.encoder, x, losses, steps)
    note = _against(labels=labels, gold=gold is not None)
    if "input" in norms:
        note += " This network's states cannot be asked one by one: what is shown is |∂L_s/∂x_t|, of its inputs."
    if once:
        note += " There is one answer for the whole sequence, given after its last step."
    elif len(steps) < length:
        note += f" A sequence of more than {MATRIX_STEPS} steps: for the loss of the last step only."
    return _told(dict(norms), steps, note)


def tree_gradient(
    model: Model, batch: Batch, record: Record, inputs: TreeInputs, parents: Array | None
) -> Gradient:
    """|∂L_root/∂h| of the state of every node: the tree is composed once more node by node, each state kept."""
    network = model.encoder
    assert isinstance(network, TreeEncoder)
    length = int(batch.lengths[0])
    root = torch.tensor([length - 1])
    labels = has_labels(model)
    gold = gold_at(model, batch, [record], root, labels=labels)

    def norms_of(encoded: Encoded, wanted: list[Tensor]) -> list[Tensor] | None:
        answers = answers_at(model, encoded, batch, root)
        if answers is None:
            return None
        loss = losses_at(answers, gold, labels=labels).sum()
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        return [torch.zeros_like(h) if g is None else g for h, g in zip(wanted, found, strict=True)]

    note = _against(labels=labels, gold=gold is not None) + " It is the loss at the root, by the state of each node."
    with torch.enable_grad():
        if parents is not None and length <= TREE_NODES:
            states = _composed(network, inputs.x[0, :length].detach(), parents)
            stacked = torch.stack([h[0] for h in states])[None]
            whole = network(inputs, batch.lengths)
            if stacked.shape == whole.states[:, :length].shape and torch.allclose(
                stacked[:, -1], whole.final, atol=1e-4
            ):
                found = norms_of(Encoded(stacked, batch.lengths, states[-1]), states)
                if found is None:
                    return Gradient(note="This model gives no answer at the root: there is no loss to differentiate.")
                norms = torch.cat([g.norm(dim=1) for g in found]).float().cpu().numpy()
                return _told({"upward": norms[None]}, [length - 1], note)
        x = inputs.x.detach().requires_grad_(True)
        found = norms_of(network(replace(inputs, x=x), batch.lengths), [x])
    if found is None:
        return Gradient(note="This model gives no answer at the root: there is no loss to differentiate.")
    norms = found[0][0, :length].norm(dim=1).float().cpu().numpy()
    note = note.replace("by the state of each node", "by the word of each node (its states cannot be asked one by one)")
    return _told({"input": norms[None]}, [length - 1], note)


def _composed(network: TreeEncoder, x: Tensor, parents: Array) -> list[Tensor]:
    """h (1, H) of every node in post-order, each the very tensor its parent was composed of."""
    children: list[list[State]] = [[] for _ in parents]
    hidden: list[Tensor] = []
    worded = x.abs().sum(1).ne(0).tolist()
    for node, parent in enumerate(parents.tolist()):
        below = children[node]
        token = x[node : node + 1] if worded[node] or not below else None
        state = network.compose(below, token)
        hidden.append(state[0] if isinstance(state, tuple) else state)
        if parent >= 0:
            children[parent].append(state)
        children[node] = []
    # a root without a way to its leaves (a single word) still has a state to ask
    return [h if h.requires_grad else h.requires_grad_(True) for h in hidden]


def pair_gradient(model: Model, inputs: PairInputs, batch: Batch) -> Gradient:
    """|∂L_s/∂x_i|: of the loss of each written symbol s, by the word i of the source; what came before is given."""
    network = model.encoder
    assert isinstance(network, EncoderDecoder)
    assert inputs.targets is not None
    assert inputs.target_lengths is not None
    if not isinstance(model.head, SymbolHead):
        return Gradient(note="This model's answers are no symbols, so a written step has no loss to differentiate.")
    length, count = int(batch.lengths[0]), int(inputs.target_lengths[0])
    steps = list(range(count))
    parts: list[Tensor] = []
    at_once = max(1, SOURCE_CELLS // max(1, length + count))
    for start in range(0, count, at_once):
        rows = torch.tensor(steps[start : start + at_once], device=model.device)
        copies = len(rows)
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            source = inputs.source[:, :length].detach().expand(copies, -1, -1).contiguous().requires_grad_(True)
            forced = PairInputs(source, inputs.targets.detach().expand(copies, -1, -1), torch.full((copies,), count))
            encoded = network(forced, torch.full((copies,), length))
            answers = model.head.log_probabilities(encoded.states[torch.arange(copies, device=rows.device), rows])
            loss = functional.nll_loss(answers, answers.detach().argmax(-1), reduction="sum")
            (found,) = torch.autograd.grad(loss, source)
        parts.append(found.norm(dim=2))
    norms = torch.cat(parts).float().cpu().numpy()
    note = (
        "The loss of a written symbol is taken against the one the model itself gives; what is shown is |∂L_s/∂x_i|, "
        "of the words of the source."
    )
    return _told({"input": norms}, steps, note)
