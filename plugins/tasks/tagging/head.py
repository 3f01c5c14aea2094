"""From the network's states to labels: a softmax for each token, or a CRF over the whole sentence.

Span layers are learned as IOBES tags, and what that scheme forbids has probability zero in the CRF. The softmax is
trained token by token; in decoding its best legal sequence is taken, or each token's own best.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from workbench_plugins.tasks.tagging.codec import TaggingCodec
from workbench_plugins.tasks.tagging.params import TaggingParams

from workbench.api.schemes import is_legal
from workbench.nn.chain import chain_sums
from workbench.nn.contract import Batch, Encoded, Head, LossSum
from workbench.nn.crf import LinearChainCrf
from workbench.nn.dropout import LockedDropout
from workbench.nn.losses import masked_cross_entropy
from workbench.nn.masks import sequence_mask
from workbench.nn.viterbi import n_best_paths, viterbi


class TaggingHead(Head):
    """``outputs`` (B, T, K): emission scores of K labels, float32."""

    allowed: Tensor
    allowed_start: Tensor
    allowed_end: Tensor

    def __init__(self, params: TaggingParams, codec: TaggingCodec, input_size: int) -> None:
        super().__init__()
        labels, scheme = codec.labels, codec.scheme
        self.dropout = LockedDropout(params.output_dropout)
        self.emissions = nn.Linear(input_size, len(labels))
        nn.init.xavier_uniform_(self.emissions.weight)
        nn.init.zeros_(self.emissions.bias)
        allowed = torch.tensor([[is_legal(a, b, scheme) for b in labels] for a in labels], dtype=torch.bool)
        start = torch.tensor([is_legal(None, label, scheme) for label in labels], dtype=torch.bool)
        end = torch.tensor([is_legal(label, None, scheme) for label in labels], dtype=torch.bool)
        self.crf = LinearChainCrf(len(labels), allowed, start, end) if params.head == "crf" else None
        if self.crf is None and not params.constrain_softmax:
            allowed, start, end = (torch.ones_like(mask) for mask in (allowed, start, end))
        self.free = bool(allowed.all())
        for name, mask in (("allowed", allowed), ("allowed_start", start), ("allowed_end", end)):
            self.register_buffer(name, mask, persistent=False)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        outputs: Tensor = self.emissions(self.dropout(encoded.states))
        return outputs

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        """Negative log-likelihood summed over the batch, counted in tokens for both heads, so that curves compare."""
        tags = batch.fields["labels"]
        if self.crf is None:
            return masked_cross_entropy(outputs, tags, batch.lengths)
        return LossSum(self.crf.loss(outputs.float(), tags, batch.lengths), int(batch.lengths.sum()))

    @torch.no_grad()
    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B,) losses and (B,) tokens of all sentences at once."""
        tags, counts = batch.fields["labels"], batch.lengths.to(outputs.device)
        if self.crf is not None:
            return self.crf.losses(outputs.float(), tags, batch.lengths), counts
        losses = functional.cross_entropy(outputs.float().transpose(1, 2), tags, reduction="none")
        inside = sequence_mask(batch.lengths, losses.shape[1], losses.device)
        return losses.masked_fill(~inside, 0.0).sum(1), counts

    def regression_targets(self, batch: Batch) -> Tensor | None:
        """One-hot labels (B, T, K) for the softmax; a CRF's transitions have no closed form."""
        if self.crf is not None:
            return None
        return functional.one_hot(batch.fields["labels"], self.emissions.out_features).float()

    def readout(self) -> nn.Linear | None:
        return None if self.crf is not None else self.emissions

    # --- decoding

    @torch.no_grad()
    def best(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """(B, T) int64 on the CPU: the most probable label sequences, legal ones where constrained."""
        if self.crf is not None:
            return self.crf.decode(outputs, lengths)[0]
        if self.free:
            return outputs.argmax(2).cpu()
        return viterbi(outputs.float().log_softmax(2), *self._rules(), lengths)[0]

    @torch.no_grad()
    def probabilities(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, K) of each label at each token: CRF marginals or softmax. Beyond a length they mean nothing."""
        if self.crf is not None:
            return self.crf.marginals(outputs, lengths)
        return outputs.float().softmax(2)

    @torch.no_grad()
    def along(self, outputs: Tensor, lengths: Tensor, paths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Marginals (B, T, K), those of ``paths`` (B, T), and p(pathₜ₊₁ | pathₜ) (B, T - 1): all on the CPU.

        The probability of a stretch of the path is the marginal at its start times the conditionals that follow,
        exactly: the chain is Markov. For a softmax the conditionals are the token probabilities themselves.
        """
        if self.crf is None:
            each = outputs.float().softmax(2).cpu()
            chosen = each.gather(2, paths.unsqueeze(2)).squeeze(2)
            return each, chosen, chosen[:, 1:]
        outputs = outputs.detach()
        sums = chain_sums(outputs, *self.crf.scores(), lengths)
        marginals = sums.marginals.transpose(0, 1).cpu().double()
        chosen = marginals.gather(2, paths.unsqueeze(2)).squeeze(2)
        turned = paths.t()
        before = sums.before.cpu().gather(2, turned[:-1].unsqueeze(2)).squeeze(2)
        after = sums.after.cpu().gather(2, turned[1:].unsqueeze(2)).squeeze(2)
        pairs = sums.pairs.cpu()[turned[:-1], turned[1:]]
        joint = (before + pairs + after).exp() if sums.log_space else before * pairs * after
        following = (joint.t() / chosen[:, :-1].clamp_min(1e-300)).nan_to_num(0.0).clamp(0.0, 1.0)
        return marginals, chosen, following

    @torch.no_grad()
    def n_best(self, outputs: Tensor, lengths: Tensor, n: int) -> list[list[tuple[list[int], float]]]:
        """For each sentence its ``n`` best label sequences and their model probability."""
        if self.crf is not None:
            return self.crf.n_best(outputs, lengths, n)
        scores = outputs.cpu().double().log_softmax(2)  # in this order: not every device has float64
        transitions, start, end = (part.cpu().double() for part in self._rules())
        found = n_best_paths(scores, transitions, start, end, lengths, n)
        return [[(path, float(torch.tensor(score).exp())) for path, score in paths] for paths in found]

    def _rules(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transition, start and end scores: 0 where legal, -inf where not."""
        masks = (self.allowed, self.allowed_start, self.allowed_end)
        transitions, start, end = (torch.zeros(m.shape, device=m.device).masked_fill_(~m, float("-inf")) for m in masks)
        return transitions, start, end
