"""Numbers behind plots over time: dates in words, gaps, decimation, labels apart. And lines of a list."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.api import LabelledText, Text, TextPair
from workbench.shell.figures import metric_text, units_of
from workbench.shell.plots.series import apart, envelope, gaps
from workbench.shell.plots.time_axis import positions, time_text
from workbench.shell.plots.time_plot import nearest_index
from workbench.shell.stages.data.records_model import line_of


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("time", "clock", "words"),
    [
        (ns("2021-03-04"), "datetime", "2021-03-04"),
        (ns("2021-03-04T10:00"), "datetime", "2021-03-04 10:00"),
        (ns("2021-03-04T10:00:05"), "datetime", "2021-03-04 10:00:05"),
        (ns("2021-03-04T10:00:05.25"), "datetime", "2021-03-04 10:00:05.25"),
        (ns("1901-05-06T07:08"), "datetime", "1901-05-06 07:08"),
        (1949, "ordinal", "1949"),
        (12_345, "none", "12,345"),
    ],
)
def test_a_time_in_words_is_as_short_as_it_is_exact(time: int, clock: str, words: str) -> None:
    assert time_text(time, clock) == words


def test_dates_stand_at_their_seconds() -> None:
    assert positions([ns("1970-01-02")], "datetime").tolist() == [86400.0]
    assert positions([7], "none").tolist() == [7.0]


@given(st.lists(st.one_of(st.just(math.nan), st.floats(-1e6, 1e6)), max_size=300), st.integers(1, 40))
def test_an_envelope_keeps_extremes_and_never_invents_a_value(values: list[float], buckets: int) -> None:
    y = np.array(values, dtype=np.float64)
    x, drawn = envelope(np.arange(len(y), dtype=np.float64), y, buckets)
    assert len(x) == len(drawn) <= max(2 * buckets, 0) or len(y) <= 2 * buckets
    known, shown = y[~np.isnan(y)], drawn[~np.isnan(drawn)]
    assert set(shown.tolist()) <= set(known.tolist())
    if len(known):
        assert (shown.min(), shown.max()) == (known.min(), known.max())


@given(st.lists(st.booleans(), max_size=60))
def test_gaps_are_exactly_the_missing_runs(missing: list[bool]) -> None:
    y = np.where(missing, np.nan, 1.0) if missing else np.empty(0)
    found = np.zeros(len(y), dtype=bool)
    for start, stop in gaps(y):
        assert not found[start:stop].any()
        found[start:stop] = True
    assert found.tolist() == list(missing)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6).map(sorted), st.floats(0.1, 1.5))
def test_labels_stand_apart_and_in_view(places: list[float], distance: float) -> None:
    found = apart(places, distance, 0.0, 10.0)
    assert all(b - a >= distance - 1e-9 for a, b in pairwise(found))
    assert max(found) <= 10.0 + 1e-9
    assert min(found) >= -1e-9, "there is room for all of them"


def test_the_nearest_point_is_found() -> None:
    x = np.array([0.0, 1.0, 5.0])
    assert [nearest_index(x, at) for at in (-3.0, 0.4, 0.6, 2.9, 3.1, 99.0)] == [0, 0, 1, 1, 2, 2]
    assert nearest_index(np.empty(0), 1.0) == 0


def test_only_shares_are_read_in_per_cent() -> None:
    assert metric_text("entity_f1", 0.8341) == "83.4"
    assert metric_text("mase", 0.8341) == "0.8341"
    assert metric_text("bleu", 0.8) == "0.8"
    assert metric_text("perplexity", 1234.5) == "1,234"
    assert metric_text("mase", math.nan) == "–"
    assert units_of("series") == ("windows", "values")
    assert units_of("tagged_tokens") == ("records", "tokens")


def test_records_are_single_lines_in_a_list() -> None:
    assert line_of(TextPair("3 March\n2021", "2021-03-03")) == "3 March ⏎ 2021  →  2021-03-03"
    assert line_of(Text("SAMPSON:\nGregory")) == "SAMPSON: ⏎ Gregory"
    assert line_of(LabelledText("good", "praise")) == "good"
    assert len(line_of(Text("x" * 100_000))) == 1000
