"""The help page of classification names every option with its default."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from workbench_plugins.tasks.classification.params import PRESETS, ClassificationParams

from workbench.api import describe, validate


def shown(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value) or "empty"


def test_every_option_and_its_default_is_on_the_page() -> None:
    page = (files("workbench_resources.help") / "classification.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE))
    assert rows == {spec.name: shown(spec.default) for spec in describe(ClassificationParams)}


def test_presets_are_allowed() -> None:
    for preset in PRESETS:
        assert validate(ClassificationParams, dict(preset.values)) is not None
