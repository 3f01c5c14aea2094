"""Optimisers, learning-rate schedules, gradient clipping and averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from workbench.engine.adam import FusedAdam
from workbench.runs.config import TrainingParams


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameter groups: matrices decay; biases, norms and embeddings (rare rows would fade) do not."""
    kinds = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
    spared = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, kinds)
        for parameter in module.parameters(recurse=False)
    }
    decayed: list[Tensor] = []
    plain: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        bias = parameter.ndim < 2 or "bias" in name.rpartition(".")[2]
        (plain if bias or id(parameter) in spared else decayed).append(parameter)
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(model: nn.Module, training: TrainingParams) -> torch.optim.Optimizer:
    """The optimiser of ``training``; Adam and SGD in their fused form, which passes over the weights once."""
    groups = decay_groups(model, training.weight_decay)
    rate = training.learning_rate
    device = next(iter(model.parameters())).device.type
    fused = device in ("cpu", "cuda")
    if training.optimizer == "adam" and device == "cpu":
        return FusedAdam(groups, rate)
    if training.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=fused)
    if training.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=fused)
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=training.momentum, fused=fused)
    return torch.optim.RMSprop(groups, lr=rate, foreach=device == "cuda")


class Schedule:
    """The learning rate at a step. ``base`` may be changed while training; the plateau rule halves ``factor``."""

    def __init__(self, training: TrainingParams, steps_per_epoch: int) -> None:
        self.base = training.learning_rate
        self.kind = training.schedule
        self.warmup = training.warmup_steps
        self.total = max(1, steps_per_epoch * training.max_epochs)
        self.knee = max(1, training.warmup_steps or steps_per_epoch)
        self.wait = max(1, training.patience // 2)
        self.factor = 1.0
        self.stale = 0

    def rate(self, step: int) -> float:
        """The rate of optimiser step ``step`` (the first is 0)."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        done = min(1.0, max(0, step - self.warmup) / max(1, self.total - self.warmup))
        if self.kind == "cosine":
            shape = 0.5 * (1.0 + math.cos(math.pi * done))
        elif self.kind == "linear":
            shape = 1.0 - done
        elif self.kind == "inverse":
            shape = math.sqrt(self.knee / max(self.knee, step + 1))
        else:
            shape = 1.0
        return self.base * self.factor * warm * shape

    def validated(self, improved: bool) -> None:
        """Told after each validation: "plateau" halves the rate when it has not improved for half the patience."""
        self.stale = 0 if improved else self.stale + 1
        if self.kind == "plateau" and self.stale >= self.wait:
            self.factor *= 0.5
            self.stale = 0

    def state(self) -> dict[str, float]:
        return {"base": self.base, "factor": self.factor, "stale": self.stale}

    def restore(self, state: dict[str, float]) -> None:
        self.base = float(state["base"])
        self.factor = float(state["factor"])
        self.stale = int(state["stale"])


def apply_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(parameters: list[nn.Parameter], limit: float) -> Tensor:
    """Scale gradients longer than ``limit`` (0: none) down to it; the norm before, on the device, without a sync."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    # torch.nn.utils.get_total_norm, without sorting the gradients of the one device by device and type first
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    # reading a CPU tensor is free, and most steps then save one pass over the gradients
    if limit > 0 and (norm.device.type != "cpu" or float(norm) > limit):
        torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return norm


def scale_gradients(parameters: list[nn.Parameter], factor: float) -> None:
    gradients = [p.grad for p in parameters if p.grad is not None]
    if gradients:
        torch._foreach_mul_(gradients, factor)


class AveragedWeights:
    """An exponential moving average of the weights; its memory grows with the steps so that the start does not weigh.

    The decay at update t is min(decay, (1 + t) / (10 + t)), as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = list(model.parameters())
        self.shadow = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self._parameters], 1.0 - decay)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model holds the averaged weights inside, its own again after."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, shadow in zip(self._parameters, self.shadow, strict=True):
            own = parameter.detach().clone()
            parameter.copy_(shadow)
            shadow.copy_(own)
