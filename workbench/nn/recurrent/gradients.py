"""How much each hidden state matters: |∂L/∂hₜ|, which shows gradients vanish, explode or reach far back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.contract import Encoded
from workbench.nn.masks import reversal_index, reverse_by_length, sequence_mask
from workbench.nn.recurrent.encoder import RecurrentEncoder


def hidden_gradient_norms(
    encoder: RecurrentEncoder, x: Tensor, lengths: Tensor, loss_of: Callable[[Encoded], Tensor]
) -> NDArray[np.float32]:
    """(B, T) Euclidean norms of ∂L/∂hₜ for the states of the last recurrent layer, zeros beyond each length.

    The derivative is the total one: through the output at t and through all later steps. ``x`` (B, T, D);
    ``loss_of(encoded)`` is the scalar loss. Both directions of a bidirectional layer count together at their position.
    The encoder should be in evaluation mode, or its dropout is part of the answer.
    """
    with torch.enable_grad():
        encoded, recorded = encoder.forward_recorded(x.detach(), lengths)
        flat = [state for direction in recorded for state in direction]
        found = torch.autograd.grad(loss_of(encoded), flat, allow_unused=True)
    gradients = [torch.zeros_like(state) if item is None else item for state, item in zip(flat, found, strict=True)]
    steps = x.shape[1]
    squares = torch.stack(gradients[:steps], dim=1).square().sum(2)  # (B, T)
    if len(recorded) == 2:
        back = torch.stack(gradients[steps:], dim=1)
        index = reversal_index(lengths, steps, x.device)
        squares = squares + reverse_by_length(back, index).square().sum(2)
    norms: NDArray[np.float32] = (squares.sqrt() * sequence_mask(lengths, steps, x.device)).float().cpu().numpy()
    return norms
