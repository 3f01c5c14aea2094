"""What to propose for a data set just imported, from its statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from workbench_plugins.tasks.tagging.fitting import PREFERRED_LAYERS
from workbench_plugins.tasks.tagging.params import PRESETS

SMALL_SENTENCES = 3_000


def propose(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """(options, a sentence why) for each layer, the likeliest first: entities, other spans, then plain labels.

    ``statistics`` is that of the dataset: ``split_records``, ``split_steps`` and ``labels`` (layer → split → label →
    count: spans by type for span layers, tokens by label for others), as attributes or keys.
    """
    layers: Mapping[str, Mapping[str, Mapping[str, int]]] = _get(statistics, "labels")
    steps: Mapping[str, int] = _get(statistics, "split_steps")
    records = sum(_get(statistics, "split_records").values())
    small = dict(PRESETS[0].values) if 0 < records < SMALL_SENTENCES else {}
    ranked: list[tuple[int, dict[str, Any], str]] = []
    for name, by_split in layers.items():
        counts: Counter[str] = Counter()
        for found in by_split.values():
            counts.update(found)
        if not counts:
            continue
        # every token has a plain label, but only some begin a span
        plain = counts.total() == sum(steps.get(split, 0) for split in by_split)
        if plain:
            values, sentence = {"head": "softmax"}, f"Give every word one of {len(counts)} labels (layer {name})."
        else:
            values, sentence = {"head": "crf"}, f"Find {_list(sorted(counts))} in sentences (layer {name})."
        rank = 2 if plain else 0 if name.lower() in PREFERRED_LAYERS else 1
        ranked.append((rank, {**small, **values, "layer": name}, sentence))
    return [(values, sentence) for _, values, sentence in sorted(ranked, key=lambda entry: entry[0])]


def _list(kinds: list[str]) -> str:
    named = [kind or "spans" for kind in kinds]
    if len(named) > 6:
        return f"{', '.join(named[:6])} and {len(named) - 6} more"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def _get(statistics: Any, name: str) -> Mapping[str, Any]:
    found = statistics.get(name) if isinstance(statistics, Mapping) else getattr(statistics, name, None)
    return found or {}
