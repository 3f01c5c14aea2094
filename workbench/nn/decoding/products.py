"""Products of a step of writing by the faster of the two kernels that torch brings.

torch takes MKL for a product of float32 matrices, and MKL takes its best kernels on Intel's processors only: on an AMD
EPYC with AVX-512 the kernel of oneDNN, which torch brings too, is 2.3 times as fast. It is asked for here, for as long
as a step of writing lasts and where there is no gradient to keep. The sums are the same but for their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from workbench.nn.products import available as available
from workbench.nn.products import filled_linear

LEAST = 1 << 22
"""Multiplications of a product that is worth it. (The first of new sizes makes its kernel, which takes some 0.3 ms.)"""
LARGE, SOME = 1 << 18, 1 << 13
"""Values of a softmax that is given memory to keep, and of a tanh that is worth more calls."""
PLAIN = (Tensor, nn.Parameter)


def largest_matrix(modules: Iterable[nn.Module]) -> int:
    """Weights of the largest matrix of ``modules``: what says how many rows are worth it."""
    return max((p.numel() for module in modules for p in module.parameters() if p.dim() == 2), default=0)


class StepProducts(TorchFunctionMode):
    """While it is active, ``linear`` and the cells of LSTM and GRU use oneDNN where that is worth it.

    All else is torch's own. A large softmax is written where that of the step before stood: to be given new memory page
    by page takes longer than the softmax itself. Enter it under ``torch.no_grad`` and without autocast only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.empty(0)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if not kwargs:
            if func is functional.linear and len(args) == 3 and _suits(args[0], args[1]):
                return filled_linear(*args)
            if func is torch.lstm_cell and len(args) == 6 and _suits(args[0], args[2], args[3]):
                return _lstm(*args)
            if func is torch.gru_cell and len(args) == 6 and _suits(args[0], args[2], args[3]):
                return _gru(*args)
            if func is Tensor.tanh and args[0].numel() >= SOME and _is_plain(args[0]):
                return _tanh_(args[0].clone())
            if func is Tensor.log_softmax and len(args) == 2 and _is_large(*args):
                return self._log_softmax(args[0])
        return func(*args, **(kwargs or {}))

    def _log_softmax(self, scores: Tensor) -> Tensor:
        if self.kept.numel() < scores.numel():
            self.kept = torch.empty(scores.numel())
        return torch.log_softmax(scores, 1, out=self.kept[: scores.numel()].view_as(scores))


def _is_large(scores: Tensor, dim: int) -> bool:
    return scores.dim() == 2 and dim in (1, -1) and scores.numel() >= LARGE and _is_plain(scores)


def _suits(x: Tensor, *weights: Tensor) -> bool:
    return (
        x.dim() == 2
        and x.shape[0] * sum(weight.numel() for weight in weights) >= LEAST
        and _is_plain(x)
        and all(type(weight) in PLAIN and weight.is_contiguous() and _is_plain(weight) for weight in weights)
    )


def _is_plain(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu"


def _tanh_(x: Tensor) -> Tensor:
    """In place, as 2 σ(2x) - 1: to the last digits of 1 the same, and torch's sigmoid is ten times as fast."""
    return x.mul_(2.0).sigmoid_().mul_(2.0).sub_(1.0)


def _lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weight_x: Tensor, weight_h: Tensor, bias_x: Tensor, bias_h: Tensor
) -> tuple[Tensor, Tensor]:
    hidden, cell = state
    gates = filled_linear(x, weight_x, bias_x).add_(filled_linear(hidden, weight_h, bias_h))
    size = hidden.shape[1]
    admit, keep = gates[:, : 2 * size].sigmoid_().chunk(2, 1)
    candidate, emit = _tanh_(gates[:, 2 * size : 3 * size]), gates[:, 3 * size :].sigmoid_()
    cell = (keep * cell).add_(candidate.mul_(admit))
    return _tanh_(cell.clone()).mul_(emit), cell


def _gru(x: Tensor, hidden: Tensor, weight_x: Tensor, weight_h: Tensor, bias_x: Tensor, bias_h: Tensor) -> Tensor:
    size = hidden.shape[1]
    of_x, of_h = filled_linear(x, weight_x, bias_x), filled_linear(hidden, weight_h, bias_h)
    reset, update = of_x[:, : 2 * size].add_(of_h[:, : 2 * size]).sigmoid_().chunk(2, 1)
    candidate = _tanh_(of_x[:, 2 * size :].add_(of_h[:, 2 * size :].mul_(reset)))
    return (hidden - candidate).mul_(update).add_(candidate)
