"""Figures as people read them: shares in per cent points, everything else as it is."""

from __future__ import annotations

import math
import re

_SHARES = frozenset({"accuracy", "f1", "precision", "recall", "coverage", "rate", "share", "exact", "ece"})
"""Words in the names of metrics whose values are shares of one."""


def is_share(name: str) -> bool:
    """Whether a metric of this name goes from 0 to 1 and is read in per cent."""
    # whole words: "generated_rmse" is no rate
    return not _SHARES.isdisjoint(re.split(r"[^a-z0-9]+", name.lower()))


def metric_text(name: str, value: float) -> str:
    """A metric for reading: 0.834 of an F1 is 83.4, of a scaled error 0.834."""
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:.1f}" if is_share(name) and 0 <= value <= 1 else f"{value:,.4g}"


_ABBREVIATIONS = ("BLEU", "chrF", "F1", "MAE", "MSE", "RMSE", "MAPE", "sMAPE", "MASE", "CRPS")
_SPELLED = {name.lower(): name for name in _ABBREVIATIONS}
"""How abbreviations are written."""


def metric_name(name: str) -> str:
    """A metric without a title of its own in words: "Token accuracy" for token_accuracy, "sMAPE" for smape."""
    words = [_SPELLED.get(word, word) for word in name.split("_")]
    if words[0].lower() not in _SPELLED:
        words[0] = words[0].capitalize()
    return " ".join(words)


UNITS = {"series": ("windows", "values"), "labelled_tree": ("trees", "nodes"), "text_pair": ("pairs", "tokens")}
"""Kind of record → what a report counts, and what a second of training is counted in."""


def units_of(record_kind: str) -> tuple[str, str]:
    """What is counted of records of a kind: ("windows", "values") of series, ("records", "tokens") of most."""
    return UNITS.get(record_kind, ("records", "tokens"))
