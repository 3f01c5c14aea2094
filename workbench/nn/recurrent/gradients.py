"""How much each hidden state matters: |∂L/∂hₜ|, which shows gradients vanish, explode or reach far back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.contract import Encoded, Encoder
from workbench.nn.masks import reversal_index, reverse_by_length, sequence_mask
from workbench.nn.recurrent.weight_dropout import Recorded

CELLS_AT_ONCE = 6400
"""Steps of all copies of the sequence that are held in memory for one backward pass."""


@runtime_checkable
class RecordingEncoder(Protocol):
    """An encoder whose hidden states can be asked for a gradient one by one.

    ``forward_recorded(x, lengths)`` answers as ``forward`` does, with the states of its last layer beside it: a tuple
    of (B, H) tensors in the order of the scan, for the forward direction and, where there is one, for the backward
    one, each the very tensor from which the next step went on. An encoder whose last layer reads otherwise (backward
    only) names its directions in ``recorded_directions``; one that subsamples records ⌈T / ``subsampling``⌉ states.
    """

    def forward_recorded(self, x: Tensor, lengths: Tensor) -> tuple[Encoded, Recorded]: ...


def hidden_gradient_norms(
    encoder: RecordingEncoder, x: Tensor, lengths: Tensor, loss_of: Callable[[Encoded], Tensor]
) -> NDArray[np.float32]:
    """(B, T) Euclidean norms of ∂L/∂hₜ for the states of the last recurrent layer, zeros beyond each length.

    The derivative is the total one: through the output at t and through all later steps. ``x`` (B, T, D);
    ``loss_of(encoded)`` is the scalar loss. Both directions of a bidirectional layer count together at their position.
    A state that stands for several inputs (time subsampling) counts at each of them. The encoder should be in
    evaluation mode, or its dropout is part of the answer.
    """
    with torch.enable_grad():
        encoded, recorded = encoder.forward_recorded(x.detach(), lengths)
        flat = [state for direction in recorded for state in direction]
        found = torch.autograd.grad(loss_of(encoded), flat, allow_unused=True)
    gradients = [torch.zeros_like(state) if item is None else item for state, item in zip(flat, found, strict=True)]
    steps, count = x.shape[1], len(recorded[0])  # steps of the input and of the states
    squares = torch.zeros(x.shape[0], count, device=x.device, dtype=flat[0].dtype)
    for place, direction in enumerate(_directions(encoder, recorded)):
        part = torch.stack(gradients[place * count : (place + 1) * count], dim=1)
        if direction == "backward":
            part = reverse_by_length(part, reversal_index(encoded.lengths, count, x.device))
        squares = squares + part.square().sum(2)
    spread = _spread(encoder, squares, steps)
    norms: NDArray[np.float32] = (spread.sqrt() * sequence_mask(lengths, steps, x.device)).float().cpu().numpy()
    return norms


def _directions(encoder: object, recorded: Recorded) -> tuple[str, ...]:
    named: tuple[str, ...] = getattr(encoder, "recorded_directions", ("forward", "backward"))
    return named[: len(recorded)]


def _spread(encoder: object, values: Tensor, steps: int) -> Tensor:
    """(B, T') of states → (B, ``steps``) of inputs: each state at every input it stands for."""
    factor = int(getattr(encoder, "subsampling", 1))
    return values if factor == 1 else values.repeat_interleave(factor, dim=1)[:, :steps]


def step_gradient_norms(
    encoder: Encoder, x: Tensor, losses: Callable[[Encoded, Tensor], Tensor], steps: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    """(S, T) norms |∂L_s/∂h_t| of the losses of single steps of one sequence, for each direction of the last layer.

    ``x`` (1, T, D) is read by as many copies of the sequence as there are ``steps``, each with the loss of its own
    step, so that one backward pass answers for all. ``losses(encoded, rows)`` is given the copies' answer and their
    steps (n,) and returns their losses (n,). The derivative is the total one: through the output at t and through
    all states after it. Keys are "forward" and "backward"; an encoder that cannot record its states (see
    :class:`RecordingEncoder`) yields "input" instead: |∂L_s/∂x_t|.
    """
    length = x.shape[1]
    at_once = max(1, CELLS_AT_ONCE // length)
    parts: list[dict[str, Tensor]] = []
    for start in range(0, len(steps), at_once):
        rows = torch.tensor(steps[start : start + at_once], device=x.device)
        lengths = torch.full((len(rows),), length)
        copies = x.detach().expand(len(rows), -1, -1).contiguous()
        # cuDNN refuses a backward pass outside training
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            if isinstance(encoder, RecordingEncoder):
                encoded, recorded = encoder.forward_recorded(copies, lengths)
            else:
                copies.requires_grad_(True)
                encoded, recorded = encoder(copies, lengths), [(copies,)]
            flat = [state for direction in recorded for state in direction]
            found = torch.autograd.grad(losses(encoded, rows).sum(), flat, allow_unused=True)
        whole = [torch.zeros_like(state) if item is None else item for state, item in zip(flat, found, strict=True)]
        if not isinstance(encoder, RecordingEncoder):
            parts.append({"input": whole[0].norm(dim=2)})
            continue
        norms = torch.stack([item.norm(dim=1) for item in whole], dim=1)  # (S, T') or (S, 2 T'), in the scan's order
        count = len(recorded[0])
        part = {}
        for place, direction in enumerate(_directions(encoder, recorded)):
            scanned = norms[:, place * count : (place + 1) * count]
            part[direction] = _spread(encoder, scanned.flip(1) if direction == "backward" else scanned, length)
        parts.append(part)
    return {name: torch.cat([part[name] for part in parts]).float().cpu().numpy() for name in parts[0]}
