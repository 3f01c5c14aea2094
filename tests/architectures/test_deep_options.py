"""The options of a deep stack: described, validated, written to a run file, given on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from workbench_plugins.architectures.deep import DEEP, DeepParams

from workbench.api import IOShape, Params, Ref, Task, Text, Trait, WorkbenchError, compatibility, describe, validate
from workbench.api.recurrent import LayerParams
from workbench.cli.flags import Section, flags_of, with_flags
from workbench.cli.train import located
from workbench.runs.config import dump_config, line_of_option, load_config, parse_config

PLAIN = {"hidden_size": 8}
BOTH = {"hidden_size": 8, "direction": "both"}
PYRAMID = {"hidden_size": 8, "subsampling": 2}


def task(shape: IOShape, *needs: Trait) -> Task:
    return Task(
        id="some",
        title="Some task",
        params=Params,
        record=Text.KIND,
        result="text",
        shape=shape,
        factory=Ref("nowhere:nothing"),
        needs=frozenset({Trait.SEQUENCE, *needs}),
    )


# --- described and validated


def test_rows_are_described_with_their_own_options_and_bounds() -> None:
    (spec,) = (spec for spec in describe(DeepParams) if spec.name == "stack")
    assert spec.kind == "rows"
    assert spec.row is LayerParams
    assert (spec.minimum, spec.maximum) == (1, 16)
    assert spec.default == [row.model_dump(mode="json") for row in DeepParams().stack]
    json.dumps(spec.default)
    assert [one.name for one in describe(spec.row)][:3] == ["cell", "hidden_size", "direction"]


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        ([PLAIN, {"hidden_size": 0}], "stack.2.hidden_size: 0 is too small, it must be at least 1."),
        ([{"hidden_size": 9000}], "stack.1.hidden_size: 9,000 is too large, it must be at most 8,192 units."),
        ([{"subsampling": 99}], "stack.1.subsampling"),
        ([{"cell": "transformer"}], "stack.1.cell"),
        ([], "stack: there must be more of them"),
        ([PLAIN] * 17, "stack: there are too many of them"),
        ({"hidden_size": 3}, "stack: a list is expected"),
        ([3], "stack.1: a table is expected"),
        ([{"cell": "min_gru", "weight_dropout": 0.5}], "stack.1: min_gru has no recurrent weights to drop"),
    ],
)
def test_what_is_wrong_with_a_layer_is_said_with_its_number(stack: Any, words: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        validate(DeepParams, {"stack": stack}, where="architecture")
    assert f"architecture.{words}" in refused.value.what


def test_an_unknown_option_of_a_layer_names_those_there_are() -> None:
    with pytest.raises(WorkbenchError, match=r"no option stack\.2\.hiden_size") as refused:
        validate(DeepParams, {"stack": [PLAIN, {"hiden_size": 3}]})
    assert "Did you mean hidden_size?" in refused.value.fix


# --- what a stack can do depends on its layers


@pytest.mark.parametrize(
    ("stack", "offered"),
    [
        ([PLAIN, PLAIN], {Trait.SEQUENCE, Trait.CAUSAL, Trait.ALIGNED}),
        ([PLAIN, BOTH], {Trait.SEQUENCE, Trait.ALIGNED}),
        ([{"direction": "backward"}], {Trait.SEQUENCE, Trait.ALIGNED}),
        ([PYRAMID, PLAIN], {Trait.SEQUENCE}),
    ],
)
def test_traits_follow_the_layers(stack: list[dict[str, Any]], offered: set[Trait]) -> None:
    assert DEEP.offers(validate(DeepParams, {"stack": stack})) == offered
    assert DEEP.offers() == {Trait.SEQUENCE, Trait.CAUSAL, Trait.ALIGNED}


def test_a_task_is_refused_by_the_layer_that_stands_in_its_way_in_a_sentence() -> None:
    writing = task(IOShape.MANY_TO_MANY_ALIGNED, Trait.CAUSAL)
    tagging, classifying = task(IOShape.MANY_TO_MANY_ALIGNED), task(IOShape.MANY_TO_ONE)
    for one in (writing, tagging, classifying):
        assert compatibility(one, DEEP), "some stack can do it"
        assert compatibility(one, DEEP, {"stack": [PLAIN]})
    assert compatibility(tagging, DEEP, {"stack": [BOTH]})
    assert "right to left" in compatibility(writing, DEEP, {"stack": [PLAIN, BOTH]}).reason
    assert "fewer states than inputs" in compatibility(tagging, DEEP, {"stack": [BOTH, PYRAMID]}).reason
    assert compatibility(classifying, DEEP, validate(DeepParams, {"stack": [BOTH, PYRAMID]}))
    with pytest.raises(WorkbenchError, match="hidden_size"):
        compatibility(tagging, DEEP, {"stack": [{"hidden_size": 0}]})


# --- the run file


def config(stack: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "task": {"id": "tagging", "params": {}},
        "architecture": {"id": "deep", "params": {"projection": 3, "stack": stack}},
        "data": {"dataset": "some"},
    }


@pytest.mark.parametrize("preset", DEEP.presets, ids=lambda preset: preset.title)
def test_a_stack_survives_the_run_file(preset: Any, tmp_path: Path) -> None:
    params = validate(DeepParams, dict(preset.values))
    whole = config(params.model_dump(mode="json")["stack"])
    path = tmp_path / "run.toml"
    path.write_text(dump_config(parse_config(whole)), encoding="utf-8")
    again = validate(DeepParams, {**load_config(path).architecture.params, "projection": params.projection})
    assert again.stack == params.stack


IN_TABLES = """[architecture]
id = "deep"
[architecture.params]
projection = 0
[[architecture.params.stack]]
cell = "lstm"
hidden_size = 3
[[architecture.params.stack]]
hidden_size = 0
"""
IN_LINE = """[architecture]
id = "deep"
# the layers stand in line
[architecture.params]
stack = [
    { cell = "lstm", hidden_size = 3 },
    { hidden_size = 0 },
]
"""


@pytest.mark.parametrize(
    ("text", "dotted", "line"),
    [
        (IN_TABLES, "architecture.stack.2.hidden_size", 9),
        (IN_TABLES, "architecture.params.stack.1.hidden_size", 7),
        (IN_TABLES, "architecture.stack.2.cell", 8),
        (IN_TABLES, "architecture.projection", 4),
        (IN_LINE, "architecture.stack.1.cell", 6),
        (IN_LINE, "architecture.stack.2.hidden_size", 7),
        (IN_LINE, "architecture.stack", 5),
        (IN_TABLES, "architecture.nothing", None),
    ],
)
def test_an_error_names_the_line_of_the_layers_option(text: str, dotted: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    assert line_of_option(path, dotted) == line


def test_the_command_line_tells_file_and_line_of_a_wrong_layer(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(IN_TABLES, encoding="utf-8")
    with pytest.raises(WorkbenchError) as refused, located(str(path)):
        validate(DeepParams, {"stack": [PLAIN, {"hidden_size": 0}]}, file=str(path), where="architecture")
    assert refused.value.line == 9


# --- flags


def call(*words: str) -> Any:
    seen: dict[str, Any] = {}

    def command(options: Any = None) -> None:
        """Train."""
        seen.update(options)

    app = typer.Typer()
    app.command()(with_flags(command, flags_of((Section("architecture", "net", DeepParams),), ())))
    result = CliRunner().invoke(app, list(words))
    if result.exit_code:
        raise ValueError(" ".join(result.output.replace("│", " ").split()))
    return seen.get("architecture", result.output)


@pytest.mark.parametrize(
    "text",
    [
        '[{"cell": "gru", "hidden_size": 64}, {"residual": true}]',
        '[{cell = "gru", hidden_size = 64}, {residual = true}]',
        '[\n  {cell = "gru", hidden_size = 64},\n  {residual = true},\n]',
    ],
)
def test_layers_are_given_as_json_or_toml(text: str) -> None:
    assert call("--stack", text) == {"stack": [{"cell": "gru", "hidden_size": 64}, {"residual": True}]}


def test_a_single_layer_needs_no_list() -> None:
    assert call("--stack", '{"hidden_size": 3}') == {"stack": [{"hidden_size": 3}]}


@pytest.mark.parametrize(("text", "words"), [("lstm 64", "neither JSON nor TOML"), ("[1, 2]", "a list of tables")])
def test_what_is_no_list_of_layers_is_refused_with_an_example(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        call("--stack", text)
    assert "hidden_size" in str(refused.value)


def test_help_shows_how_layers_are_written() -> None:
    shown = " ".join(call("--help").replace("│", " ").split())
    assert "The layers, bottom first" in shown
    assert '[{"cell": "lstm"' in shown


def fails(params: Any) -> frozenset[Trait]:
    raise ZeroDivisionError("by zero")


def test_a_plugin_that_fails_to_say_what_it_offers_is_named() -> None:
    broken = replace(DEEP, traits=Ref(f"{__name__}:fails"))
    assert compatibility(task(IOShape.MANY_TO_ONE), broken)
    with pytest.raises(WorkbenchError, match=r"Deep stack could not say .* ZeroDivisionError: by zero"):
        compatibility(task(IOShape.MANY_TO_ONE), broken, {})
