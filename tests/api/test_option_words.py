"""A wrong value of an option is told in our own words: which option, its value, the bound, and what to do."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import field_validator
from pydantic_core import PydanticCustomError

from workbench.api import Params, WorkbenchError, option, validate
from workbench.project import Settings
from workbench.runs.config import parse_config


class Row(Params):
    width: int = option(3, ge=1, le=9, unit="steps", what="How wide.")

    @field_validator("width")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise PydanticCustomError("parity", "choose an odd width")
        return value


class Net(Params):
    size: int = option(100, ge=1, le=10_000_000, unit="units", what="How large.", typical="100 to 300")
    share: float = option(0.1, ge=0, lt=1, what="How many of them.")
    rate: float = option(0.1, gt=0, what="How fast.")
    cell: Literal["lstm", "gru"] = option("lstm", what="Which cell.")
    deep: bool = option(False, what="Whether.")
    sizes: tuple[int, ...] = option((1,), least=1, most=2, what="Which sizes.")
    limit: int | None = option(None, ge=1, what="How many.")
    name: str = option("", what="Its name.")
    rows: tuple[Row, ...] = option((), most=2, what="The rows.")


CASES: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"size": 10**9}, "net.size: 1,000,000,000 is too large, it must be at most 10,000,000 units.",
     "Change the value to a whole number from 1 to 10,000,000 units. Typical: 100 to 300."),
    ({"size": 0}, "net.size: 0 is too small, it must be at least 1.", "a whole number from 1 to"),
    ({"size": "many"}, "net.size: a whole number is expected (got 'many').", "a whole number from 1 to"),
    ({"size": 1.5}, "net.size: a whole number is expected (got 1.5).", "a whole number"),
    ({"size": None}, "net.size: a whole number is expected (got None).", "a whole number"),
    ({"share": 1}, "net.share: 1 is too large, it must be below 1.", "a number, at least 0 and below 1."),
    ({"share": "half"}, "net.share: a number is expected (got 'half').", "a number, at least 0 and below 1."),
    ({"rate": 0}, "net.rate: 0 is too small, it must be above 0.", "a number, above 0."),
    ({"rate": [1]}, "net.rate: a number is expected (got [1]).", "a number, above 0."),
    ({"cell": "gruu"}, "net.cell: there is no choice 'gruu'.", "Change the value to one of lstm, gru."),
    ({"deep": "perhaps"}, "net.deep: true or false is expected (got 'perhaps').", "to true or false."),
    ({"sizes": "3"}, "net.sizes: a list is expected (got '3').", "a list of whole numbers."),
    ({"sizes": ["x"]}, "net.sizes.1: a whole number is expected (got 'x').", "a list of whole numbers."),
    ({"sizes": []}, "net.sizes: there must be more of them: at least 1 (got 0).", "Change the value"),
    ({"sizes": [1, 2, 3]}, "net.sizes: there are too many of them: at most 2 (got 3).", "Change the value"),
    ({"limit": 0}, "net.limit: 0 is too small, it must be at least 1.", "at least 1, or leave it out."),
    ({"name": 3}, "net.name: text is expected (got 3).", "Change the value to text."),
    ({"rows": [{"width": 3}, {"width": 10}]}, "net.rows.2.width: 10 is too large, it must be at most 9 steps.",
     "a whole number from 1 to 9 steps."),
    ({"rows": [{"width": 4}]}, "net.rows.1.width: choose an odd width (got 4).", "Change the value and try again."),
    ({"rows": [3]}, "net.rows.1: a table is expected (got 3).", "Change the value"),
    ({"siz": 3}, "There is no option net.siz.", "Did you mean size"),
)  # fmt: skip


@pytest.mark.parametrize(("values", "what", "fix"), CASES, ids=[str(case[0]) for case in CASES])
def test_what_is_wrong_and_what_to_do(values: dict[str, Any], what: str, fix: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        validate(Net, values, where="net")
    assert refused.value.what == what
    assert fix in refused.value.fix
    assert "Input should" not in f"{refused.value.what} {refused.value.why} {refused.value.fix}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_bounded_number_is_not_infinite(value: float) -> None:
    with pytest.raises(WorkbenchError, match=f"share: {value} is too"):
        validate(Net, {"share": value})


def test_an_option_inside_a_table_of_a_run_file_is_told_with_its_bound() -> None:
    values: dict[str, Any] = {
        "task": {"id": "t"},
        "architecture": {"id": "a"},
        "data": {"dataset": "d"},
        "training": {"learning_rate": 1000},
    }
    with pytest.raises(WorkbenchError) as refused:
        parse_config(values)
    assert refused.value.what == "training.learning_rate: 1,000 is too large, it must be at most 100."
    assert refused.value.fix == (
        "Change the value to a number, above 0 and at most 100. Typical: 0.001 to 0.01 for Adam."
    )
    with pytest.raises(WorkbenchError, match=r"data\.limit: -1 is too small, it must be at least 0"):
        parse_config({**values, "training": {}, "data": {"dataset": "d", "limit": -1}})


def test_a_setting_out_of_bounds_is_refused_in_the_same_words(tmp_path) -> None:
    settings = Settings.load(tmp_path / "settings.toml")
    with pytest.raises(WorkbenchError, match="font_scale: 9 is too large, it must be at most 3"):
        settings.font_scale = 9.0
    assert settings.font_scale == 1.0
