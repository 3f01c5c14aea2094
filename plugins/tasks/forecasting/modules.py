"""Embedder and head of the direct forecast: windows in, all steps of the horizon out, and how wrong they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from workbench_plugins.tasks.forecasting.codec import SeriesCodec
from workbench_plugins.tasks.forecasting.params import ForecastingParams

from workbench.nn.contract import Batch, Embedder, Encoded, Head, LossSum

CONFORMAL_LEVELS = (0.8, 0.9, 0.95)
"""What the conformal intervals of every model promise."""
SMALLEST_SPREAD = 1e-3
HUBER = 1.0
STUDENT_DEGREES = 2.0
"""Degrees of freedom beyond which those of a Student-t are learned, so that it has a variance."""


class WindowEmbedder(Embedder):
    """A step (or a segment of steps) is its own vector of numbers, or one learned from them."""

    def __init__(self, codec: SeriesCodec) -> None:
        super().__init__()
        size, params = codec.features * codec.segment, codec.params
        wanted = params.segment_embedding_size if isinstance(params, ForecastingParams) else 0
        dropout = params.input_dropout if isinstance(params, ForecastingParams) else 0.0
        self.map: nn.Module = nn.Sequential(nn.Linear(size, wanted), nn.ReLU()) if wanted else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.output_size = wanted or size

    def forward(self, batch: Batch) -> Tensor:
        x: Tensor = self.map(batch.fields["inputs"])
        return self.dropout(x)


class ForecastHead(Head):
    """What both heads keep: the widths of the conformal intervals, found on the validation split.

    ``conformal`` (L, H, C) are half-widths of :data:`CONFORMAL_LEVELS` in normalised units; NaN until they are known.
    """

    conformal: Tensor

    def __init__(self, codec: SeriesCodec) -> None:
        super().__init__()
        self.horizon = codec.params.horizon
        self.channels = len(codec.targets)
        self.columns = 1 if codec.apart else self.channels
        """Channels of one row of a batch."""
        shape = (len(CONFORMAL_LEVELS), self.horizon, self.channels)
        self.register_buffer("conformal", torch.full(shape, math.nan))

    def by_window(self, values: Tensor) -> Tensor:
        """(rows, H, columns, …) → (B, H, C, …): the rows of one window's channels put together."""
        if self.columns == self.channels:
            return values
        whole = values.reshape(-1, self.channels, *values.shape[1:]).squeeze(3)
        return whole.transpose(1, 2)


class DirectHead(ForecastHead):
    """All steps at once, (rows, H · columns · K): K numbers for each: the point, the quantiles, or a distribution's."""

    def __init__(self, params: ForecastingParams, codec: SeriesCodec, input_size: int) -> None:
        super().__init__(codec)
        self.output, self.kind = params.output, params.loss
        self.levels = params.levels
        self.count = {"point": 1, "quantiles": len(params.levels), "gaussian": 2, "student": 3}[params.output]
        self.segment = params.segment if params.decoder == "segments" else 0
        self.ahead = codec.known_ahead
        self.dropout = nn.Dropout(params.output_dropout)
        if self.segment:
            self.steps = self.horizon // self.segment
            places = (input_size + 1) // 2
            self.places = nn.Parameter(0.02 * torch.randn(self.steps, places))
            self.names = nn.Parameter(0.02 * torch.randn(self.channels if codec.apart else 1, input_size - places))
            self.cell = nn.GRUCell(input_size + self.segment * self.ahead, input_size)
            self.linear = nn.Linear(input_size, self.segment * self.columns * self.count)
        else:
            features = input_size + self.horizon * self.ahead
            self.linear = nn.Linear(features, self.horizon * self.columns * self.count)

    def features(self, encoded: Encoded, batch: Batch) -> Tensor:
        if not self.ahead:
            return encoded.final
        return torch.cat([encoded.final, batch.fields["future"].flatten(1)], dim=1)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        if not self.segment:
            outputs: Tensor = self.linear(self.dropout(self.features(encoded, batch)))
            return outputs
        rows, steps = len(encoded.final), self.steps
        names = self.names.repeat(rows // len(self.names), 1)
        asked = torch.cat(
            [self.places.expand(rows, -1, -1), names[:, None].expand(-1, steps, -1)], dim=2
        )  # (rows, M, input_size): which segment of which channel
        if self.ahead:
            asked = torch.cat([asked, batch.fields["future"].reshape(rows, steps, -1)], dim=2)
        state = encoded.final[:, None].expand(-1, steps, -1).reshape(rows * steps, -1)
        found = self.linear(self.dropout(self.cell(asked.reshape(rows * steps, -1), state)))
        return found.reshape(rows, -1)

    def shaped(self, outputs: Tensor) -> Tensor:
        """(rows, H · columns · K) → (rows, H, columns, K)."""
        return outputs.reshape(len(outputs), self.horizon, self.columns, self.count)

    def each(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of every step, 0 where its truth is missing, and which are known; (rows, H, columns)."""
        found, wanted = self.shaped(outputs.float()), batch.fields["targets"]
        known = ~torch.isnan(wanted)
        truth = torch.where(known, wanted, 0.0)
        if self.output == "point":
            loss = self._point(found[..., 0], truth)
        elif self.output == "quantiles":
            level = found.new_tensor(self.levels)
            error = truth[..., None] - found
            loss = 2.0 * torch.maximum(level * error, (level - 1.0) * error).mean(-1)
        else:
            loss = -self.distribution(found).log_prob(truth)
        return torch.where(known, loss, 0.0), known

    def _point(self, found: Tensor, truth: Tensor) -> Tensor:
        if self.kind == "squared":
            return (found - truth).square()
        if self.kind == "absolute":
            return (found - truth).abs()
        return functional.huber_loss(found, truth, reduction="none", delta=HUBER)

    def distribution(self, found: Tensor) -> torch.distributions.Distribution:
        """The distribution that (…, K) outputs are the parameters of."""
        spread = functional.softplus(found[..., 1]) + SMALLEST_SPREAD
        if self.output == "gaussian":
            return torch.distributions.Normal(found[..., 0], spread)
        degrees = STUDENT_DEGREES + functional.softplus(found[..., 2])
        return torch.distributions.StudentT(degrees, found[..., 0], spread)

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        wanted = batch.fields["targets"]
        if self.output == "point" and self.kind == "squared" and not bool(torch.isnan(wanted).any()):
            found = self.shaped(outputs.float())[..., 0]
            return LossSum(functional.mse_loss(found, wanted, reduction="sum"), wanted.numel())
        each, known = self.each(outputs, batch)
        return LossSum(each.sum(), int(known.sum()))

    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        each, known = self.each(outputs, batch)
        rows = self.channels // self.columns
        return each.sum((1, 2)).view(-1, rows).sum(1), known.sum((1, 2)).view(-1, rows).sum(1)

    def regression_targets(self, batch: Batch) -> Tensor | None:
        if self.segment or self.output != "point":
            return None
        return batch.fields["targets"].flatten(1)

    def readout(self) -> nn.Linear | None:
        return None if self.segment or self.output != "point" else self.linear

    def quantiles(self, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """The middle (rows, H, columns) and the quantiles (Q, rows, H, columns) of :attr:`levels`, if there are any."""
        found = self.shaped(outputs.float())
        if self.output == "point":
            return found[..., 0], None
        if self.output == "quantiles":
            rising = found.sort(dim=-1).values  # quantiles that cross are put in order
            return rising[..., self.levels.index(0.5)], rising.movedim(-1, 0)
        spread = functional.softplus(found[..., 1]) + SMALLEST_SPREAD
        degrees = STUDENT_DEGREES + functional.softplus(found[..., 2]) if self.output == "student" else None
        at = [found[..., 0] + spread * _standard_quantile(level, degrees) for level in self.levels]
        return found[..., 0], torch.stack(at)


def _standard_quantile(level: float, degrees: Tensor | None) -> Tensor | float:
    if degrees is None:
        return float(torch.special.ndtri(torch.tensor(level, dtype=torch.float64)))
    from scipy.special import stdtrit

    return torch.from_numpy(stdtrit(degrees.double().cpu().numpy(), level)).to(degrees)
