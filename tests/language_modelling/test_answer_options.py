"""How an answer is asked for on the command line: key=value, numbers as numbers."""

from __future__ import annotations

import pytest

from workbench.api import WorkbenchError
from workbench.cli.use import _decode_options
from workbench.nn.contract import DecodeOptions


def test_options_of_an_answer_are_read_as_what_they_are():
    found = _decode_options(DecodeOptions, 2, ["temperature=0.5", "seed=3", "stop=no", "alternatives=4"])
    assert found.extra == {"temperature": 0.5, "seed": 3, "stop": "no"}
    assert (found.n_best, found.alternatives) == (2, 4)


@pytest.mark.parametrize("text", ["temperature", "=3"])
def test_an_option_without_a_value_is_refused(text):
    with pytest.raises(WorkbenchError, match="key=value"):
        _decode_options(DecodeOptions, 1, [text])


@pytest.mark.parametrize(("text", "wanted"), [("explain=yes", True), ("explain=no", False), ("explain=0", False)])
def test_an_explanation_is_asked_for_or_not(text, wanted):
    assert _decode_options(DecodeOptions, 1, [text]).extra == {"explain": wanted}
