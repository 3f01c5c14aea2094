"""The figures of a classifier's report equal the field's own, and the doctor and the proposals speak of labels."""

from __future__ import annotations

import numpy as np
import pytest
from workbench_plugins.samples.reviews import SAMPLE
from workbench_plugins.samples.reviews.load import records as sample_records
from workbench_plugins.tasks.classification.checks import check_labels
from workbench_plugins.tasks.classification.params import PRESETS, ClassificationParams
from workbench_plugins.tasks.classification.proposals import propose
from workbench_plugins.tasks.classification.report import build_report
from workbench_plugins.tasks.classification.scoring import ClassAccuracy, MacroF1, Reliability

from workbench.api import ClassProbabilities, LabelledText, StoredRecord, validate

LABELS = ("a", "b", "c")


def answers(count: int = 200) -> list[tuple[LabelledText, ClassProbabilities]]:
    draw = np.random.default_rng(4)
    pairs = []
    for i in range(count):
        p = draw.dirichlet([1.0, 1.0, 1.0])
        result = ClassProbabilities(LABELS[int(p.argmax())], dict(zip(LABELS, p.tolist(), strict=True)))
        pairs.append((LabelledText(f"text {i}", LABELS[int(draw.choice(3, p=[0.6, 0.3, 0.1]))]), result))
    return pairs


def test_accuracy_and_macro_f1_are_the_field_s() -> None:
    pairs = answers()
    accuracy, macro = ClassAccuracy(), MacroF1()
    for record, result in pairs:
        accuracy.update(result, record)
        macro.update(result, record)
    gold, found = (np.array(x) for x in zip(*[(r.label, a.label) for r, a in pairs], strict=True))
    expected = []
    for label in LABELS:  # as scikit-learn's f1_score(average="macro") defines it
        right = ((gold == label) & (found == label)).sum()
        expected.append(2 * right / ((gold == label).sum() + (found == label).sum()))
    assert accuracy.compute()["class_accuracy"] == pytest.approx((gold == found).mean())
    assert macro.compute()["macro_f1"] == pytest.approx(np.mean(expected))


def test_metrics_say_nothing_without_labels() -> None:
    metric = ClassAccuracy()
    metric.update(ClassProbabilities("a", {"a": 1.0}), LabelledText("no label"))
    assert metric.compute() == {}


def test_the_calibration_error_is_that_of_its_bins() -> None:
    found = Reliability()
    for probability, right in ((0.9, True), (0.9, False), (0.65, True), (0.55, False)):
        found.add(probability, right)
    assert found.error == pytest.approx((abs(1 - 1.8) + abs(1 - 0.65) + abs(0 - 0.55)) / 4)
    assert [row["count"] for row in found.table()] == [1, 1, 2]


def test_the_surest_mistakes_come_first() -> None:
    pairs = answers()
    report = build_report("test", [(i, record, result, 0.5) for i, (record, result) in enumerate(pairs)])
    wrong = [example["result"]["probabilities"][example["gold"]["label"]] for example in report.examples]
    assert wrong == sorted(wrong)
    assert sum(map(sum, report.confusion)) == 200
    assert len(report.examples) == sum(record.label != result.label for record, result in pairs)


def stored(*labels: str) -> list[StoredRecord]:
    return [StoredRecord(i, i, "train", "", LabelledText(f"t {i}", label)) for i, label in enumerate(labels)]


def test_the_doctor_tells_of_imbalance_rare_spelling_and_missing_labels() -> None:
    found = {one.check: one for one in check_labels(stored(*["yes"] * 200, "no", "No ", ""))}
    assert set(found) == {"imbalance", "rare", "spelling", "unlabelled"}
    assert "200 texts labelled yes" in found["imbalance"].message
    assert found["unlabelled"].record_ids == (202,)
    assert not list(check_labels(stored(*["yes", "no"] * 20)))


def test_a_proposal_names_the_labels_and_balances_uneven_ones() -> None:
    statistics = {
        "split_records": {"train": 900},
        "labels": {"label": {"train": {"spam": 100, "ham": 800}}},
    }
    ((values, sentence),) = propose(statistics)
    assert "ham, spam" in sentence
    assert values["class_weights"] == "balanced"
    assert validate(ClassificationParams, values).embedding_size == PRESETS[0].values["embedding_size"]
    assert propose({"split_records": {"train": 9}, "labels": {"label": {"train": {"x": 9}}}}) == []


def test_the_sample_is_the_same_each_time_and_leaks_nothing() -> None:
    first, again = list(sample_records()), list(sample_records())
    assert first == again
    assert len({record.text for _, _, record in first}) == len(first) == 2000
    assert SAMPLE.verb == "Classify"
