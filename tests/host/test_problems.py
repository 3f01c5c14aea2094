"""The problems list counts, tells its subscribers, and survives them; ``use`` puts a plugin's name on its failures."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from workbench.api import Cancelled, Metric, Ref, Registrar, WorkbenchError, hookimpl
from workbench.host import LoadedPlugins, Problem, ProblemList, load_plugins, use

METRIC = Metric(
    id="length", title="Length", result="text", higher_is_better=True, factory=Ref("no_such_module_anywhere:Length")
)


@pytest.fixture
def loaded() -> LoadedPlugins:
    @hookimpl
    def register_metrics(registry: Registrar) -> None:
        registry.add(METRIC)

    return load_plugins(extra=[("measuring", SimpleNamespace(register_metrics=register_metrics))])


def measured(loaded: LoadedPlugins) -> list[Problem]:
    return [problem for problem in loaded.problems.problems() if problem.plugin == "measuring"]


def raise_(error: BaseException) -> None:
    raise error


def test_the_same_failure_is_one_entry_with_a_count() -> None:
    problems = ProblemList()
    problems.report("p", "import", ValueError("x"))
    assert problems.report("p", "import", ValueError("x")).count == 2
    problems.report("p", "import", ValueError("y"))
    problems.report("q", "import", ValueError("x"))
    assert [(problem.plugin, problem.what, problem.count) for problem in problems.problems()] == [
        ("p", "ValueError: x", 2),
        ("p", "ValueError: y", 1),
        ("q", "ValueError: x", 1),
    ]


def test_an_error_in_words_keeps_them() -> None:
    error = WorkbenchError("Broke.", why="Because.", fix="Mend it.", file="a.txt", line=3)
    problem = ProblemList().report("p", "import", error)
    assert (problem.what, problem.why, problem.fix) == ("a.txt:3: Broke.", "Because.", "Mend it.")
    assert "WorkbenchError" in problem.details
    assert str(problem) == "p, import: a.txt:3: Broke. Because. Mend it."


def test_subscribers_hear_every_report_until_they_leave() -> None:
    problems, heard = ProblemList(), []
    stop = problems.subscribe(lambda problem: heard.append(problem.count))
    problems.subscribe(lambda problem: raise_(RuntimeError("a broken subscriber")))
    problems.report("p", "import", ValueError("x"))
    problems.report("p", "import", ValueError("x"))
    stop()
    stop()
    problems.report("p", "import", ValueError("x"))
    assert heard == [1, 2]


def test_reports_from_many_threads_are_all_counted() -> None:
    problems = ProblemList()

    def report() -> None:
        for _ in range(200):
            problems.report("p", "in use", ValueError("x"))

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [problem.count for problem in problems.problems()] == [800]


def test_use_returns_what_the_call_returns(loaded: LoadedPlugins) -> None:
    assert use(METRIC, loaded.problems, loaded.catalogue, lambda: 7) == 7
    assert not measured(loaded)


def test_what_plugin_code_raises_in_use_names_the_plugin(loaded: LoadedPlugins) -> None:
    with pytest.raises(WorkbenchError, match="The plugin measuring failed in its metric 'length'") as caught:
        use(METRIC, loaded.problems, loaded.catalogue, lambda: raise_(ZeroDivisionError("oh")))
    (problem,) = measured(loaded)
    assert problem.where == "metric 'length'"
    assert "ZeroDivisionError" in problem.details
    assert caught.value.details == problem.details


def test_a_plugin_speaking_to_the_user_is_no_problem(loaded: LoadedPlugins) -> None:
    for error in (WorkbenchError("This file is empty."), Cancelled()):
        with pytest.raises(type(error)) as caught:
            use(METRIC, loaded.problems, loaded.catalogue, lambda error=error: raise_(error))
        assert caught.value is error
    assert not measured(loaded)


def test_a_reference_to_nothing_is_a_problem(loaded: LoadedPlugins) -> None:
    with pytest.raises(WorkbenchError, match="cannot be loaded"):
        use(METRIC, loaded.problems, loaded.catalogue, METRIC.factory.resolve)
    assert "no_such_module_anywhere" in measured(loaded)[0].what
