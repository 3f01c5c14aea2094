"""Dropout on the weights that multiply the state: the same connections are cut at every step of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from workbench.api import WorkbenchError
from workbench.nn.recurrent.base import RecurrentLayer, State

Recorded = list[tuple[Tensor, ...]]
"""States of the last layer as separate tensors, one tuple (an entry a direction) for each step of the layer's scan."""


class WeightDropout(nn.Module):
    """Runs a layer with some of its recurrent weights silenced: drawn once a forward pass, never in evaluation.

    Source: Wan et al. (2013), "Regularization of neural networks using DropConnect"; on recurrent matrices: Merity,
    Keskar & Socher (2018), "Regularizing and optimizing LSTM language models". A mask on the state would have to be
    applied at each step; one on the weights leaves the layer's fused kernel as it is. The layer's own parameters are
    never touched (they are replaced for the call only), so it copies, saves and loads as ever, and this module has no
    state of its own.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def check(self, layer: RecurrentLayer, cell: str) -> None:
        """Refuse a layer that has nothing to drop, with a :class:`WorkbenchError`."""
        if self.probability > 0 and not layer.recurrent_weights:
            raise WorkbenchError(
                f"A layer of {cell} cells has no recurrent weight matrix to drop.",
                why="Its state is carried from step to step without a product with weights.",
                fix="Set its weight dropout to 0, or use its dropout instead.",
            )

    @property
    def active(self) -> bool:
        """Whether weights are dropped now."""
        return self.training and self.probability > 0

    def draw(self, layer: RecurrentLayer) -> dict[str, Tensor]:
        """The recurrent weights with a fresh mask, scaled so that their sum is the same on average; by name."""
        if not self.active:
            return {}
        return {name: self._dropped(layer.get_parameter(name)) for name in layer.recurrent_weights}

    def _dropped(self, weight: Tensor) -> Tensor:
        # by comparing uniform numbers: on a CPU several times faster than drawing zeros and ones, and this is millions
        kept = torch.rand(weight.shape, device=weight.device) >= self.probability
        return weight * kept.to(weight.dtype).mul_(1.0 / (1.0 - self.probability))

    def forward(
        self, layer: RecurrentLayer, x: Tensor, lengths: Tensor, state: State = None, recorded: Recorded | None = None
    ) -> tuple[Tensor, State]:
        """What ``layer(x, lengths, state)`` yields.

        With ``recorded`` the layer runs step by step, and its states are added there one by one.
        """
        dropped = self.draw(layer)
        if recorded is not None:
            stepwise = _Stepwise(layer)
            named = {f"layer.{name}": weight for name, weight in dropped.items()}
            hidden: list[Tensor] = functional_call(stepwise, named, (x, state)) if named else stepwise(x, state)
            recorded.append(tuple(hidden))
            return torch.stack(hidden, dim=1), None
        result: tuple[Tensor, State]
        result = functional_call(layer, dropped, (x, lengths, state)) if dropped else layer(x, lengths, state)
        return result

    def extra_repr(self) -> str:
        return f"probability={self.probability}"


class _Stepwise(nn.Module):
    """A layer as its steps: ``x`` (B, T, D) → T states (B, H), each the very tensor from which the next went on."""

    def __init__(self, layer: RecurrentLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, state: State) -> list[Tensor]:
        state = self.layer.zero_state(x) if state is None else state
        hidden: list[Tensor] = []
        for step in x.unbind(1):
            # the state goes on through the very tensor that is recorded, so its gradient counts every later step too
            h, state = self.layer.step(step, state)
            hidden.append(h)
        return hidden
