"""Linear + softmax + cross entropy over a vocabulary, without keeping the (N, V) scores of a whole batch.

With a vocabulary of ten thousand words the softmax is half of a training step, and its scores are the largest tensor
of the model. Here rows go through in pieces: each piece's scores are made, turned into its loss and its gradient, and
dropped; what is kept is the gradient of the states and of the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.api import WorkbenchError
from workbench.nn.functions import apply

PIECE = 1 << 22
"""Scores of a piece: 16 MB."""


def chunked_cross_entropy(
    states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """-Σ log softmax(``states`` W' + b)[``targets``], a scalar in float32.

    ``states`` (N, H), ``weight`` (V, H), ``targets`` (N,) int64. With ``label_smoothing`` ε the target is 1 - ε for the
    symbol and ε / V for each of the vocabulary, as torch has it. A second derivative is exact (it recomputes plainly).
    Under autocast the products are made in its type, the rest in float32.
    """
    kind = states.device.type
    product = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    with torch.autocast(kind, enabled=False):
        loss: Tensor = apply(_ChunkedCrossEntropy, states, weight, bias, targets, label_smoothing, product)
    return loss


def _plain(states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, smoothing: float) -> Tensor:
    scores = functional.linear(states, weight, bias).float()
    return functional.cross_entropy(scores, targets, reduction="sum", label_smoothing=smoothing)


def _pieces(rows: int, vocabulary: int) -> list[slice]:
    width = max(1, PIECE // vocabulary)
    return [slice(first, min(first + width, rows)) for first in range(0, rows, width)]


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        product: torch.dtype,
    ) -> Tensor:
        vocabulary = weight.shape[0]
        factor, offset = weight.to(product), None if bias is None else bias.to(product)
        wanted = any(ctx.needs_input_grad[:3])
        d_states = torch.empty_like(states) if wanted else None
        d_weight = torch.zeros_like(weight) if wanted else None
        d_bias = torch.zeros_like(bias) if wanted and bias is not None else None
        exact = torch.float64 if weight.dtype == torch.float64 else torch.float32
        total = torch.zeros((), dtype=exact, device=states.device)
        for part in _pieces(len(states), vocabulary):
            rows, target = states[part].to(product), targets[part].unsqueeze(1)
            scores = functional.linear(rows, factor, offset).to(exact)
            normaliser = scores.logsumexp(1, keepdim=True)
            total += (1.0 - smoothing) * (normaliser - scores.gather(1, target)).sum()
            if smoothing:
                total += smoothing * (normaliser - scores.mean(1, keepdim=True)).sum()
            if d_states is None or d_weight is None:
                continue
            # what becomes the gradient of the scores takes their place
            gradient = scores.sub_(normaliser).exp_()
            gradient.scatter_add_(1, target, gradient.new_full((1, 1), smoothing - 1.0).expand_as(target))
            if smoothing:
                gradient.sub_(smoothing / vocabulary)
            if d_bias is not None:
                d_bias += gradient.sum(0)
            gradient = gradient.to(product)
            if states.dtype == product:
                torch.mm(gradient, factor, out=d_states[part])
            else:
                d_states[part] = gradient @ factor
            if weight.dtype == product:
                d_weight.addmm_(gradient.t(), rows)
            else:
                d_weight += gradient.t() @ rows
        ctx.smoothing = smoothing
        ctx.gradients = (d_states, d_weight, d_bias)
        ctx.save_for_backward(states, weight, bias, targets)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (arriving,) = gradients
        if torch.is_grad_enabled():
            states, weight, bias, targets = ctx.saved_tensors
            given = [t for t, need in zip((states, weight, bias), ctx.needs_input_grad, strict=False) if need]
            plain = _plain(states.to(weight.dtype), weight, bias, targets, ctx.smoothing)
            found = iter(torch.autograd.grad(plain, given, arriving, create_graph=True))
            return (*(next(found) if need else None for need in ctx.needs_input_grad[:3]), None, None, None)
        scaled = [
            None if part is None or not need else part * arriving.to(part.dtype)
            for part, need in zip(ctx.gradients, ctx.needs_input_grad, strict=False)
        ]
        return (*scaled, None, None, None)


class OutputLayer(nn.Module, ABC):
    """From states to symbols: what a :class:`~workbench.nn.heads.VocabularyHead` asks."""

    @abstractmethod
    def loss(self, states: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        """(N, H), (N,) → the summed cross entropy."""

    @abstractmethod
    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        """(N, H), (N,) → (N,) negative log-probabilities; not for training (nothing is kept)."""

    @abstractmethod
    def log_probabilities(self, states: Tensor) -> Tensor:
        """(…, H) → (…, V), float32 at least."""


class FullSoftmax(OutputLayer):
    """A row of weights for every symbol; ``embedding_size`` E other than H puts a linear map before it, for tying."""

    def __init__(self, input_size: int, vocabulary_size: int, embedding_size: int = 0) -> None:
        super().__init__()
        width = embedding_size or input_size
        self.project: nn.Linear | None = None
        if width != input_size:
            self.project = nn.Linear(input_size, width, bias=False)
            nn.init.xavier_uniform_(self.project.weight)
        self.scores: nn.Linear | None = nn.Linear(width, vocabulary_size)
        nn.init.xavier_uniform_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)
        self.bias: nn.Parameter | None = None
        self._tied: list[Tensor] = []

    def tie(self, weight: Tensor) -> None:
        """Use ``weight`` (V, E), which another module owns, and keep only a bias."""
        linear = self.scores
        assert linear is not None
        if weight.shape != linear.weight.shape:
            raise WorkbenchError(
                f"An embedding of shape {tuple(weight.shape)} cannot serve as the output layer's weights.",
                why=f"They are of shape {tuple(linear.weight.shape)}.",
                fix="Switch tied weights off.",
            )
        self.bias, self.scores, self._tied = nn.Parameter(linear.bias.detach().clone()), None, [weight]

    def _parts(self) -> tuple[Tensor, Tensor | None]:
        if self.scores is not None:
            return self.scores.weight, self.scores.bias
        return self._tied[0], self.bias

    def _projected(self, states: Tensor) -> Tensor:
        return states if self.project is None else self.project(states)

    def loss(self, states: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        return chunked_cross_entropy(self._projected(states), *self._parts(), targets, label_smoothing)

    @torch.no_grad()
    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        states, (weight, bias) = self._projected(states), self._parts()
        found = [
            functional.cross_entropy(
                functional.linear(states[part], weight, bias).float(), targets[part], reduction="none"
            )
            for part in _pieces(len(states), weight.shape[0])
        ]
        return torch.cat(found) if found else states.new_zeros(0)

    def log_probabilities(self, states: Tensor) -> Tensor:
        scores = functional.linear(self._projected(states), *self._parts())
        return (scores if scores.dtype == torch.float64 else scores.float()).log_softmax(-1)


class AdaptiveSoftmax(OutputLayer):
    """Frequent symbols in a short list, the others in clusters of falling width: symbols are ordered by frequency.

    Grave et al. (2017), "Efficient softmax approximation for GPUs"; torch's ``AdaptiveLogSoftmaxWithLoss``. The
    probabilities are exact: they sum to one over the whole vocabulary.
    """

    def __init__(self, input_size: int, vocabulary_size: int, cutoffs: Sequence[int], divide: float = 4.0) -> None:
        super().__init__()
        cutoffs = sorted({cut for cut in cutoffs if 0 < cut < vocabulary_size})
        if not cutoffs:
            raise WorkbenchError(
                f"A vocabulary of {vocabulary_size} symbols is too small for an adaptive softmax.",
                why="It needs rare symbols to treat cheaply.",
                fix="Choose the full softmax.",
            )
        # the narrowest cluster keeps at least one dimension
        divide = min(divide, input_size ** (1.0 / len(cutoffs)) * (1.0 - 1e-9)) if input_size > 1 else 1.0
        self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(input_size, vocabulary_size, cutoffs, div_value=divide)

    def loss(self, states: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        if not len(states):
            return states.sum()
        found: Tensor = self.adaptive(states, targets).output
        return -found.float().sum()

    @torch.no_grad()
    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        if not len(states):
            return states.new_zeros(0)
        found: Tensor = self.adaptive(states, targets).output
        return -found.float()

    def log_probabilities(self, states: Tensor) -> Tensor:
        flat = states.reshape(-1, states.shape[-1])
        found: Tensor = self.adaptive.log_prob(flat)
        found = found if found.dtype == torch.float64 else found.float()
        return found.view(*states.shape[:-1], found.shape[-1])
