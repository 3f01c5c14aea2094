"""Forecasting step by step: the next value at every step, and from the end of the past the model's own answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from workbench_plugins.tasks.forecasting.answers import results
from workbench_plugins.tasks.forecasting.codec import SeriesCodec
from workbench_plugins.tasks.forecasting.modules import ForecastHead
from workbench_plugins.tasks.forecasting.params import FreeRunParams
from workbench_plugins.tasks.forecasting.task import Forecasting, own

from workbench.api import Record, Result
from workbench.nn.contract import Batch, Codec, DecodeOptions, Encoded, Encoder, Head, LossSum, Parts

LARGEST = 1e3
"""A free run is held within so many deviations: one that diverges then says so without overflowing."""


class NextValueHead(ForecastHead):
    """At each step the next value of every target, (B, T, C), linear in the state; squared error."""

    def __init__(self, params: FreeRunParams, codec: SeriesCodec, input_size: int) -> None:
        super().__init__(codec)
        self.washout = params.washout
        self.linear = nn.Linear(input_size, self.channels)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        turned = encoded.states.transpose(0, 1)
        if turned.is_contiguous():  # as torch's fused kernels leave them: read step by step, nothing is copied
            outputs: Tensor = self.linear(turned).transpose(0, 1)
        else:
            outputs = self.linear(encoded.states)
        return outputs

    def wanted(self, batch: Batch) -> Tensor:
        """(B, T, C): the value after each step; NaN where it is missing, or washed out."""
        values = batch.fields["inputs"][..., : self.channels]
        after = torch.cat([values[:, 1:], batch.fields["targets"][:, :1]], dim=1)
        if batch.extra.get("missing"):
            flags = batch.fields["inputs"][..., self.channels : 2 * self.channels]
            gone = torch.cat([flags[:, 1:] > 0, torch.zeros_like(flags[:, :1], dtype=torch.bool)], dim=1)
            after = torch.where(gone, torch.nan, after)
        if self.washout:
            steps = torch.arange(after.shape[1], device=after.device).view(1, -1, 1)
            after = torch.where(steps < min(self.washout, after.shape[1] - 1), torch.nan, after)
        return after

    def _each(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        wanted = self.wanted(batch)
        known = ~torch.isnan(wanted)
        return (outputs.float() - torch.where(known, wanted, 0.0)).square() * known, known

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        wanted = self.wanted(batch)
        if not bool(torch.isnan(wanted).any()):
            return LossSum(functional.mse_loss(outputs.float(), wanted, reduction="sum"), wanted.numel())
        each, known = self._each(outputs, batch)
        return LossSum(each.sum(), int(known.sum()))

    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        each, known = self._each(outputs, batch)
        return each.sum((1, 2)), known.sum((1, 2))

    def regression_targets(self, batch: Batch) -> Tensor | None:
        return self.wanted(batch)

    def readout(self) -> nn.Linear | None:
        return self.linear


class FreeRunForecasting(Forecasting):
    """Teacher forced in training; validated and used by free run (:class:`~workbench.nn.protocols.Generates`)."""

    params: FreeRunParams

    def head(self, codec: Codec, input_size: int) -> Head:
        return NextValueHead(self.params, own(codec), input_size)

    def answer_size(self, codec: Codec) -> int:
        return len(own(codec).targets)

    def answers_before(self, batch: Batch) -> Tensor:
        """The answer of the step before is the value that is read now: known of the past, its own in a free run."""
        return batch.fields["inputs"][..., : batch.fields["targets"].shape[-1]]

    def middle(self, parts: Parts, batch: Batch) -> Tensor:
        return run_freely(parts, batch, own(parts.codec))

    def generate(
        self, parts: Parts, batch: Batch, records: Sequence[Record], options: DecodeOptions
    ) -> list[Result]:
        codec, head = own(parts.codec), parts.head
        assert isinstance(head, NextValueHead)
        middle = run_freely(parts, batch, codec)
        return list(results(middle, None, (), batch, head, codec, records, full=options.probabilities))

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: Codec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        """The teacher-forced answer: only the next step is told (a trace asks for it)."""
        assert isinstance(head, NextValueHead)
        middle = outputs[:, -1:].expand(-1, self.params.horizon, -1)
        return list(results(middle, None, (), batch, head, own(codec), records, full=False))

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """The next value at each step (B, T, C): values, not probabilities."""
        found: NDArray[np.float32] = outputs.detach().float().cpu().numpy()
        return found


@torch.no_grad()
def run_freely(parts: Parts, batch: Batch, codec: SeriesCodec) -> Tensor:
    """(B, H, C) normalised: the past is read, then each answer is the next input."""
    network, head = parts.network, parts.head
    assert isinstance(network, Encoder)
    inputs = batch.fields["inputs"]
    encoded = network(parts.embedder(batch), batch.lengths)
    answer: Tensor = parts.head(encoded, batch)[:, -1]
    state: Any = encoded.state
    channels, lag = len(codec.targets), codec.params.difference
    rest = inputs[:, -1, channels * (2 if codec.missing else 1) :]
    found = [answer]
    one = torch.ones(len(inputs), dtype=torch.int64)
    for step in range(1, codec.params.horizon):
        parts_of_input = [answer.clamp(-LARGEST, LARGEST)]
        if codec.missing:
            parts_of_input.append(torch.zeros_like(answer))
        if rest.shape[1]:
            known = rest.clone()
            if codec.known_ahead:
                first = len(codec.past)
                known[:, first : first + codec.known_ahead] = batch.fields["future"][:, step]
            parts_of_input.append(known)
        x = torch.cat(parts_of_input, dim=1)[:, None]
        fields = {**batch.fields, "inputs": x}
        encoded = network(parts.embedder(Batch(fields, one, len(inputs))), one, state)
        state = encoded.state
        answer = head(encoded, batch)[:, -1].clamp(-LARGEST, LARGEST)
        found.append(answer)
    middle = torch.stack(found, dim=1)
    if lag:  # changes since a season before, of what was itself foretold: added up season by season
        for step in range(lag, codec.params.horizon):
            middle[:, step] = middle[:, step] + middle[:, step - lag] + batch.fields["shift"][:, 0]
    return middle
