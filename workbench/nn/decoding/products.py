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

LEAST = 1 << 24
"""Multiplications of a product that is worth it: a first product of new sizes makes its kernel, some 0.3 ms."""
PLAIN = (Tensor, nn.Parameter)


def available() -> bool:
    """Whether this torch has the kernel: on x86, built with oneDNN."""
    if not torch._C._has_mkldnn or not torch.backends.mkldnn.enabled:
        return False
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and "AVX" in torch.backends.cpu.get_cpu_capability()


def largest_matrix(modules: Iterable[nn.Module]) -> int:
    """Weights of the largest matrix of ``modules``: what says how many rows are worth it."""
    return max((p.numel() for module in modules for p in module.parameters() if p.dim() == 2), default=0)


class StepProducts(TorchFunctionMode):
    """While it is active, ``linear`` and the cells of LSTM and GRU use oneDNN where that is worth it.

    All else is torch's own. Enter it under ``torch.no_grad`` and without autocast only.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if not kwargs:
            if func is functional.linear and len(args) == 3 and _suits(args[0], args[1]):
                return _linear(*args)
            if func is torch.lstm_cell and len(args) == 6 and _suits(args[0], args[2]) and _suits(args[1][0], args[3]):
                return _lstm(*args)
            if func is torch.gru_cell and len(args) == 6 and _suits(args[0], args[2]) and _suits(args[1], args[3]):
                return _gru(*args)
        return func(*args, **(kwargs or {}))


def _suits(x: Tensor, weight: Tensor) -> bool:
    return (
        x.dim() == 2
        and x.shape[0] * weight.numel() >= LEAST
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and type(weight) in PLAIN
        and weight.is_contiguous()
    )


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return found


def _lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weight_x: Tensor, weight_h: Tensor, bias_x: Tensor, bias_h: Tensor
) -> tuple[Tensor, Tensor]:
    hidden, cell = state
    gates = _linear(x, weight_x, bias_x).add_(_linear(hidden, weight_h, bias_h))
    size = hidden.shape[1]
    admit, keep = gates[:, : 2 * size].sigmoid_().chunk(2, 1)
    candidate, emit = gates[:, 2 * size : 3 * size].tanh_(), gates[:, 3 * size :].sigmoid_()
    cell = (keep * cell).add_(candidate.mul_(admit))
    return cell.tanh().mul_(emit), cell


def _gru(x: Tensor, hidden: Tensor, weight_x: Tensor, weight_h: Tensor, bias_x: Tensor, bias_h: Tensor) -> Tensor:
    size = hidden.shape[1]
    of_x, of_h = _linear(x, weight_x, bias_x), _linear(hidden, weight_h, bias_h)
    reset, update = of_x[:, : 2 * size].add_(of_h[:, : 2 * size]).sigmoid_().chunk(2, 1)
    candidate = of_x[:, 2 * size :].add_(of_h[:, 2 * size :].mul_(reset)).tanh_()
    return (hidden - candidate).mul_(update).add_(candidate)
