"""BLEU and chrF as sacreBLEU computes them, with its signature.

Source: Post (2018), "A call for clarity in reporting BLEU scores"; Popović (2015), "chrF". Records that share a source
are references of one another: the source counts once, and all its targets are references.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.api import Record, Result, TextPair, Translation


class Collected:
    """The answer and the references of each source, in the order in which they came."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.references: dict[str, list[str]] = {}

    def add(self, result: Result, record: Record) -> None:
        if not isinstance(record, TextPair) or not isinstance(result, Translation) or not record.target.strip():
            return
        self.answers.setdefault(record.source, result.text)
        known = self.references.setdefault(record.source, [])
        if record.target not in known:
            known.append(record.target)

    def __len__(self) -> int:
        return len(self.answers)

    def streams(self) -> tuple[list[str], list[list[str | None]]]:
        """What sacreBLEU reads: answers (N,), and as many lists of N references as the most of one source, or None."""
        most = max(map(len, self.references.values()), default=0)
        return list(self.answers.values()), [
            [known[i] if i < len(known) else None for known in self.references.values()] for i in range(most)
        ]


class _Score:
    """A metric over all answers seen, 0 to 100."""

    ID = ""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.collected = Collected()

    def update(self, result: Result, record: Record) -> None:
        self.collected.add(result, record)

    def compute(self) -> dict[str, float]:
        return {self.ID: measured(self.collected, (self.ID,))[self.ID][0]}


class Bleu(_Score):
    """Corpus BLEU of detokenised, cased text with the 13a tokeniser."""

    ID = "bleu"


class ChrF(_Score):
    """Character F-score."""

    ID = "chrf"


def measured(collected: Collected, names: Sequence[str] = ("bleu", "chrf")) -> dict[str, tuple[float, str]]:
    """{"bleu", "chrf"} → (score, sacreBLEU's signature)."""
    answers, references = collected.streams()
    found: dict[str, tuple[float, str]] = {}
    for name in names:
        metric = _metric(name)
        value = float(metric.corpus_score(answers, references).score) if answers else 0.0
        found[name] = (value, str(metric.get_signature()) if answers else "")
    return found


def sentence_score(answer: str, references: Iterable[str]) -> float:
    """chrF of one sentence, by which the worst are found (BLEU means little for one)."""
    return float(_metric("chrf").sentence_score(answer, list(references)).score)


def _metric(name: str) -> Any:
    import sacrebleu.metrics as library

    kinds: Any = library
    return kinds.BLEU() if name == "bleu" else kinds.CHRF()
