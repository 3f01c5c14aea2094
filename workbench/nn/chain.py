"""Forward–backward over a linear chain: negative log-likelihood, marginals and their exact gradient in one function.

Autograd through the recursion would record some eight operations a step. Here both messages run in one scan of a
product and a multiplication a step, and the gradient is written down: expected counts minus counted ones.

On a CPU the scan is in exponential space and float64. Potentials are scaled so that the best single step is exactly 1,
messages are rescaled every :data:`RESCALE` steps, and the overlap of both messages tells whether anything that matters
could have underflowed (scores hundreds of nats apart); then, and on devices where looking would mean waiting, the same
recursion runs in log space.

Source: Lafferty, McCallum & Pereira (2001), "Conditional random fields"; Rabiner (1989), section V.A, for the scaling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply
from workbench.nn.masks import reversal_index, sequence_mask

RESCALE = 8
"""Steps between rescalings: a message grows by at most K a step, so by 1e24 at a thousand labels."""
SMALLEST_OVERLAP = 1e-200
"""Below this overlap of forward and backward messages an underflow could matter."""
FORBIDDEN = -1e4
"""Score of what the constraints forbid, in a gold path: its loss is finite and plainly wrong."""
LOG_SPACE_ELEMENTS = 1 << 22


@dataclass(slots=True)
class ChainSums:
    """``log_z`` (B,), ``marginals`` (T, B, K), and what pair counts need: ``before`` and ``after`` (T - 1, B, K).

    The expected number of i → j weighted by w (B,) is Σ_t,b w · before[t, b, i] · A[i, j] · after[t, b, j] with
    ``pairs`` A (K, K); in log space ``pairs`` is log A and so are the others.
    """

    log_z: Tensor
    marginals: Tensor
    before: Tensor
    after: Tensor
    pairs: Tensor
    log_space: bool

    def pair_counts(self, weight: Tensor) -> Tensor:
        """(K, K) expected transitions, each sentence weighted by ``weight`` (B,)."""
        size = self.pairs.shape[0]
        if not self.log_space:
            after = (self.after * weight.view(1, -1, 1)).reshape(-1, size)
            return self.pairs * (self.before.reshape(-1, size).t() @ after)
        counts = torch.zeros_like(self.pairs)
        block = max(1, LOG_SPACE_ELEMENTS // (size * size * max(1, self.before.shape[1])))
        for start in range(0, self.before.shape[0], block):
            joint = self.before[start : start + block].unsqueeze(3) + self.after[start : start + block].unsqueeze(2)
            counts += torch.einsum("tbij,b->ij", (joint + self.pairs).exp_(), weight)
        return counts


def chain_sums(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, *, log_space: bool = False
) -> ChainSums:
    """Sums over all paths of ``emissions`` (B, T, K); ``-inf`` in ``transitions``, ``start``, ``end`` forbids."""
    if not log_space and emissions.device.type == "cpu":
        sums = _exponential_space(emissions, transitions, start, end, lengths)
        if sums is not None:
            return sums
    return _log_space(emissions, transitions, start, end, lengths)


def _turned(x: Tensor, index: Tensor) -> Tensor:
    """``x`` (T, B, K) turned round in time by a (B·T,) index made for (B, T) rows."""
    steps, batch, size = x.shape
    rows = x.transpose(0, 1).reshape(-1, size).index_select(0, index)
    return rows.view(batch, steps, size).transpose(0, 1)


def _exponential_space(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor
) -> ChainSums | None:
    """None where underflow could matter."""
    batch, steps = emissions.shape[:2]
    mask = sequence_mask(lengths, steps).t().contiguous()  # (T, B)
    transitions = transitions.double()
    # each column's best transition moves into the emissions, so that the best step is 1 and not merely at most 1
    best = transitions.amax(0)
    best = torch.where(best.isfinite(), best, 0.0)
    pairs = (transitions - best).exp_()
    scores = emissions.transpose(0, 1).to(torch.float64, copy=True)
    scores[1:] += best
    scores[0] += start.double()
    highest = scores.amax(2, keepdim=True)  # (T, B, 1)
    potentials = (scores - highest).exp_()
    potentials.masked_fill_(~mask.unsqueeze(2), 1.0)  # what follows the end is never read, but must stay finite
    top_end = end.double().amax()
    last = (end.double() - top_end).exp_()

    index = reversal_index(lengths, steps)
    both = torch.stack((potentials, _turned(potentials, index)), dim=1)  # (T, 2, B, K)
    matrices = torch.stack((pairs, pairs.t()))
    incoming = torch.empty_like(both)  # before multiplying by the potential of the step
    messages = torch.empty_like(both)
    incoming[0, 0] = 1.0
    incoming[0, 1] = last
    torch.mul(incoming[0], both[0], out=messages[0])
    scale = torch.zeros(steps, batch, dtype=torch.float64)
    message_at, incoming_at, potential_at = messages.unbind(), incoming.unbind(), both.unbind()
    for step in range(1, steps):
        torch.bmm(message_at[step - 1], matrices, out=incoming_at[step])
        torch.mul(incoming_at[step], potential_at[step], out=message_at[step])
        if step % RESCALE == 0:
            total = message_at[step].sum(2, keepdim=True).clamp_(min=1e-300)
            message_at[step].div_(total)
            scale[step] = total[0, :, 0].log()

    backward = _turned(messages[:, 1], index)
    joint = incoming[:, 0] * backward
    overlap = joint.sum(2)  # (T, B): the same sum over all paths at every step, but for scaling
    overlap.masked_fill_(~mask, 1.0)
    if not bool(overlap.min() > SMALLEST_OVERLAP):  # also when NaN
        return None
    inverse = overlap.reciprocal().masked_fill_(~mask, 0.0).unsqueeze(2)
    rows = torch.arange(batch)
    ends = messages[lengths - 1, 0, rows] * last
    log_z = ends.sum(1).log() + ((scale + highest.squeeze(2)) * mask).sum(0) + top_end
    return ChainSums(log_z, joint * inverse, messages[:-1, 0], (backward * inverse)[1:], pairs, log_space=False)


def _log_space(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor) -> ChainSums:
    """The same sums where no exponent can overflow; no value is looked at, so no device is waited for."""
    steps = emissions.shape[1]
    mask = sequence_mask(lengths, steps, emissions.device).t()
    dtype = torch.float32 if emissions.device.type == "mps" else torch.float64
    scores = emissions.transpose(0, 1).to(dtype).masked_fill(~mask.unsqueeze(2), 0.0)
    pairs = transitions.to(dtype)
    index = reversal_index(lengths, steps, emissions.device)
    both = torch.stack((scores, _turned(scores, index)), dim=1)
    matrices = torch.stack((pairs, pairs.t())).unsqueeze(1)  # (2, 1, K, K)
    first = torch.stack((start.to(dtype), end.to(dtype))).unsqueeze(1).expand_as(both[0])
    incoming, messages = [first], [first + both[0]]
    for step in range(1, steps):
        incoming.append(torch.logsumexp(messages[-1].unsqueeze(3) + matrices, dim=2))
        messages.append(incoming[-1] + both[step])
    forward_in = torch.stack([pair[0] for pair in incoming])
    forward = torch.stack([pair[0] for pair in messages])
    backward = _turned(torch.stack([pair[1] for pair in messages]), index)
    joint = forward_in + backward
    log_z = torch.logsumexp(joint[0], dim=1)
    outside = ~mask.unsqueeze(2)
    marginals = (joint - log_z.view(1, -1, 1)).masked_fill_(outside, float("-inf")).exp_()
    after = (backward - log_z.view(1, -1, 1)).masked_fill_(outside, float("-inf"))
    return ChainSums(log_z, marginals, forward[:-1], after[1:], pairs, log_space=True)


class _NegativeLogLikelihood(torch.autograd.Function):
    """(B,) -log p(tags); its gradient is marginals minus gold, computed once in the forward pass's own terms."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
        tags: Tensor,
        lengths: Tensor,
    ) -> Tensor:
        sums = chain_sums(emissions, transitions, start, end, lengths)
        steps = tags.shape[1]
        mask = sequence_mask(lengths, steps, tags.device)
        tags = tags.masked_fill(~mask, 0)
        last = tags.gather(1, (lengths - 1).to(tags.device).unsqueeze(1)).squeeze(1)
        dtype = sums.log_z.dtype
        gold = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2).to(dtype) * mask).sum(1)
        pair = transitions[tags[:, :-1], tags[:, 1:]].to(dtype).clamp(min=FORBIDDEN)
        gold = gold + (pair * mask[:, 1:]).sum(1)
        gold = gold + start[tags[:, 0]].to(dtype).clamp(min=FORBIDDEN) + end[last].to(dtype).clamp(min=FORBIDDEN)
        ctx.save_for_backward(emissions, transitions, start, end, tags, last, mask)
        ctx.sums = sums
        return (sums.log_z - gold).to(emissions.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        emissions, transitions, start, end, tags, last, mask = ctx.saved_tensors
        sums: ChainSums = ctx.sums
        size = transitions.shape[0]
        dtype = sums.log_z.dtype
        weight = gradients[0].to(dtype)  # (B,)
        # one term at a time: expected by the model minus counted in the gold path
        d_emissions = (sums.marginals * weight.view(1, -1, 1)).transpose(0, 1).contiguous()  # (B, T, K)
        d_emissions.scatter_add_(2, tags.unsqueeze(2), -(mask * weight.unsqueeze(1)).unsqueeze(2))
        d_start = d_emissions[:, 0].sum(0)
        at_end = sums.marginals[mask.sum(1) - 1, torch.arange(tags.shape[0], device=tags.device)]
        d_end = (at_end * weight.unsqueeze(1)).sum(0).index_add_(0, last, -weight)
        d_transitions = sums.pair_counts(weight).view(-1)
        cells = (tags[:, :-1] * size + tags[:, 1:]).reshape(-1)
        d_transitions = d_transitions.index_add(0, cells, -(mask[:, 1:] * weight.unsqueeze(1)).reshape(-1))
        return (
            d_emissions.to(emissions.dtype),
            _only_allowed(d_transitions.view(size, size), transitions),
            _only_allowed(d_start, start),
            _only_allowed(d_end, end),
            None,
            None,
        )


def _only_allowed(gradient: Tensor, scores: Tensor) -> Tensor:
    """``gradient`` in the type of ``scores``, zero where these forbid (a gold path that breaks the rules)."""
    return gradient.to(scores.dtype).masked_fill_(scores == float("-inf"), 0.0)


def negative_log_likelihood(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, tags: Tensor, lengths: Tensor
) -> Tensor:
    """(B,) -log p(``tags`` (B, T) | ``emissions`` (B, T, K)), differentiable once in the first four."""
    losses: Tensor = apply(_NegativeLogLikelihood, emissions, transitions, start, end, tags, lengths)
    return losses
