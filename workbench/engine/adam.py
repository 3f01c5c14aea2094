"""Adam in torch's fused form, without the bookkeeping that torch does around it in every step.

On a small network that bookkeeping (grouping tensors by device and type, profiler records, checks of options) takes
several times as long as the update itself. The arithmetic is torch's own kernel, called with the same numbers in the
same order, so weights are the same to the last bit; the state is kept as torch keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Plan:
    """The tensors of one group, in the order the kernel is given them."""

    group: dict[str, Any]
    parameters: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    steps: list[Tensor]


class FusedAdam(torch.optim.Adam):
    """``torch.optim.Adam(..., fused=True)`` for parameters of one device and type that all get a gradient in a step.

    A step in which that is not so, and one with a closure or hooks, is torch's own.
    """

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr=lr, fused=True)
        self._plans: list[_Plan] = []
        self._planned_for: object = None

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        plans = self._plan() if closure is None else None
        if plans is None:
            self._planned_for = None
            found_loss: float | None = super().step(closure)
            return found_loss
        gradients: list[list[Tensor]] = []
        for plan in plans:
            found = [parameter.grad for parameter in plan.parameters]
            told = [gradient for gradient in found if gradient is not None]
            if len(told) < len(found):
                super().step()
                return None
            gradients.append(told)
        with torch.no_grad():
            for plan, told in zip(plans, gradients, strict=True):
                group = plan.group
                torch._foreach_add_(plan.steps, 1)
                torch._fused_adam_(
                    plan.parameters,
                    told,
                    plan.first,
                    plan.second,
                    [],
                    plan.steps,
                    amsgrad=False,
                    lr=group["lr"],
                    beta1=group["betas"][0],
                    beta2=group["betas"][1],
                    weight_decay=group["weight_decay"],
                    eps=group["eps"],
                    maximize=False,
                    grad_scale=None,
                    found_inf=None,
                )
        return None

    # torch would wrap a step in a profiler's record otherwise
    step.hooked = True  # type: ignore[attr-defined]

    def _plan(self) -> list[_Plan] | None:
        """What the kernel is given; None before the first step, which makes the state, and where torch must do it."""
        if self._planned_for is self.state:
            return self._plans
        if self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks:
            return None
        plans: list[_Plan] = []
        kinds: set[tuple[torch.device, torch.dtype]] = set()
        for group in self.param_groups:
            parameters: list[Tensor] = list(group["params"])
            states = [self.state.get(parameter) for parameter in parameters]
            if group["amsgrad"] or group["maximize"] or not all(states):
                return None
            kinds |= {(parameter.device, parameter.dtype) for parameter in parameters}
            slots = [[state[name] for state in states if state] for name in ("exp_avg", "exp_avg_sq", "step")]
            plans.append(_Plan(group, parameters, *slots))
        if len(kinds) > 1 or any(device.type != "cpu" for device, _ in kinds):
            return None
        self._plans, self._planned_for = plans, self.state
        return plans
