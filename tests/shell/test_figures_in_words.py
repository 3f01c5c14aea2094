"""Names and figures as they are read: shares by whole words, abbreviations spelled, names that can be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workbench.api import LayerTrace, Trace
from workbench.shell.figures import is_share, metric_name, metric_text
from workbench.shell.plots.unrolling import readable, readable_trace, unrolled_trace
from workbench.shell.stages.explain.gradient_page import lowered


@pytest.mark.parametrize("name", ["entity_f1", "macro_f1", "token_accuracy", "exact", "coverage_80", "unknown_rate"])
def test_a_share_is_known_by_a_word_of_its_name(name: str) -> None:
    assert is_share(name)


@pytest.mark.parametrize("name", ["generated_rmse", "generated_perplexity", "iterated_loss", "bleu", "recalled_span"])
def test_a_part_of_a_word_makes_no_share(name: str) -> None:
    assert not is_share(name)
    assert metric_text(name, 0.105) == "0.105"


@pytest.mark.parametrize(
    ("name", "words"),
    [("smape", "sMAPE"), ("bleu", "BLEU"), ("token_accuracy", "Token accuracy"), ("macro_f1", "Macro F1")],
)
def test_a_metric_without_a_title_is_written_as_in_the_field(name: str, words: str) -> None:
    assert metric_name(name) == words


def test_what_cannot_be_seen_gets_a_sign() -> None:
    assert [readable(word) for word in (" ", "\n", "  ", "a b", "")] == ["␣", "⏎", "␣␣", "a b", ""]
    assert readable("2019-01-01T00:00:00") == "2019-01-01"
    assert readable("2019-01-01T06:00:00") == "2019-01-01T06:00:00"


def test_every_name_of_a_trace_can_be_seen() -> None:
    states = np.zeros((2, 3))
    trace = Trace(steps=("a", " "), layers=(LayerTrace("layer 1", "forward", states),), predicted=(" ", "a"))
    shown = readable_trace(trace)
    assert shown.steps == ("a", "␣")
    assert shown.predicted == ("␣", "a")
    assert shown.layers == trace.layers
    assert unrolled_trace(replace(trace)).sides[0].outputs == ("␣", "a")


def test_indices_of_derivatives_stand_low() -> None:
    assert lowered("|∂L_s/∂h_t| and |∂L_s/∂x_i|") == "|∂Lₛ/∂hₜ| and |∂Lₛ/∂xᵢ|"
