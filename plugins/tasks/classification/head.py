"""From the states of all steps to one label: pooled, then a linear map; calibrated by a temperature."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from workbench_plugins.tasks.classification.codec import NO_LABEL, ClassificationCodec
from workbench_plugins.tasks.classification.params import ClassificationParams

from workbench.nn.attention import masked_softmax
from workbench.nn.contract import Batch, Encoded, Head, LossSum
from workbench.nn.masks import sequence_mask
from workbench.nn.pooling import masked_max, masked_mean

_LOWEST, _HIGHEST = 0.05, 20.0
"""Temperatures beyond these say that the scores tell nothing."""


class ClassificationHead(Head):
    """``outputs`` (B, K): scores of K labels, float32, before the temperature."""

    temperature: Tensor
    weights: Tensor

    def __init__(self, params: ClassificationParams, codec: ClassificationCodec, input_size: int) -> None:
        super().__init__()
        self.pooling = params.pooling
        self.label_smoothing = params.label_smoothing
        self.calibrates = params.calibrate
        self.attention = nn.Linear(input_size, 1) if params.pooling == "attention" else None
        self.dropout = nn.Dropout(params.output_dropout)
        self.scores = nn.Linear(input_size * (2 if params.pooling == "mean_max" else 1), len(codec.labels))
        nn.init.xavier_uniform_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)
        self.register_buffer("temperature", torch.ones(()))
        counts = torch.tensor(codec.counts, dtype=torch.float32)
        balanced = counts.sum() / (len(counts) * counts.clamp_min(1.0))
        weights = balanced if params.class_weights == "balanced" else torch.ones_like(counts)
        self.register_buffer("weights", weights, persistent=False)

    def pool(self, encoded: Encoded) -> Tensor:
        """(B, H), or (B, 2 H) of the mean and the maximum."""
        states, lengths = encoded.states, encoded.lengths
        if self.pooling == "last":
            return encoded.final
        if self.pooling == "mean":
            return masked_mean(states, lengths)
        if self.pooling == "max":
            return masked_max(states, lengths)
        if self.pooling == "mean_max":
            return torch.cat((masked_mean(states, lengths), masked_max(states, lengths)), 1)
        return torch.bmm(self.looks_at(encoded).unsqueeze(1), states).squeeze(1)

    def looks_at(self, encoded: Encoded) -> Tensor:
        """(B, T) weights of the steps, with attention."""
        assert self.attention is not None
        mask = sequence_mask(encoded.lengths, encoded.states.shape[1], encoded.states.device)
        return masked_softmax(self.attention(encoded.states).squeeze(2), mask)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        outputs: Tensor = self.scores(self.dropout(self.pool(encoded)))
        return outputs

    # --- learning

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        """Cross entropy summed over the texts that have a label, each weighed by its label's weight in training."""
        labels = batch.fields["labels"]
        total = functional.cross_entropy(
            outputs.float(),
            labels,
            weight=self.weights if self.training else None,
            ignore_index=NO_LABEL,
            reduction="sum",
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )
        return LossSum(total, int((labels != NO_LABEL).sum()))

    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        labels = batch.fields["labels"]
        losses = functional.cross_entropy(
            self.scaled(outputs), labels, ignore_index=NO_LABEL, reduction="none"
        )
        return losses, (labels != NO_LABEL).long()

    def features(self, encoded: Encoded, batch: Batch) -> Tensor:
        return self.pool(encoded)

    def regression_targets(self, batch: Batch) -> Tensor | None:
        """One-hot labels (B, K), NaN without a label; attention has weights of its own, which no regression finds."""
        if self.attention is not None:
            return None
        labels = batch.fields["labels"]
        targets = functional.one_hot(labels.clamp(min=0), self.scores.out_features).float()
        return targets.masked_fill((labels == NO_LABEL).unsqueeze(1), torch.nan)

    def readout(self) -> nn.Linear | None:
        return None if self.attention is not None else self.scores

    # --- probabilities

    def scaled(self, outputs: Tensor) -> Tensor:
        """Scores divided by the temperature."""
        return outputs.float() / self.temperature

    @torch.no_grad()
    def calibrate(self, outputs: Tensor, labels: Tensor) -> float:
        """Set the temperature that makes ``labels`` (N,) likeliest under ``outputs`` (N, K); it is returned.

        Guo et al. (2017), "On calibration of modern neural networks". The loss is convex in 1 / temperature, so a
        golden-section search over its logarithm finds the one best value; no label that is answered changes.
        """
        known = labels != NO_LABEL
        scores, labels = outputs[known].double().cpu(), labels[known].cpu()
        if len(labels) < 2 or not bool(torch.isfinite(scores).all()):
            return float(self.temperature)

        # Where every answer is right, nothing bounds the scores: as Platt (1999) does, one more text is imagined that
        # is wrong, which leaves answers as sure as so many texts can show.
        doubt = scores.shape[1] / (scores.shape[1] - 1) / (len(labels) + 2)

        def loss(log_temperature: float) -> float:
            scaled = scores / float(torch.tensor(log_temperature).exp())
            return float(functional.cross_entropy(scaled, labels, label_smoothing=min(0.5, doubt)))

        low, high = float(torch.tensor(_LOWEST).log()), float(torch.tensor(_HIGHEST).log())
        ratio = (5**0.5 - 1) / 2
        for _ in range(40):
            a, b = high - ratio * (high - low), low + ratio * (high - low)
            low, high = (low, b) if loss(a) < loss(b) else (a, high)
        self.temperature.fill_(float(torch.tensor((low + high) / 2).exp()))
        return float(self.temperature)

    # --- step by step

    @torch.no_grad()
    def so_far(self, encoded: Encoded) -> Tensor:
        """(B, T, K) probabilities, had the text ended at each step (of what the network made of it)."""
        states = encoded.states
        steps = torch.arange(1, states.shape[1] + 1, device=states.device, dtype=states.dtype).view(1, -1, 1)
        mean = states.cumsum(1) / steps
        if self.pooling == "mean":
            pooled = mean
        elif self.pooling == "max":
            pooled = states.cummax(1).values
        elif self.pooling == "mean_max":
            pooled = torch.cat((mean, states.cummax(1).values), 2)
        elif self.attention is not None:
            scores = self.attention(states)
            weights = (scores - scores.amax(1, keepdim=True)).exp()
            pooled = (weights * states).cumsum(1) / weights.cumsum(1).clamp_min(1e-12)
        else:
            pooled = states
        return self.scaled(self.scores(pooled)).softmax(2)
