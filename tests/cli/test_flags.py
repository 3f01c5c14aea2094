"""Flags derive from options; those that two sections share are told apart."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from workbench.api import Params, option
from workbench.cli.flags import Section, flags_of, merge, with_flags


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


def test_flags_change_single_options_of_a_run_file() -> None:
    written = {"task": {"id": "tagging", "params": {"dropout": 0.2}}, "training": {"seed": 1, "max_epochs": 5}}
    merged = merge(written, {"task": {"dropout": 0.9}, "architecture": {"cell": "gru"}, "training": {"seed": 2}})
    assert merged["task"] == {"id": "tagging", "params": {"dropout": 0.9}}
    assert merged["training"] == {"seed": 2, "max_epochs": 5}
    assert merged["architecture"]["params"] == {"cell": "gru"}
    assert written["task"]["params"] == {"dropout": 0.2}
