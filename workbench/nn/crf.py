"""A linear-chain conditional random field whose labels can be constrained by a tag scheme.

p(y | x) = exp(start[y₁] + Σₜ emission[t, yₜ] + Σₜ transition[yₜ₋₁, yₜ] + end[y_T]) / Z(x). What the constraints
forbid has probability exactly zero, in training and decoding alike.

Source: Lafferty, McCallum & Pereira (2001); Lample et al. (2016) for its use on top of a recurrent network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench.nn.chain import chain_sums, negative_log_likelihood
from workbench.nn.functions import one_thread
from workbench.nn.viterbi import n_best_paths, viterbi


class LinearChainCrf(nn.Module):
    """Scores and decodes label sequences of ``labels`` labels.

    ``allowed`` (K, K), ``allowed_start`` (K,) and ``allowed_end`` (K,) are bool: True where a transition from row to
    column, a first label, a last label may be. They are not saved with the weights: they follow from the labels.
    All methods take ``emissions`` (B, T, K) on any device and ``lengths`` (B,) int64 on the CPU, each ≥ 1; what stands
    beyond a length does not matter.
    """

    allowed: Tensor
    allowed_start: Tensor
    allowed_end: Tensor

    def __init__(
        self,
        labels: int,
        allowed: Tensor | None = None,
        allowed_start: Tensor | None = None,
        allowed_end: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.labels = labels
        self.transitions = nn.Parameter(torch.empty(labels, labels).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(labels).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(labels).uniform_(-0.1, 0.1))
        for name, given, shape in (
            ("allowed", allowed, (labels, labels)),
            ("allowed_start", allowed_start, (labels,)),
            ("allowed_end", allowed_end, (labels,)),
        ):
            mask = torch.ones(shape, dtype=torch.bool) if given is None else torch.as_tensor(given).bool()
            if mask.shape != shape:
                raise ValueError(f"{name} has shape {tuple(mask.shape)}, expected {shape}")
            if not mask.any():
                raise ValueError(f"{name} forbids everything")
            self.register_buffer(name, mask, persistent=False)
        self.constrained = not all(bool(mask.all()) for mask in (self.allowed, self.allowed_start, self.allowed_end))

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions (K, K), start (K,) and end (K,) in float32 or wider, ``-inf`` where forbidden."""
        if not self.constrained:
            return self.transitions, self.start, self.end
        return (
            self.transitions.masked_fill(~self.allowed, float("-inf")),
            self.start.masked_fill(~self.allowed_start, float("-inf")),
            self.end.masked_fill(~self.allowed_end, float("-inf")),
        )

    def losses(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """(B,) -log p(``tags`` (B, T)). A gold path that breaks the constraints costs 10⁴ a break, not infinity."""
        emissions = emissions.float() if emissions.dtype in (torch.float16, torch.bfloat16) else emissions
        return negative_log_likelihood(emissions, *self.scores(), tags, lengths)

    def loss(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """The sum of :meth:`losses` over the batch."""
        return self.losses(emissions, tags, lengths).sum()

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The best path of each sentence (B, T) int64, 0 beyond its end, and its score (B,); both on the CPU."""
        with one_thread(emissions.shape[0] * self.labels**2):
            return viterbi(emissions, *self.scores(), lengths)

    @torch.no_grad()
    def marginals(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, K) p(yₜ = k | x) in float32; zeros beyond the end."""
        return chain_sums(emissions, *self.scores(), lengths).marginals.transpose(0, 1).float()

    @torch.no_grad()
    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """(B,) log Z(x)."""
        return chain_sums(emissions, *self.scores(), lengths).log_z

    @torch.no_grad()
    def n_best(self, emissions: Tensor, lengths: Tensor, n: int) -> list[list[tuple[list[int], float]]]:
        """For each sentence up to ``n`` distinct paths with their probability p(path | x), best first; exact."""
        if n < 1:
            raise ValueError(f"n is at least 1, not {n}")
        log_z = self.log_partition(emissions, lengths).cpu().double()
        found = n_best_paths(emissions, *self.scores(), lengths, n)
        return [
            [(path, float((torch.tensor(score, dtype=torch.float64) - log_z[row]).exp())) for path, score in paths]
            for row, paths in enumerate(found)
        ]

    def extra_repr(self) -> str:
        return f"labels={self.labels}"
