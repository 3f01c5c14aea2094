"""What to propose for a data set just imported, from its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench_plugins.tasks.tagging.codec import choose_layer

from workbench.api.schemes import Scheme, spans

SMALL_SENTENCES = 3_000


def propose(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """(options, a sentence why) for each layer worth learning, the likeliest first.

    ``statistics`` holds ``count`` (records) and ``labels`` (layer → label → occurrences), as attributes or keys.
    """
    labels: Mapping[str, Mapping[str, int]] = _get(statistics, "labels", {})
    count = int(_get(statistics, "count", 0))
    schemes = {name: _scheme(found) for name, found in labels.items() if found}
    if not schemes:
        return []
    first = choose_layer(schemes)
    small = _small() if 0 < count < SMALL_SENTENCES else {}
    proposals: list[tuple[dict[str, Any], str]] = []
    for name in sorted(schemes, key=lambda name: name != first):
        if schemes[name] is Scheme.IOB2:
            kinds = sorted({kind for tag in labels[name] for _, _, kind in spans((tag,))})
            values, sentence = {"head": "crf"}, f"Find {_list(kinds)} in sentences (layer {name})."
        else:
            values, sentence = {"head": "softmax"}, f"Give every word one of {len(labels[name])} labels (layer {name})."
        proposals.append(({**small, **values, "layer": name}, sentence))
    return proposals


def _scheme(labels: Mapping[str, int]) -> Scheme:
    """Spans where every label but O is a letter B or I and a name."""
    tagged = [label for label in labels if label != "O"]
    return Scheme.IOB2 if all(label[:2] in ("B-", "I-") or label in ("B", "I") for label in tagged) else Scheme.PLAIN


def _small() -> dict[str, Any]:
    from workbench_plugins.tasks.tagging.params import PRESETS

    return dict(PRESETS[0].values)


def _list(kinds: list[str]) -> str:
    named = [kind or "spans" for kind in kinds]
    if not named:
        return "spans"
    if len(named) > 6:
        return f"{', '.join(named[:6])} and {len(named) - 6} more"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def _get(statistics: Any, name: str, default: Any) -> Any:
    if isinstance(statistics, Mapping):
        return statistics.get(name, default)
    return getattr(statistics, name, default)
