"""Scores of the next symbol, and what is added to the loss of large models on little text."""

from __future__ import annotations

import torch
from torch import Tensor
from workbench_plugins.tasks.language_modelling.params import LanguageModellingParams

from workbench.nn.contract import Batch, Encoded
from workbench.nn.heads import VocabularyHead
from workbench.nn.symbols import AdaptiveSoftmax

ADAPTIVE_DIVIDE = 2.0
"""Each cluster of rarer symbols is half as wide as the one before: 4, torch's own, costs more quality than it saves."""


def cutoffs(vocabulary: int) -> tuple[int, ...]:
    """Where the clusters of an adaptive softmax begin: a fifth of the vocabulary is frequent, three fifths middling.

    At 10,000 words 2,000 and 6,000; never beyond 20,000 for the short list, which every step pays for.
    """
    first = max(1, min(20_000, vocabulary // 5))
    return tuple(cut for cut in (first, 3 * first, 10 * first) if cut < vocabulary)


class LanguageHead(VocabularyHead):
    """Activation regularisation as in Merity et al. (2017), "Revisiting activation regularization for language RNNs".

    ``activation_penalty`` α adds α · mean(h²) and ``slowness_penalty`` β adds β · mean((hₜ - hₜ₋₁)²), in training, to
    the gradient; the loss that is shown stays that of the symbols.
    """

    def __init__(self, params: LanguageModellingParams, input_size: int, vocabulary: int) -> None:
        super().__init__(
            input_size,
            vocabulary,
            dropout=params.output_dropout,
            tied=params.ties,
            embedding_size=params.embedding_size,
        )
        if params.softmax == "adaptive":
            self.output = AdaptiveSoftmax(input_size, vocabulary, cutoffs(vocabulary), divide=ADAPTIVE_DIVIDE)
        self.activation_penalty = params.activation_penalty
        self.slowness_penalty = params.slowness_penalty

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        raw = encoded.states
        states: Tensor = self.dropout(raw)
        if self.training and torch.is_grad_enabled() and (self.activation_penalty or self.slowness_penalty):
            penalty = states.new_zeros(())
            if self.activation_penalty:
                penalty = penalty + self.activation_penalty * states.float().square().mean()
            if self.slowness_penalty and raw.shape[1] > 1:
                penalty = penalty + self.slowness_penalty * (raw[:, 1:] - raw[:, :-1]).float().square().mean()
            # the engine divides what it adds to the summed loss by the number of symbols
            penalty = penalty * int(encoded.lengths.sum())
            encoded.penalty = penalty if encoded.penalty is None else encoded.penalty + penalty
        return states
