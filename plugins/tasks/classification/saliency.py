"""Which words an answer rests on: integrated gradients, and leaving words out one by one.

Both are in nats of the answer's log-odds: +1 says that the word makes the answer e times likelier than the others
together. Integrated gradients add up to the difference between the text and one of nothing but unknown symbols.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from workbench_plugins.tasks.classification.head import ClassificationHead

from workbench.nn.contract import Batch, Encoded, Parts
from workbench.nn.text import UNKNOWN

GRADIENTS, OCCLUSION = "integrated gradients", "left out"
POINTS = 32
"""On the way from the empty text to the real one; the error of the sum is then below some per cent."""
_ROWS = 64
_MOST_OCCLUSIONS = 160
"""Of a longer text, neighbouring words are left out together and share what it does."""


def saliency(parts: Parts, batch: Batch, row: int, label: int) -> dict[str, tuple[float, ...]]:
    """Method → a value for each step of text ``row``, for the answer ``label``. Run it with dropout off.

    A network that lets no gradient through has only :data:`OCCLUSION`.
    """
    length = int(batch.lengths[row])
    tokens = batch.fields["tokens"][row : row + 1, :length]
    with torch.no_grad():
        x = _embed(parts, tokens)
        nothing = _embed(parts, torch.full_like(tokens, UNKNOWN))
    found: dict[str, tuple[float, ...]] = {}
    gradients = _integrated(parts, x, nothing, label)
    if gradients is not None:
        found[GRADIENTS] = tuple(gradients.tolist())
    found[OCCLUSION] = tuple(_occluded(parts, x, nothing, label).tolist())
    return found


def _embed(parts: Parts, tokens: Tensor) -> Tensor:
    lengths = torch.full((tokens.shape[0],), tokens.shape[1], dtype=torch.int64)
    x = parts.embedder(Batch({"tokens": tokens}, lengths, tokens.numel()))
    assert isinstance(x, Tensor)
    return x


def _log_odds(parts: Parts, x: Tensor, label: int) -> Tensor:
    """(B,) log p / (1 - p) of ``label`` for embedded texts (B, T, D) of full length, calibrated."""
    assert isinstance(parts.head, ClassificationHead)
    lengths = torch.full((x.shape[0],), x.shape[1], dtype=torch.int64)
    network: nn.Module = parts.network
    encoded: Encoded = network(x, lengths)
    scores = parts.head.scaled(parts.head(encoded, Batch({}, lengths, 0)))
    others = torch.cat((scores[:, :label], scores[:, label + 1 :]), 1)
    return scores[:, label] - others.logsumexp(1)


def _integrated(parts: Parts, x: Tensor, nothing: Tensor, label: int) -> Tensor | None:
    """(T,): Sundararajan et al. (2017), "Axiomatic attribution for deep networks", by the midpoint rule."""
    total = torch.zeros_like(x)
    # in evaluation the fused GPU kernels have no backward pass, so they are left out here
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for points in torch.arange(POINTS, device=x.device).split(max(1, min(POINTS, 8192 // x.shape[1]))):
            share = ((points + 0.5) / POINTS).to(x.dtype).view(-1, 1, 1)
            between = (nothing + share * (x - nothing)).detach().requires_grad_(True)
            odds = _log_odds(parts, between, label).sum()
            if odds.grad_fn is None:
                return None
            (gradient,) = torch.autograd.grad(odds, between, allow_unused=True)
            if gradient is None:
                return None
            total += gradient.sum(0, keepdim=True)
    return ((x - nothing) * total / POINTS).sum(2)[0].float().cpu()


@torch.no_grad()
def _occluded(parts: Parts, x: Tensor, nothing: Tensor, label: int) -> Tensor:
    """(T,): the fall of the log-odds when a step is shown as the unknown symbol (Li et al., 2016)."""
    steps = x.shape[1]
    together = -(-steps // _MOST_OCCLUSIONS)
    starts = torch.arange(0, steps, together)
    whole = _log_odds(parts, x, label)[0]
    values = torch.empty(steps)
    for chunk in starts.split(_ROWS):
        rows = x.repeat(len(chunk), 1, 1)
        for i, start in enumerate(chunk.tolist()):
            rows[i, start : start + together] = nothing[0, start : start + together]
        falls = (whole - _log_odds(parts, rows, label)).float().cpu()
        for start, fall in zip(chunk.tolist(), falls.tolist(), strict=True):
            size = min(together, steps - start)
            values[start : start + size] = fall / size
    return values
