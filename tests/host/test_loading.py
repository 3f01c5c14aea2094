"""Loading plugins: whole or not at all, each by itself, and every failure is named."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.api import (
    Architecture,
    Catalogue,
    Exporter,
    IOShape,
    Panel,
    Params,
    Preset,
    RecordType,
    Ref,
    Registrar,
    Task,
    Text,
    Trait,
    WorkbenchError,
    hookimpl,
    option,
)
from workbench.host import LoadedPlugins, Problem, discover, load_plugins


class TinyParams(Params):
    size: int = option(4, ge=1, le=64, what="Units.")


TINY = Architecture(
    id="tiny",
    title="Tiny",
    params=TinyParams,
    factory=Ref("somewhere.model:Tiny"),
    shapes=frozenset({IOShape.MANY_TO_ONE}),
    accepts=frozenset({Trait.SEQUENCE}),
)
TASK = Task(
    id="judge",
    title="Judge",
    params=TinyParams,
    record="text",
    result="verdict",
    shape=IOShape.MANY_TO_ONE,
    factory=Ref("somewhere.task:Judge"),
)


def plugin(hook: str = "register_architectures", *contributions: Any, **extra: Any) -> SimpleNamespace:
    """A plugin object whose ``hook`` adds ``contributions``."""

    def register(registry: Registrar) -> None:
        for contribution in contributions:
            registry.add(contribution)

    return SimpleNamespace(**{hook: hookimpl(register)}, **extra)


def load(*plugins: Any, gui: bool = False) -> LoadedPlugins:
    return load_plugins(gui=gui, extra=[(f"p{i}", item) for i, item in enumerate(plugins)])


def problems_of(loaded: LoadedPlugins, name: str) -> list[Problem]:
    return [problem for problem in loaded.problems.problems() if problem.plugin == name]


def test_a_contribution_is_in_the_catalogue_with_its_owner() -> None:
    loaded = load(plugin("register_architectures", TINY))
    catalogue: Catalogue = loaded.catalogue
    assert catalogue.architecture("tiny") is TINY
    assert TINY in catalogue.architectures()
    assert catalogue.owner(TINY) == "p0"
    info = next(info for info in loaded.plugins if info.name == "p0")
    assert info.status == "loaded"
    assert info.contributions == (("architecture", "tiny"),)


def test_a_plugin_may_be_named_by_its_module(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lonely_plugin.py").write_text("requires_api = '1'\n")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load_plugins(extra=[("lonely", "lonely_plugin")])
    assert loaded.plugins[-1].status == "loaded"


def test_the_first_owner_keeps_an_id_and_the_thief_loses_everything() -> None:
    thief = plugin("register_architectures", dataclasses.replace(TINY, id="own"), dataclasses.replace(TINY, title="X"))
    loaded = load(plugin("register_architectures", TINY), thief)
    assert loaded.catalogue.architecture("tiny").title == "Tiny"
    assert "own" not in {architecture.id for architecture in loaded.catalogue.architectures()}
    (problem,) = problems_of(loaded, "p1")
    assert "'tiny' already belongs to the plugin p0" in problem.what


def test_one_bad_contribution_keeps_the_good_ones_of_its_plugin_out() -> None:
    both = plugin("register_architectures", TINY)
    both.register_tasks = hookimpl(lambda registry: registry.add(dataclasses.replace(TASK, id="Not An Id")))
    loaded = load(both)
    assert "tiny" not in {architecture.id for architecture in loaded.catalogue.architectures()}
    (problem,) = problems_of(loaded, "p0")
    assert problem.where == "register_tasks"
    assert "small letters" in problem.what


def test_a_plugin_that_swallows_the_refusal_is_refused_all_the_same() -> None:
    def register(registry: Registrar) -> None:
        registry.add(TINY)
        with pytest.raises(WorkbenchError):
            registry.add(dataclasses.replace(TINY, id="Bad Id"))

    loaded = load(SimpleNamespace(register_architectures=hookimpl(register)))
    assert problems_of(loaded, "p0")
    assert "tiny" not in {architecture.id for architecture in loaded.catalogue.architectures()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ""}, "small letters"),
        ({"id": "Ünicode"}, "small letters"),
        ({"title": ""}, "no title"),
        ({"title": 3}, "not text"),
        ({"factory": "somewhere:Tiny"}, "not a Ref"),
        ({"factory": Ref("a b:c")}, "does not name an object"),
        ({"factory": None}, "not a Ref"),
        ({"params": dict}, "not a subclass of Params"),
        ({"params": TinyParams()}, "not a subclass of Params"),
        ({"shapes": {IOShape.MANY_TO_ONE}}, "frozenset of IOShape"),
        ({"accepts": frozenset({"flying"})}, "frozenset of Trait"),
        ({"fitting": "magic"}, "gradient, closed_form"),
        ({"presets": (Preset(title="Huge", values={"size": 999}),)}, "preset 'Huge' does not fit"),
        ({"presets": (Preset(title="Odd", values={"colour": 1}),)}, "preset 'Odd' does not fit"),
    ],
)
def test_a_malformed_architecture_is_refused_in_words(change: dict[str, Any], words: str) -> None:
    (problem,) = problems_of(load(plugin("register_architectures", dataclasses.replace(TINY, **change))), "p0")
    assert words in problem.what


def test_a_contribution_in_the_wrong_hook_is_refused() -> None:
    (problem,) = problems_of(load(plugin("register_tasks", TINY)), "p0")
    assert "belongs into register_architectures" in problem.what


@pytest.mark.parametrize("thing", [None, "tiny", object(), Architecture])
def test_something_that_is_no_contribution_is_refused(thing: Any) -> None:
    (problem,) = problems_of(load(plugin("register_architectures", thing)), "p0")
    assert problem.where == "register_architectures"


def test_the_same_id_twice_in_one_plugin_is_refused() -> None:
    (problem,) = problems_of(load(plugin("register_architectures", TINY, TINY)), "p0")
    assert "twice" in problem.what


def test_two_kinds_of_contribution_may_share_an_id() -> None:
    both = plugin("register_architectures", TINY)
    both.register_tasks = hookimpl(lambda registry: registry.add(dataclasses.replace(TASK, id="tiny")))
    loaded = load(both)
    assert loaded.catalogue.task("tiny").title == "Judge"
    assert loaded.catalogue.architecture("tiny").title == "Tiny"


def test_a_misspelt_hook_disables_that_plugin_alone() -> None:
    loaded = load(
        plugin("register_architecturs", TINY), plugin("register_architectures", dataclasses.replace(TINY, id="other"))
    )
    (problem,) = problems_of(loaded, "p0")
    assert "register_architecturs" in problem.what
    assert "register_architectures" in problem.fix
    assert not problems_of(loaded, "p1")
    assert loaded.catalogue.architecture("other")


def test_a_hook_without_its_marker_is_named() -> None:
    loaded = load(SimpleNamespace(register_tasks=lambda registry: None))
    (problem,) = problems_of(loaded, "p0")
    assert "@hookimpl" in problem.fix


def test_a_hook_with_other_arguments_is_named() -> None:
    @hookimpl
    def register_tasks(registry: Registrar, window: Any) -> None: ...

    (problem,) = problems_of(load(SimpleNamespace(register_tasks=register_tasks)), "p0")
    assert "window" in problem.what


def test_a_wrapper_is_refused() -> None:
    @hookimpl(wrapper=True)
    def register_tasks(registry: Registrar) -> Any:
        return (yield)

    (problem,) = problems_of(load(SimpleNamespace(register_tasks=register_tasks)), "p0")
    assert "wrapper" in problem.what


@pytest.mark.parametrize("error", [RuntimeError("burst"), SystemExit(3), KeyError("k"), AssertionError()])
def test_a_raising_hook_is_named_with_its_traceback_and_the_rest_goes_on(error: BaseException) -> None:
    def register_tasks(registry: Registrar) -> None:
        raise error

    loaded = load(SimpleNamespace(register_tasks=hookimpl(register_tasks)), plugin("register_architectures", TINY))
    (problem,) = problems_of(loaded, "p0")
    assert problem.where == "register_tasks"
    assert type(error).__name__ in problem.what
    assert "in register_tasks" in problem.details
    assert loaded.catalogue.architecture("tiny") is TINY


def test_a_plugin_that_fails_at_import_is_named() -> None:
    loaded = load_plugins(extra=[("gone", "no_such_module_anywhere")])
    (problem,) = problems_of(loaded, "gone")
    assert problem.where == "import"
    assert "no_such_module_anywhere" in problem.what
    assert loaded.plugins[-1].status == "failed"


@pytest.mark.parametrize("required", ["1", "1.0", 1, None])
def test_a_plugin_for_this_api_loads(required: Any) -> None:
    assert not problems_of(load(plugin("register_architectures", TINY, requires_api=required)), "p0")


@pytest.mark.parametrize(
    ("required", "words"),
    [
        ("2", "Update Recurra"),
        ("1.1", "Update Recurra"),
        ("0.9", "newer version of the plugin"),
        ("one", "Write it as"),
        ("", "Write it as"),
    ],
)
def test_a_plugin_for_another_api_is_refused(required: str, words: str) -> None:
    loaded = load(plugin("register_architectures", TINY, requires_api=required))
    (problem,) = problems_of(loaded, "p0")
    assert problem.where == "requires_api"
    assert words in problem.fix


def test_gui_hooks_are_called_for_the_shell_only() -> None:
    panel = Panel(id="view", title="View", area="explain", factory=Ref("somewhere.gui:View"))
    assert not load(plugin("register_panels", panel)).catalogue.panels()
    assert panel in load(plugin("register_panels", panel), gui=True).catalogue.panels()


def test_a_disabled_plugin_is_not_even_imported() -> None:
    loaded = load_plugins(extra=[("gone", "no_such_module_anywhere")], disabled=frozenset({"gone"}))
    assert not problems_of(loaded, "gone")
    assert loaded.plugins[-1].status == "disabled"


def test_safe_mode_loads_built_ins_only() -> None:
    loaded = load_plugins(safe_mode=True, extra=[("p0", plugin("register_architectures", TINY))])
    assert loaded.plugins[-1].status == "safe mode"
    assert {info.status for info in loaded.plugins if info.builtin} <= {"loaded", "failed"}
    assert TINY not in loaded.catalogue.architectures()


def test_plugins_of_one_name_are_told_apart() -> None:
    names = [candidate.name for candidate in discover([("same", object()), ("same", object()), ("same", object())])]
    assert len(set(names)) == len(names)
    assert "same" in names


def test_record_types_come_with_their_task() -> None:
    class Verdict(Text):
        KIND = "verdict_text"

    class Other(Text):
        KIND = "verdict_text"

    first = dataclasses.replace(TASK, record_types=(RecordType(Verdict, "verdict", "verdicts"),))
    second = dataclasses.replace(TASK, id="judge2", record_types=(RecordType(Other, "verdict", "verdicts"),))
    loaded = load(plugin("register_tasks", first), plugin("register_tasks", second))
    assert loaded.catalogue.record_type("verdict_text").cls is Verdict
    assert "'verdict_text' already belongs to p0" in problems_of(loaded, "p1")[0].what


@pytest.mark.parametrize(
    "look_up",
    [
        lambda c: c.architecture("tinny"),
        lambda c: c.exporter("tinny"),
        lambda c: c.record_type("tinny"),
        lambda c: c.runner("tinny"),
    ],
)
def test_an_unknown_id_lists_what_is_known(look_up: Callable[[Catalogue], Any]) -> None:
    exporter = Exporter(id="tiny", title="Tiny", suffix=".tiny", of="report", factory=Ref("somewhere:Tiny"))
    both = plugin("register_architectures", TINY)
    both.register_exporters = hookimpl(lambda registry: registry.add(exporter))
    with pytest.raises(WorkbenchError) as caught:
        look_up(load(both).catalogue)
    assert "tinny" in caught.value.what
    assert "Known: " in caught.value.fix


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(WorkbenchError, match="Did you mean tiny"):
        load(plugin("register_architectures", TINY)).catalogue.architecture("tinny")


FRESH = """
import sys, time
from workbench.host import load_plugins
before = time.process_time()
loaded = load_plugins()
first = time.process_time() - before
before = time.process_time()
load_plugins()
print(len(loaded.plugins), first, time.process_time() - before)
heavy = {"torch", "PySide6", "pyqtgraph", "workbench.nn", "workbench.shell", "matplotlib", "pandas", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""


def test_loading_is_quick_and_imports_neither_torch_nor_qt() -> None:
    answer = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True, timeout=60)
    counts, heavy = answer.stdout.splitlines()
    plugins, _first, again = counts.split()
    assert heavy == "[]"
    assert int(plugins) >= 15
    assert float(again) < 0.15, "loading without the plugins' own imports"
