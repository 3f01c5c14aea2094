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

from workbench.nn.functions import apply, one_thread
from workbench.nn.masks import reversal_index, sequence_mask

RESCALE = 8
"""Steps between rescalings: a message grows by at most K a step, so by 1e24 at a thousand labels."""
SMALLEST_OVERLAP = 1e-80
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
    with one_thread(_step_work(emissions)):
        if not log_space and emissions.device.type == "cpu":
            sums = _exponential_space(emissions, transitions, start, end, lengths)
            if sums is not None:
                return sums
        return _log_space(emissions, transitions, start, end, lengths)


def _step_work(emissions: Tensor) -> int:
    """Multiplications of one step of the scan over ``emissions`` (B, T, K): both directions."""
    return 2 * emissions.shape[0] * emissions.shape[2] ** 2


def _turned(x: Tensor, index: Tensor) -> Tensor:
    """``x`` (T, B, K) turned round in time by a (B·T,) index made for (B, T) rows."""
    steps, batch, size = x.shape
    rows = x.transpose(0, 1).reshape(-1, size).index_select(0, index)
    return rows.view(batch, steps, size).transpose(0, 1)


def _exponential_space(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor
) -> ChainSums | None:
    """None where underflow could matter."""
    steps = emissions.shape[1]
    mask = sequence_mask(lengths, steps).t()  # (T, B)
    outside = ~mask
    transitions = transitions.double()
    # each column's best transition moves into the emissions, so that the best step is 1 and not merely at most 1
    best = transitions.amax(0).clamp_(min=-1e300)
    pairs = (transitions - best).exp_()
    scores = emissions.transpose(0, 1).to(torch.float64, copy=True)
    scores[1:].add_(best)
    scores[0].add_(start)
    highest = scores.amax(2, keepdim=True)  # (T, B, 1)
    potentials = scores.sub_(highest).exp_()
    potentials.masked_fill_(outside.unsqueeze(2), 1.0)  # what follows the end is never read, but must stay finite
    top_end = end.amax()
    last = (end - top_end).double().exp_()

    # forwards from the start beside backwards from the end: one product serves both
    index = reversal_index(lengths, steps)
    both = torch.stack((potentials, _turned(potentials, index)), dim=1)  # (T, 2, B, K)
    matrices = torch.stack((pairs, pairs.t()))
    messages = torch.empty_like(both)
    message_at, potential_at = messages.unbind(), both.unbind()
    message_at[0].copy_(potential_at[0])[1].mul_(last)
    totals: list[Tensor] = []
    for step in range(1, steps):
        torch.bmm(message_at[step - 1], matrices, out=message_at[step]).mul_(potential_at[step])
        if step % RESCALE == 0:
            totals.append(message_at[step].sum(2, keepdim=True).clamp_(min=1e-300))
            message_at[step].div_(totals[-1])

    forward, backward = messages[:, 0], _turned(messages[:, 1], index)
    # both hold the potential of their own step, which counts once; where it is 0 the product is 0 already
    joint = (forward * backward).div_(potentials.clamp_(min=1e-300))
    overlap = joint.sum(2).masked_fill_(outside, 1.0)  # (T, B): the sum over all paths, but for scaling
    if not bool(overlap.min() > SMALLEST_OVERLAP):  # also when NaN
        return None
    inverse = overlap.reciprocal().masked_fill_(outside, 0.0).unsqueeze(2)
    log_z = overlap[0].log() + (highest.squeeze(2) * mask).sum(0) + top_end
    after = backward[1:] * inverse[1:]
    if totals:
        scale = torch.stack(totals)  # (T // RESCALE, 2, B, 1)
        after[RESCALE - 1 :: RESCALE].div_(scale[:, 0])  # the message before a rescaling meets the one after it
        log_z += (scale[:, 1, :, 0].log_() * mask[RESCALE::RESCALE]).sum(0)
    return ChainSums(log_z, joint.mul_(inverse), forward[:-1], after, pairs, log_space=False)


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
        with one_thread(_step_work(emissions)):
            sums = chain_sums(emissions, transitions, start, end, lengths)
            mask = sequence_mask(lengths, tags.shape[1], tags.device)
            ends = (lengths - 1).to(tags.device)
            tags = tags.masked_fill(~mask, 0)
            counted = mask.to(sums.log_z.dtype)
            gold = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * counted).sum(1)
            cells = tags[:, :-1] * transitions.shape[0] + tags[:, 1:]
            gold += (transitions.take(cells).clamp_(min=FORBIDDEN) * counted[:, 1:]).sum(1)
            gold += start.take(tags[:, 0]).clamp_(min=FORBIDDEN)
            gold += end.take(tags.gather(1, ends.unsqueeze(1)).squeeze(1)).clamp_(min=FORBIDDEN)
            ctx.save_for_backward(tags, cells, ends, counted)
            ctx.sums = sums
            ctx.dtypes, ctx.work = (emissions.dtype, transitions.dtype), _step_work(emissions)
            return (sums.log_z - gold).to(emissions.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        tags, cells, ends, counted = ctx.saved_tensors
        sums: ChainSums = ctx.sums
        emission_dtype, dtype = ctx.dtypes
        with one_thread(ctx.work):
            weight = gradients[0].to(counted.dtype)  # (B,)
            # everywhere: expected by the model minus counted in the gold path
            surprise = sums.marginals.transpose(0, 1).clone(memory_format=torch.contiguous_format)  # (B, T, K)
            surprise.scatter_add_(2, tags.unsqueeze(2), -counted.unsqueeze(2)).mul_(weight.view(-1, 1, 1))
            d_start = surprise[:, 0].sum(0)
            d_end = surprise[torch.arange(len(ends), device=ends.device), ends].sum(0)
            d_transitions = sums.pair_counts(weight)
            gold_pairs = counted[:, 1:] * -weight.unsqueeze(1)
            d_transitions.view(-1).index_add_(0, cells.view(-1), gold_pairs.view(-1))
            return (
                surprise.to(emission_dtype),
                d_transitions.to(dtype),
                d_start.to(dtype),
                d_end.to(dtype),
                None,
                None,
            )


def negative_log_likelihood(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, tags: Tensor, lengths: Tensor
) -> Tensor:
    """(B,) -log p(``tags`` (B, T) | ``emissions`` (B, T, K)), differentiable once in the first four."""
    losses: Tensor = apply(_NegativeLogLikelihood, emissions, transitions, start, end, tags, lengths)
    return losses
