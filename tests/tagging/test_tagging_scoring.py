"""Entity scores are those of conlleval and seqeval, on illegal sequences too."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from conlleval_rules import conlleval
from workbench_plugins.tasks.tagging.scoring import (
    EntityF1,
    SpanCounts,
    TokenAccuracy,
    entity_scores,
    scores,
)

from workbench.api import TaggedTokens, TokenLabels

IOB = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
IOBES = st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("PER", "LOC"))])


def sentence(tags):
    return st.lists(st.tuples(tags, tags), min_size=1, max_size=12).map(
        lambda pairs: ([gold for gold, _ in pairs], [found for _, found in pairs])
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(sentence(IOB), min_size=1, max_size=4))
def test_counts_are_those_of_conlleval_on_any_sequence(pairs):
    counts = SpanCounts()
    for gold, found in pairs:
        counts.add(gold, found)
    assert (counts.correct.total(), counts.predicted.total(), counts.gold.total()) == conlleval(pairs)


@settings(max_examples=150, deadline=None)
@given(st.lists(sentence(st.one_of(IOB, IOBES)), min_size=1, max_size=4))
def test_scores_are_those_of_seqeval_on_any_sequence(pairs):
    from seqeval.metrics import f1_score, precision_score, recall_score

    gold, found = [list(part) for part in zip(*pairs, strict=True)]
    ours = entity_scores(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of empty classes
        assert ours.precision == pytest.approx(precision_score(gold, found), abs=1e-12)
        assert ours.recall == pytest.approx(recall_score(gold, found), abs=1e-12)
        assert ours.f1 == pytest.approx(f1_score(gold, found), abs=1e-12)


@pytest.mark.parametrize(
    ("gold", "found", "counts"),
    [
        (["I-PER", "I-PER"], ["B-PER", "I-PER"], (1, 1, 1)),  # a span may begin with I
        (["B-PER", "I-LOC"], ["B-PER", "B-LOC"], (2, 2, 2)),  # another type begins another span
        (["B-PER", "I-PER"], ["B-PER", "B-PER"], (0, 2, 1)),  # one span is not two
        (["O", "O"], ["O", "O"], (0, 0, 0)),
        (["B-PER", "I-PER", "O"], ["B-PER", "I-PER", "I-PER"], (0, 1, 1)),  # too long is wrong
        (["B-PER"], ["B-LOC"], (0, 1, 1)),
    ],
)
def test_adversarial_cases(gold, found, counts):
    ours = SpanCounts()
    ours.add(gold, found)
    assert (ours.correct.total(), ours.predicted.total(), ours.gold.total()) == counts == conlleval([(gold, found)])


def test_scores_of_nothing_are_zero():
    assert scores(0, 0, 0).f1 == 0.0
    assert scores(0, 0, 5).precision == 0.0
    assert scores(3, 4, 6).f1 == pytest.approx(0.6)


def test_the_table_has_a_row_for_each_type():
    counts = SpanCounts()
    counts.add(["B-PER", "O", "B-LOC"], ["B-PER", "B-ORG", "O"])
    assert [(row["label"], row["f1"], row["support"], row["predicted"]) for row in counts.table()] == [
        ("LOC", 0.0, 1, 0),
        ("ORG", 0.0, 0, 1),
        ("PER", 1.0, 1, 1),
    ]


def answer(labels, layer="ner"):
    return TokenLabels(tokens=("x",) * len(labels), labels=labels, probabilities=(1.0,) * len(labels), layer=layer)


def test_metrics_of_a_span_layer():
    metric, accuracy = EntityF1(), TokenAccuracy()
    record = TaggedTokens(("a", "b", "c"), {"pos": ("N", "N", "N"), "ner": ("B-PER", "I-PER", "O")})
    for state in (metric, accuracy):
        state.update(answer(("B-PER", "O", "O")), record)
        state.update(answer(("B-PER", "I-PER", "O")), record)
    assert metric.compute() == {"entity_f1": 0.5, "precision": 0.5, "recall": 0.5}
    assert accuracy.compute() == {"token_accuracy": pytest.approx(5 / 6)}
    metric.reset()
    accuracy.reset()
    assert accuracy.compute() == {"token_accuracy": 0.0}


def test_a_layer_without_spans_has_no_entity_score():
    metric = EntityF1()
    metric.update(answer(("N", "V"), "pos"), TaggedTokens(("a", "b"), {"pos": ("N", "N")}))
    assert metric.compute() == {}


def test_a_record_without_the_layer_does_not_count():
    accuracy = TokenAccuracy()
    accuracy.update(answer(("N",), "pos"), TaggedTokens(("a",), {}))
    assert accuracy.compute() == {"token_accuracy": 0.0}
