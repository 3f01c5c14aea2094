"""An evaluation of a running text: perplexity exactly, by frequency of symbols, and the lines that surprised most."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.language_modelling.codec import LanguageCodec
from workbench_plugins.tasks.language_modelling.result import LanguageModelResult
from workbench_plugins.tasks.language_modelling.scoring import exp_of

from workbench.api import Report
from workbench.nn.text import END, SPECIALS, UNKNOWN

StreamParts = Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]]
BANDS = (10, 100, 1_000, 10_000)
MAX_EXAMPLES = 100
SHORTEST_EXAMPLE = 5
"""Symbols of a line that is told as surprising: below, a single rare word decides."""
LONGEST_EXAMPLE = 2_000
MAX_SURPRISING = 30


def build_report(split: str, parts: StreamParts, codec: LanguageCodec) -> Report:
    """From the target symbols and their losses in nats, chunk by chunk in order."""
    size = len(codec)
    losses, counts = np.zeros(size), np.zeros(size, np.int64)
    lines = _Lines(codec)
    for symbols, chunk in parts:
        exact = chunk.astype(np.float64)
        losses += np.bincount(symbols, weights=exact, minlength=size)
        counts += np.bincount(symbols, minlength=size)
        lines.add(symbols, exact)
    total, count = float(losses.sum()), int(counts.sum())
    nats = total / count if count else math.nan
    metrics = {"perplexity": exp_of(nats), "nats_per_symbol": nats, "bits_per_symbol": nats / math.log(2)}
    if codec.by_character:
        metrics |= {"nats_per_character": nats, "bits_per_character": nats / math.log(2)}
    elif codec.tokeniser.kind in ("bpe", "unigram"):
        # a piece holds the space before its word; the first space of a line is the end of the line before
        characters = int(sum(len(codec.tokeniser.symbols[i]) * counts[i] for i in range(len(SPECIALS), size)))
        characters += int(counts[UNKNOWN])
        if characters:
            metrics["bits_per_character"] = total / math.log(2) / characters
    metrics["unknown_rate"] = float(counts[UNKNOWN]) / count if count else 0.0
    return Report(
        split=split,
        n_records=lines.records,
        n_tokens=count,
        metrics=metrics,
        table=(*_by_frequency(codec, losses, counts), *_surprising(codec, losses, counts)),
        examples=tuple(lines.examples()),
        protocol={
            "units": codec.tokeniser.kind,
            "vocabulary": size,
            "state": "carried over the whole stream, one row",
            "counted": "every symbol, the ends of records among them; exp of the mean at the end",
        },
    )


def _row(label: str, loss: float, count: int, total: int) -> dict[str, Any]:
    nats = loss / count if count else math.nan
    return {
        "label": label,
        "perplexity": exp_of(nats) if count else math.nan,
        "nats": nats,
        "share": count / total if total else 0.0,
        "support": count,
    }


def _by_frequency(codec: LanguageCodec, losses: NDArray[Any], counts: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """Symbols by their rank in the training text, then the ends and what is unknown."""
    total, first = int(counts.sum()), len(SPECIALS)
    seen = np.asarray(codec.tokeniser.counts, np.int64)[first:]
    order = first + np.argsort(-seen, kind="stable")
    low = 0
    for high in (*BANDS, len(order)):
        chosen = order[low : min(high, len(order))]
        if len(chosen) and counts[chosen].sum():
            label = f"the {high:,} most frequent" if low == 0 else f"rank {low + 1:,} to {low + len(chosen):,}"
            yield _row(label, float(losses[chosen].sum()), int(counts[chosen].sum()), total)
        low = max(low, min(high, len(order)))
    for symbol, label in ((END, "end of record"), (UNKNOWN, "unknown")):
        if counts[symbol]:
            yield _row(label, float(losses[symbol]), int(counts[symbol]), total)


def _surprising(codec: LanguageCodec, losses: NDArray[Any], counts: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """The symbols that cost most in all, which is where learning more would pay most."""
    total = int(counts.sum())
    for symbol in np.argsort(-losses, kind="stable")[:MAX_SURPRISING].tolist():
        if symbol != END and symbol != UNKNOWN and counts[symbol]:
            yield _row(f"“{codec.shown(symbol)}”", float(losses[symbol]), int(counts[symbol]), total)


class _Lines:
    """Cuts the stream into its lines again and keeps those that surprised most, each as a result to look at."""

    def __init__(self, codec: LanguageCodec) -> None:
        self.codec = codec
        self.end = int(codec.end_ids[-1])
        self.records = 0
        self._by_empty_lines = len(codec.end_ids) > 1
        self._count = 0
        self._symbols: list[NDArray[np.int64]] = []
        self._losses: list[NDArray[np.float64]] = []
        self._worst: list[tuple[float, int, NDArray[np.int64], NDArray[np.float64]]] = []

    def add(self, symbols: NDArray[np.int64], losses: NDArray[np.float64]) -> None:
        begin = 0
        for at in np.flatnonzero(symbols == self.end).tolist():
            self._symbols.append(symbols[begin:at])
            self._losses.append(losses[begin:at])
            # records of several lines end with an empty one
            self.records += not (self._by_empty_lines and any(map(len, self._symbols)))
            self._close()
            begin = at + 1
        self._symbols.append(symbols[begin:])
        self._losses.append(losses[begin:])

    def _close(self) -> None:
        if sum(map(len, self._symbols)):
            self._count += 1
            symbols, losses = np.concatenate(self._symbols), np.concatenate(self._losses)
            if len(symbols) >= SHORTEST_EXAMPLE:
                item = (float(losses.mean()), -self._count, symbols[:LONGEST_EXAMPLE], losses[:LONGEST_EXAMPLE])
                if len(self._worst) < MAX_EXAMPLES:
                    heapq.heappush(self._worst, item)
                elif item[:2] > self._worst[0][:2]:
                    heapq.heapreplace(self._worst, item)
        self._symbols.clear()
        self._losses.clear()

    def examples(self) -> Iterator[dict[str, Any]]:
        """Worst first; what the stream joined no longer tells which record a line was of."""
        self._close()
        for mean, _, symbols, losses in sorted(self._worst, key=lambda item: item[:2], reverse=True):
            text = self.codec.tokeniser.decode(symbols)
            result = LanguageModelResult(
                text=text,
                prefix=text,
                tokens=tuple(self.codec.shown(symbol) for symbol in symbols.tolist()),
                log_probabilities=tuple((-losses).tolist()),
                units=self.codec.tokeniser.kind,
            )
            yield {"gold": {"text": text}, "result": result.to_json(), "errors": len(symbols), "loss": mean}
