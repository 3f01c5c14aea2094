"""Flags derive from options; those that two sections share are told apart."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from workbench.api import Params, option
from workbench.cli.flags import Section, flags_of, merge, real, whole, with_flags


class NetParams(Params):
    hidden_size: int = option(128, ge=1, unit="units", what="How much it remembers.", typical="100 to 300")
    dropout: float = option(0.1, ge=0, lt=1, what="Dropout of the network.")
    cell: Literal["lstm", "gru"] = option("lstm", what="The cell.")
    peephole: bool = option(False, what="Gates see the cell.")
    sizes: tuple[int, ...] = option((), what="Sizes of layers.")
    name: str = option("", what="A name that the command uses too.")


class TaskParams(Params):
    dropout: float = option(0.2, ge=0, lt=1, what="Dropout of the words.")


SECTIONS = (Section("task", "task", TaskParams), Section("architecture", "net", NetParams))


def call(*words: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def command(project: str = "", options: Any = None) -> None:
        """Train."""
        seen.update(options, project=project)

    app = typer.Typer()
    app.command()(with_flags(command, flags_of(SECTIONS, ("project", "name"))))
    result = CliRunner().invoke(app, list(words))
    if result.exit_code:
        raise ValueError(result.output)
    return {**seen, "output": result.output}


def test_names_are_plain_unless_they_are_ambiguous() -> None:
    names = {(flag.section, flag.spec.name): flag.name for flag in flags_of(SECTIONS, ("project", "name"))}
    assert names["architecture", "hidden_size"] == "--hidden-size"
    assert names["architecture", "dropout"] == "--architecture-dropout"
    assert names["task", "dropout"] == "--task-dropout"
    assert names["architecture", "name"] == "--architecture-name"


def test_only_what_was_given_arrives_and_with_its_type() -> None:
    told = call(
        "--hidden-size", "64", "--task-dropout", "0.5", "--cell", "gru", "--peephole", "--sizes", "3", "--sizes", "4"
    )
    assert told["architecture"] == {"hidden_size": 64, "cell": "gru", "peephole": True, "sizes": [3, 4]}
    assert told["task"] == {"dropout": 0.5}
    assert "architecture" not in call()


def test_a_switch_can_be_switched_off() -> None:
    assert call("--no-peephole")["architecture"] == {"peephole": False}


def test_help_says_what_unit_default_and_typical() -> None:
    shown = " ".join(call("--help")["output"].replace("│", " ").split())
    assert "How much it remembers." in shown
    assert "in units; default 128; typically 100 to 300" in shown


@pytest.mark.parametrize("words", [("--hidden-size", "many"), ("--cell", "rnn"), ("--dropout", "0.5")])
def test_what_is_wrong_or_ambiguous_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="Usage"):
        call(*words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--hidden-size", "many"), "a whole number is expected (got 'many'). Change the value to a whole number, at "
         "least 1. Typical: 100 to 300."),
        (("--task-dropout", "half"), "a number is expected (got 'half'). Change the value to a number, at least 0 and"),
        (("--sizes", "3", "--sizes", "x"), "a whole number is expected (got 'x'). Change the value to a list of whole"),
        (("--cell", "rnn"), "there is no choice 'rnn'. Change the value to one of lstm, gru."),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_told_with_what_may_be_written(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(ValueError, match="Usage") as refused:
        call(*words)
    shown = " ".join(str(refused.value).replace("│", " ").split())
    assert told in shown
    assert words[0] in shown
    assert "Input should" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--count", "0"), "0 is too small, it must be at least 1. Change the value to a whole number from 1 to 9."),
        (("--count", "10"), "10 is too large, it must be at most 9."),
        (("--count", "few"), "a whole number is expected (got 'few')."),
        (("--share", "nan"), "nan is too small, it must be at least 0."),
    ],
)
def test_a_commands_own_numbers_are_refused_in_the_same_words(words: tuple[str, ...], told: str) -> None:
    seen: list[float | None] = []

    def command(
        count: Annotated[int, whole("How many.", 1, 9)] = 3, share: Annotated[float | None, real("Part.", 0)] = None
    ) -> None:
        seen.extend((count, share))

    app = typer.Typer()
    app.command()(command)
    assert CliRunner().invoke(app, ["--count", "4"]).exit_code == 0
    assert CliRunner().invoke(app, ["--share", "0.5"]).exit_code == 0
    assert seen == [4, None, 3, 0.5]
    refused = CliRunner().invoke(app, list(words))
    assert refused.exit_code == 2
    assert told in " ".join(refused.output.replace("│", " ").split())


def test_flags_change_single_options_of_a_run_file() -> None:
    written = {"task": {"id": "tagging", "params": {"dropout": 0.2}}, "training": {"seed": 1, "max_epochs": 5}}
    merged = merge(written, {"task": {"dropout": 0.9}, "architecture": {"cell": "gru"}, "training": {"seed": 2}})
    assert merged["task"] == {"id": "tagging", "params": {"dropout": 0.9}}
    assert merged["training"] == {"seed": 2, "max_epochs": 5}
    assert merged["architecture"]["params"] == {"cell": "gru"}
    assert written["task"]["params"] == {"dropout": 0.2}
