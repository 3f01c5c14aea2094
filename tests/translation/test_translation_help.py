"""The help page says what the options are, and the benchmarks it names are there."""

from __future__ import annotations

import re
from importlib.resources import files

from workbench_plugins.tasks.translation.params import TranslationParams

from workbench.api import describe
from workbench.cli.benchmarks import SPEED, described, specification
from workbench.runs.config import parse_config


def _page() -> str:
    return files("workbench_resources.help").joinpath("translation.md").read_text(encoding="utf-8")


def _shown(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def test_every_option_and_its_default_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", _page(), re.MULTILINE))
    assert rows == {spec.name: _shown(spec.default) for spec in describe(TranslationParams)}


def test_the_benchmarks_named_are_there_and_their_runs_are_valid(catalogue) -> None:
    assert "translation" in SPEED
    for name in ("multi30k_de_en", "multi30k_en_de", "tatoeba"):
        assert name in _page()
        assert name in described()
        run = {**specification(name)["run"], "data": {"dataset": "d"}}
        config = parse_config(run)
        catalogue.task("translation").params(**config.task.params)
        catalogue.architecture("encoder_decoder").params(**config.architecture.params)
