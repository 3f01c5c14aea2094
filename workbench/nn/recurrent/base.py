"""What every recurrent layer is to the stack above it: one direction of one family of cells."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

State = Any
Array = NDArray[np.float32]


class RecurrentLayer(nn.Module, ABC):
    """``forward(x (B, T, D), lengths, state)`` → states (B, T, O), not masked, and the state after each last step.

    O is ``output_size``: ``hidden_size`` H unless a projection makes it smaller. ``state`` is h (B, O), or a tuple
    whose first entry is h, (h, c) for what has a cell; every tensor in it is (B, …). A state of None starts from
    zeros. ``gates`` names what :meth:`trace` shows. ``recurrent_weights`` names, as parameters of this layer, the
    matrices that multiply the state: what recurrent weight dropout drops (by ``torch.func.functional_call`` on the
    layer, which every layer allows); empty where there are none.
    """

    gates: tuple[str, ...] = ()
    recurrent_weights: tuple[str, ...] = ()

    def __init__(self, hidden_size: int, output_size: int | None = None) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.output_size = hidden_size if output_size is None else output_size

    @property
    @abstractmethod
    def weights(self) -> tuple[Tensor, ...]:
        """Input (G·H, D) and recurrent (G·H, O) weights first, where the family has them; then biases and others."""

    def zero_state(self, x: Tensor) -> State:
        """A state of zeros for the rows of ``x`` (B, …)."""
        return x.new_zeros(x.shape[0], self.output_size)

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]: ...

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """``x`` (B, D) and a state → h (B, O) and the next state."""

    @abstractmethod
    def trace(self, x: Array) -> Mapping[str, Array]:
        """One sequence (T, D) step by step: "states" (T, O), each gate of ``gates`` (T, H), "cell" (T, H) if any."""


class TorchLayer(RecurrentLayer):
    """A layer whose weights live in torch's own module ``core``, under their usual names."""

    core: nn.RNNBase
    recurrent_weights = ("core.weight_hh_l0",)

    def __init__(self, core: nn.RNNBase) -> None:
        super().__init__(core.hidden_size, core.proj_size or core.hidden_size)
        self.core = core

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Input (G·H, D) and recurrent (G·H, H) weights, and the two biases (G·H,)."""
        core: Any = self.core
        return core.weight_ih_l0, core.weight_hh_l0, core.bias_ih_l0, core.bias_hh_l0

    def _arrays(self) -> tuple[Array, Array, Array, Array]:
        first, second, third, fourth = (part.detach().float().cpu().numpy() for part in self.weights)
        return first, second, third, fourth

    def _by_torch(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """All steps by torch's own kernel; ``x`` may be packed.

        cuDNN refuses gradients outside training, so a saliency in evaluation goes without it.
        """
        plain = x.is_cuda and torch.is_grad_enabled() and not self.training
        with torch.backends.cudnn.flags(enabled=False) if plain else contextlib.nullcontext():
            states, after = self.core(x, state)
        return states, after


def sigmoid(x: Array) -> Array:
    """The logistic function in NumPy, by tanh, which does not overflow."""
    return cast(Array, 0.5 * np.tanh(0.5 * x) + 0.5)
