"""From outputs to :class:`TokenLabels`: labels in IOB2, and how sure the model is of tokens, spans and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.tagging.codec import TaggingCodec
from workbench_plugins.tasks.tagging.head import TaggingHead

from workbench.api import LabelledSpan, TaggedTokens, TokenLabels
from workbench.api.schemes import parse_tag, spans
from workbench.nn.contract import DecodeOptions


def decode_batch(
    outputs: Tensor,
    lengths: Tensor,
    head: TaggingHead,
    codec: TaggingCodec,
    sentences: Sequence[TaggedTokens],
    options: DecodeOptions,
) -> list[TokenLabels]:
    """One result for each sentence, in order.

    A token's probability is that of its label as shown (B-PER gathers the network's B-PER and S-PER); a span's is that
    of exactly these tokens carrying exactly this label.
    """
    paths = head.best(outputs, lengths)
    plain_paths = paths.tolist()
    sizes = lengths.tolist()
    labels = [codec.tags(path[:size]) for path, size in zip(plain_paths, sizes, strict=True)]
    if not options.probabilities:
        return [
            TokenLabels(
                tokens=sentence.tokens,
                labels=tags,
                probabilities=(1.0,) * len(tags),
                spans=tuple(LabelledSpan(a, b, kind, 1.0) for a, b, kind in spans(tags)) if codec.spans else (),
                layer=codec.layer,
            )
            for sentence, tags in zip(sentences, labels, strict=True)
        ]
    marginals, chosen, following = (part.double().numpy() for part in head.along(outputs, lengths, paths))
    shown, merge = shown_labels(codec.labels, codec.spans)
    place = {label: i for i, label in enumerate(shown)}
    merged = marginals @ merge
    sequences = head.n_best(outputs, lengths, options.n_best) if options.n_best > 1 else None
    results: list[TokenLabels] = []
    for row, (sentence, tags, size) in enumerate(zip(sentences, labels, sizes, strict=True)):
        of_token = merged[row, :size]
        each = of_token[np.arange(size), [place[tag] for tag in tags]]
        results.append(
            TokenLabels(
                tokens=sentence.tokens,
                labels=tags,
                probabilities=tuple(_unit(each)),
                spans=_spans(tags, chosen[row], following[row]) if codec.spans else (),
                alternatives=_alternatives(of_token, shown, options.alternatives),
                n_best=_sequences(codec, sequences[row]) if sequences else (),
                layer=codec.layer,
            )
        )
    return results


@lru_cache(maxsize=32)
def shown_labels(labels: tuple[str, ...], spanned: bool) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Labels as people see them (IOB2) and a (K, shown) matrix that gathers the network's probabilities into them."""
    of_each = [_shown(label) if spanned else label for label in labels]
    shown = tuple(dict.fromkeys(of_each))
    merge = np.zeros((len(labels), len(shown)))
    for i, label in enumerate(of_each):
        merge[i, shown.index(label)] = 1.0
    return shown, merge


def _shown(tag: str) -> str:
    letter, kind = parse_tag(tag)
    if letter == "O":
        return "O"
    begins = "B" if letter in "BS" else "I"
    return f"{begins}-{kind}" if kind else begins


def _spans(
    tags: Sequence[str], chosen: NDArray[np.float64], following: NDArray[np.float64]
) -> tuple[LabelledSpan, ...]:
    return tuple(
        LabelledSpan(start, end, kind, float(np.clip(chosen[start] * following[start : end - 1].prod(), 0.0, 1.0)))
        for start, end, kind in spans(tags)
    )


def _sequences(codec: TaggingCodec, found: list[tuple[list[int], float]]) -> tuple[tuple[tuple[str, ...], float], ...]:
    """Distinct label sequences as shown, best first: only an unconstrained softmax can yield one twice."""
    sequences: dict[tuple[str, ...], float] = {}
    for path, p in found:
        sequences.setdefault(codec.tags(path), min(1.0, p))
    return tuple(sequences.items())


def _alternatives(
    of_token: NDArray[np.float64], shown: Sequence[str], count: int
) -> tuple[tuple[tuple[str, float], ...], ...]:
    """The ``count`` most probable labels of each token, best first."""
    if count < 1:
        return ()
    best = np.argsort(-of_token, axis=1, kind="stable")[:, :count]
    values = np.take_along_axis(of_token, best, axis=1)
    return tuple(
        tuple((shown[i], p) for i, p in zip(row.tolist(), _unit(p), strict=True))
        for row, p in zip(best, values, strict=True)
    )


def _unit(values: NDArray[np.float64]) -> list[float]:
    """Probabilities as floats, rounding errors cut off."""
    return np.clip(values, 0.0, 1.0).tolist()
