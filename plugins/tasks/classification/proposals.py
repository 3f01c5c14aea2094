"""What to propose for a data set just imported, from its statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from workbench_plugins.tasks.classification.params import PRESETS

SMALL = 2_000
UNEVEN = 4.0
"""The most frequent label so many times the rarest: then the labels are balanced in the loss."""


def propose(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """(options, a sentence why): one for the labels of the data set, or none where there are not two of them.

    ``statistics`` has ``split_records`` and ``labels`` (layer → split → label → count), as attributes or keys.
    """
    counts: Counter[str] = Counter()
    for found in _get(statistics, "labels").get("label", {}).values():
        counts.update(found)
    if len(counts) < 2:
        return []
    records = sum(_get(statistics, "split_records").values())
    values: dict[str, Any] = dict(PRESETS[0].values) if 0 < records < SMALL else {}
    ranked = counts.most_common()
    names = [label for label, _ in ranked]
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    sentence = f"Give every text one of {len(names)} labels: {shown}."
    if ranked[0][1] > UNEVEN * ranked[-1][1]:
        values["class_weights"] = "balanced"
        sentence += f" {names[-1]} is rare, so each label counts as much."
    return [(values, sentence)]


def _get(statistics: Any, name: str) -> Mapping[str, Any]:
    found = statistics.get(name) if isinstance(statistics, Mapping) else getattr(statistics, name, None)
    return found or {}
