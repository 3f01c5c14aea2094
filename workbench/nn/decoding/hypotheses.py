"""What decoding yields, and how hypotheses are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.nn.decoding.options import Decoding


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Symbols that were written, without the end.

    ``log_probability`` is the model's of ``tokens`` and the end; ``score`` the same normalised (see
    :class:`Decoding`), the more the better. ``step_log_probabilities`` (n + 1,) has one for each symbol and one for the
    end, and so has ``attention`` (n + 1, S) a row. ``cut``: the model did not end it, its length did.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float
    step_log_probabilities: tuple[float, ...]
    attention: NDArray[np.float32] | None = None
    cut: bool = False


def final_score(
    log_probability: float, symbols: int, options: Decoding, attention: NDArray[np.float32] | None = None
) -> float:
    """The normalised score of a finished hypothesis of ``symbols`` symbols, the end included; attention (n, S)."""
    score = log_probability / options.normaliser(symbols)
    if options.coverage_penalty and attention is not None:
        looked = np.minimum(attention.sum(0, dtype=np.float64), 1.0)
        score += options.coverage_penalty * float(np.log(np.maximum(looked, 1e-10)).sum())
    return score


def copy_unknowns(
    words: Sequence[str], unknown: str, attention: NDArray[np.float32] | None, source: Sequence[str]
) -> tuple[str, ...]:
    """``words`` with each ``unknown`` replaced by the source word that was looked at most when it was written.

    Source: Luong et al. (2015), "Addressing the rare word problem in neural machine translation"; Jean et al. (2015).
    """
    if attention is None or not len(source):
        return tuple(words)
    places = attention[: len(words), : len(source)].argmax(1)
    return tuple(source[place] if word == unknown else word for word, place in zip(words, places, strict=True))
