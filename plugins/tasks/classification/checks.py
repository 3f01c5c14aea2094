"""What the data doctor says of labelled texts beside its own checks: rare labels, texts without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from workbench.api import Finding, LabelledText, StoredRecord

FEW = 8
UNEVEN = 10.0
_MAX_RECORDS = 1000


def check_labels(records: Iterable[StoredRecord]) -> Iterable[Finding]:
    """Imbalance of the training split, labels with too few texts to learn from, texts without a label."""
    counts: Counter[str] = Counter()
    first: dict[str, list[int]] = {}
    without: list[int] = []
    spaced: dict[str, set[str]] = {}
    for stored in records:
        if not isinstance(stored.record, LabelledText):
            continue
        label = stored.record.label
        if not label:
            without.append(stored.id)
            continue
        spaced.setdefault(label.casefold().strip(), set()).add(label)
        if stored.split in ("train", ""):
            counts[label] += 1
            if len(first.setdefault(label, [])) < FEW:
                first[label].append(stored.id)
    if without:
        yield Finding(
            "unlabelled",
            "warning",
            f"{'1 text has' if len(without) == 1 else f'{len(without):,} texts have'} no label.",
            tuple(without[:_MAX_RECORDS]),
            fix="Label them, or leave them out: nothing is learned from them.",
        )
    for names in spaced.values():
        if len(names) > 1:
            yield Finding(
                "spelling",
                "warning",
                f"Labels that differ in capitals or blanks only: {', '.join(repr(one) for one in sorted(names))}.",
                fix="Make them one label.",
            )
    if len(counts) < 2:
        return
    ranked = counts.most_common()
    (most, many), (least, few) = ranked[0], ranked[-1]
    if many > UNEVEN * few:
        yield Finding(
            "imbalance",
            "warning",
            f"Training has {many:,} texts labelled {most} and {few:,} labelled {least}.",
            fix="Set the class weights of the task to balanced, and look at macro F1 rather than at accuracy.",
        )
    for label, count in ranked:
        if count < FEW:
            yield Finding(
                "rare",
                "info",
                f"Training has only {'1 text' if count == 1 else f'{count} texts'} labelled {label}.",
                tuple(first[label]),
                fix="Label more of them, or join the label with another.",
            )
