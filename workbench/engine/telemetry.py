"""Losses gathered on the device and told a few times a second: no step waits for a number to be read.

On a CPU nothing is waited for, and plain numbers add up quicker than tensors of one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

CPU_SECONDS = 0.05
"""At most 20 points a second; reading a CPU tensor costs nothing."""
DEVICE_SECONDS = 0.2
"""Reading from a GPU waits for it, so rarely."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Since the last reading: mean loss per unit, the last gradient norm, units per second, whether all was finite."""

    loss: float
    gradient_norm: float
    units_per_second: float
    finite: bool


class Telemetry:
    """Sums of the losses on the device, for the present window and for the epoch."""

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = CPU_SECONDS if device.type == "cpu" else DEVICE_SECONDS
        self._clock = clock
        # summed in double where the device has it: an epoch is many small numbers
        self._cpu = device.type == "cpu"
        self._kind = torch.float32 if device.type == "mps" else torch.float64
        self._zero: Tensor | float = 0.0 if self._cpu else torch.zeros((), device=device, dtype=self._kind)
        self._true: Tensor | bool = True if self._cpu else torch.ones((), device=device, dtype=torch.bool)
        self._epoch_loss, self._epoch_count = self._zero, 0
        self._told = False
        self.restart()

    def restart(self) -> None:
        """Begin a new window: after a pause or a validation, which are not training time."""
        self._loss, self._count, self._units = self._zero, 0, 0
        self._finite: Tensor | bool = self._true
        self._norm: Tensor | float = self._zero
        self._started = self._clock()

    def add(self, loss: Tensor, count: int, units: int, norm: Tensor) -> None:
        """One optimiser step: the summed ``loss`` of ``count`` units, ``units`` for throughput, the gradient norm."""
        total: Tensor | float = float(loss) if self._cpu else loss.detach().to(self._kind)
        self._loss = self._loss + total
        self._epoch_loss = self._epoch_loss + total
        self._count += count
        self._epoch_count += count
        self._units += units
        self._norm = norm
        self._finite = self._finite & (math.isfinite(float(norm)) if self._cpu else torch.isfinite(norm))

    @property
    def due(self) -> bool:
        """Whether it is time to read: at once after the very first step, then at most so often."""
        return self._count > 0 and (not self._told or self._clock() - self._started >= self._interval)

    @property
    def pending(self) -> bool:
        """Whether steps were taken since the last reading: the end of an epoch tells them, due or not."""
        return self._count > 0

    def read(self) -> Reading:
        """The window's means (this waits for the device), and a new window."""
        elapsed = max(1e-9, self._clock() - self._started)
        reading = Reading(
            loss=float(self._loss) / max(1, self._count),
            gradient_norm=float(self._norm),
            units_per_second=self._units / elapsed,
            finite=bool(self._finite),
        )
        self._told = True
        self.restart()
        return reading

    @property
    def finite(self) -> bool:
        """Whether every step since the last reading was (this waits for the device)."""
        return bool(self._finite)

    @property
    def epoch_mean(self) -> float:
        return float(self._epoch_loss) / max(1, self._epoch_count)

    def epoch_state(self) -> tuple[float, int]:
        return float(self._epoch_loss), self._epoch_count

    def start_epoch(self, loss: float = 0.0, count: int = 0) -> None:
        """Begin (or, resumed, go on with) the sums of an epoch."""
        self._epoch_loss, self._epoch_count = self._zero + loss, count
