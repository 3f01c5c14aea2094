"""Every architecture teaches itself: its diagram holds together, its symbols are those of its equations."""

from __future__ import annotations

import json
import re

import pytest
from contract_subjects import contributions, loaded, name_of

from workbench.api import Architecture, Preset, Task, validate

COMPARED = {"key feature", "strengths", "weaknesses", "typical use"}

of_ours = pytest.mark.parametrize(
    "architecture",
    [
        one
        for one in contributions(Architecture)
        if any(info.builtin and info.name == loaded().catalogue.owner(one) for info in loaded().plugins)
    ],
    ids=name_of,
)
of_each = pytest.mark.parametrize("architecture", contributions(Architecture), ids=name_of)


@of_each
def test_a_diagram_joins_its_nodes_and_names_symbols_that_are_explained(architecture: Architecture) -> None:
    diagram = architecture.diagram
    if diagram is None:
        assert architecture.id not in {one.id for one in _built_in()}, "a built-in family draws its cell"
        return
    ids = [node.id for node in diagram.nodes]
    assert ids
    assert len(ids) == len(set(ids))
    places = [(node.x, node.y) for node in diagram.nodes]
    assert len(places) == len(set(places)), "no node hides another"
    for edge in diagram.edges:
        assert {edge.source, edge.target} <= set(ids), edge
    joined = {end for edge in diagram.edges for end in (edge.source, edge.target)}
    assert set(ids) == joined, "nothing floats"
    explained = {symbol.name for symbol in architecture.symbols}
    assert {node.symbol for node in diagram.nodes} - {""} <= explained


@of_each
def test_every_symbol_occurs_in_the_equations_and_says_what_it_is(architecture: Architecture) -> None:
    text = re.sub(r"[*`]", "", architecture.equations)
    names = [symbol.name for symbol in architecture.symbols]
    assert len(names) == len(set(names))
    for symbol in architecture.symbols:
        assert symbol.name in text, f"{symbol.name} is explained but does not occur"
        assert len(symbol.meaning.split()) >= 2, symbol


@of_ours
def test_a_built_in_family_says_how_it_compares(architecture: Architecture) -> None:
    assert set(architecture.comparison) == COMPARED
    assert all(text.strip() for text in architecture.comparison.values())
    assert architecture.symbols, "its symbols can be pointed at"


@of_ours
def test_a_built_in_family_has_small_medium_and_large(architecture: Architecture) -> None:
    titles = [preset.title for preset in architecture.presets]
    assert {"small", "medium", "large"} <= set(titles)
    assert len(titles) == len(set(titles))
    for preset in architecture.presets:
        params = validate(architecture.params, dict(preset.values))
        assert validate(architecture.params, json.loads(params.model_dump_json())) == params


@of_ours
def test_a_published_form_is_among_the_presets(architecture: Architecture) -> None:
    published = [preset for preset in architecture.presets if "publish" in f"{preset.title} {preset.note}".lower()]
    assert published, "as published: the options of the paper, and which paper"
    assert all(preset.note for preset in published)


def _built_in() -> list[Architecture]:
    ours = {info.name for info in loaded().plugins if info.builtin}
    return [one for one in contributions(Architecture) if loaded().catalogue.owner(one) in ours]


@pytest.mark.parametrize(
    ("owner", "preset"),
    [(one, preset) for one in contributions(Architecture, Task) for preset in one.presets],
    ids=lambda value: getattr(value, "title", str(value)),
)
def test_every_preset_has_a_note_or_speaks_for_itself(owner: Architecture | Task, preset: Preset) -> None:
    assert preset.title == preset.title.strip()
    assert preset.values or preset.note
