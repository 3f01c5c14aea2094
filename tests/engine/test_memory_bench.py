"""The memory bench: its problems are what they say, its budget is equal, and everything else is left as it was."""

from __future__ import annotations

import io
import json
import os
import time
from typing import Any

import pytest
import torch

from workbench.api import Cancelled, WorkbenchError
from workbench.cli.benchmarks.memory import render
from workbench.engine.jobs import make_handlers
from workbench.engine.memory_bench import Contestant, contestants, measure_memory, sized
from workbench.engine.memory_tasks import DEPTH, LADDER, TASKS, MemoryTask
from workbench.engine.server import Server
from workbench.host import load_plugins

BY_ID = {task.id: task for task in TASKS}
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)


@pytest.fixture(scope="module")
def catalogue() -> Any:
    return load_plugins().catalogue


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@each_task
@pytest.mark.parametrize("length", [LADDER[0], 40])
def test_a_problem_has_the_shapes_it_says_and_follows_from_its_seed(task: MemoryTask, length: int) -> None:
    problem = task.make(length, 6, generator())
    steps = problem.x.shape[1]
    assert problem.x.shape == (6, steps, task.inputs)
    assert problem.scored.shape == (6, steps)
    assert len(problem.wanted) == int(problem.scored.sum())
    assert length <= steps <= length + 6
    again = task.make(length, 6, generator())
    assert torch.equal(again.x, problem.x)
    assert torch.equal(again.wanted, problem.wanted)
    if task.kind == "classes":
        assert 0 <= int(problem.wanted.min()) <= int(problem.wanted.max()) < task.outputs


def test_adding_wants_the_sum_of_the_two_marked_numbers() -> None:
    problem = BY_ID["adding"].make(20, 50, generator())
    values, marks = problem.x.unbind(-1)
    assert torch.equal(marks.sum(1), torch.full((50,), 2.0))
    assert bool((marks[:, :10].sum(1) == 1).all())
    torch.testing.assert_close((values * marks).sum(1), problem.wanted)


def test_copy_wants_what_was_read_first_in_its_order() -> None:
    problem = BY_ID["copy"].make(12, 20, generator())
    assert torch.equal(problem.x[:, :3].argmax(-1).flatten(), problem.wanted)
    assert bool(problem.scored[:, -3:].all())
    assert not bool(problem.scored[:, :-3].any())


def test_recall_wants_the_marked_symbol() -> None:
    problem = BY_ID["recall"].make(40, 20, generator())
    at = problem.x[..., -1].argmax(1)
    assert int(at.max()) < 10
    assert torch.equal(problem.x[torch.arange(20), at, :-1].argmax(-1), problem.wanted)


def test_parity_counts() -> None:
    problem = BY_ID["parity"].make(9, 5, generator())
    ones = (problem.x[..., 0] > 0).long().cumsum(1)
    assert torch.equal((ones % 2).flatten(), problem.wanted)


def test_brackets_match_and_are_never_too_deep() -> None:
    problem = BY_ID["brackets"].make(200, 4, generator())
    for symbols, wanted in zip(problem.x.argmax(-1).tolist(), problem.wanted.view(4, 200).tolist(), strict=True):
        stack: list[int] = []
        for symbol, answer in zip(symbols, wanted, strict=True):
            if symbol < 2:
                stack.append(symbol)
            else:
                assert stack.pop() == symbol - 2
            assert len(stack) <= DEPTH
            assert answer == (1 + stack[-1] if stack else 0)


def test_who_reads_backwards_or_no_sequence_is_left_out_with_a_reason(catalogue: Any) -> None:
    found, left_out = contestants(catalogue)
    assert {"rnn", "rnn-irnn", "lstm", "gru"} <= {one.id for one in found}
    reasons = {one["id"]: one["reason"] for one in left_out}
    assert "right to left" in reasons["birnn"]
    assert {one.architecture.id for one in found} | set(reasons) == {one.id for one in catalogue.architectures()}
    assert all(reason.endswith(".") for reason in reasons.values())


def test_every_network_gets_as_many_weights(catalogue: Any) -> None:
    for one in contestants(catalogue)[0]:
        network, size, weights = sized(one, 2, 8000)
        assert abs(weights - 8000) <= 800, f"{one.id} of size {size} has {weights}"
        assert not any(module.p for module in network.modules() if isinstance(module, torch.nn.Dropout))


def test_a_row_tells_how_far_each_network_came_within_its_time(catalogue: Any) -> None:
    told: list[tuple[int, int, str, int]] = []
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    begun = time.process_time()
    result = measure_memory(
        catalogue,
        budget=0.5,
        weights=1500,
        only=("rnn-irnn", "lstm"),
        tasks=("recall",),
        longest=8,
        progress=lambda done, total, what, so_far: told.append((done, total, what, len(so_far["rows"]))),
    )
    assert time.process_time() - begun < 8
    assert [row["id"] for row in result["rows"]] == ["lstm", "rnn-irnn"]
    assert result["ladder"] == [3, 5, 8]
    for row in result["rows"]:
        assert row["solved"]["recall"] in (0, 3, 5, 8)
        assert row["memory_span"] == row["solved"]["recall"]
        assert row["steps_per_second"] > 0
        assert row["date"]
    assert told[0] == (0, 2, "LSTM: Delayed recall", 0)
    assert told[-1][:2] == (2, 2)
    assert told[-1][3] == 2
    assert json.loads(json.dumps(result)) == result
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_solves_what_it_has_time_for(catalogue: Any) -> None:
    result = measure_memory(catalogue, budget=20, weights=1500, only=("lstm",), tasks=("parity",), longest=8)
    assert result["rows"][0]["solved"] == {"parity": 8}, "it ends early where nothing longer is left"


def test_of_several_seeds_the_median_counts_and_each_is_kept(catalogue: Any) -> None:
    told: list[tuple[int, int, str]] = []
    options: dict[str, Any] = {"weights": 1500, "only": ("lstm",), "tasks": ("parity",), "longest": 8}
    result = measure_memory(
        catalogue,
        budget=0.5,
        seeds=3,
        progress=lambda done, total, what, so_far: told.append((done, total, what)),
        **options,
    )
    (row,) = result["rows"]
    assert result["seeds"] == [7, 8, 9]
    assert len(row["solved_by_seed"]["parity"]) == 3
    assert row["solved"]["parity"] == sorted(row["solved_by_seed"]["parity"])[1]
    assert [what for _, _, what in told[:3]] == [f"LSTM: Parity, seed {seed}" for seed in (7, 8, 9)]
    assert told[-1][:2] == (3, 3)
    with pytest.raises(WorkbenchError, match="seed"):
        measure_memory(catalogue, budget=0.1, seeds=0, **options)


def test_the_table_shows_the_median_between_the_shortest_and_the_longest() -> None:
    row = {"title": "LSTM", "parameters": 1000, "steps_per_second": 10.0, "solved": {"a": 8, "b": 0}}
    row["solved_by_seed"] = {"a": [20, 0, 8], "b": [0, 0, 0]}
    tasks = [{"id": name, "title": name, "what": name, "measure": "all right"} for name in "ab"]
    shown = render({"rows": [row], "tasks": tasks, "ladder": [3, 8, 20], "left_out": []}).splitlines()[2]
    assert [cell.strip() for cell in shown.strip("|").split("|")][2:4] == ["8 (– to ≥ 20)", "–"]


def test_a_readout_in_closed_form_is_measured_too(catalogue: Any) -> None:
    closed = [one for one in contestants(catalogue)[0] if one.architecture.fitting == "closed_form"]
    if not closed:
        pytest.skip("no family is fitted in closed form")
    name = closed[0].id
    result = measure_memory(catalogue, budget=5, weights=4000, only=(name,), tasks=("copy",), longest=5)
    assert result["rows"][0]["solved"]["copy"] >= 3
    assert result["rows"][0]["steps_per_second"] > 0


def test_a_cancel_is_heard_between_two_steps(catalogue: Any) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure_memory(catalogue, budget=60, only=("gru",), tasks=("adding",), check=check)
    assert calls == 4


def test_names_nobody_knows_are_refused_with_those_that_are_known(catalogue: Any) -> None:
    with pytest.raises(WorkbenchError, match="adding"):
        measure_memory(catalogue, only=("transformer",))


def test_a_plugin_that_fails_is_left_out_and_the_others_are_measured(
    catalogue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.engine import memory_bench

    build = memory_bench._build

    def failing(one: Contestant, inputs: int, size: int) -> Any:
        if one.id == "gru":
            raise WorkbenchError("It cannot be so small.")
        return build(one, inputs, size)

    monkeypatch.setattr(memory_bench, "_build", failing)
    options: dict[str, Any] = {"budget": 0.1, "weights": 500, "tasks": ("parity",), "longest": 3}
    result = measure_memory(catalogue, only=("gru", "rnn"), **options)
    assert "gru" not in {row["id"] for row in result["rows"]}
    assert "cannot be so small" in {one["id"]: one["reason"] for one in result["left_out"]}["gru"]
    assert {row["id"] for row in result["rows"]} == {"rnn", "rnn-irnn"}


def test_a_worker_does_it_as_a_job_with_progress(catalogue: Any) -> None:
    job = {"id": "1", "job": "benchmark_memory", "budget": 0.05, "only": ["lstm"], "tasks": ["parity"]}
    inside, outside = os.pipe()
    written = io.BytesIO()
    with os.fdopen(inside, "rb") as stdin:
        server = Server(stdin, written, make_handlers(catalogue, lambda path: pytest.fail("no project is needed")))
        with os.fdopen(outside, "wb") as pipe:
            pipe.write(json.dumps(job).encode() + b"\n")
            pipe.flush()
            request = json.loads(json.dumps(job))
            server.send({"kind": "ready"})
            from workbench.engine.server import Request

            server._do(Request(server, request))
    messages = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [one["kind"] for one in messages][:3] == ["ready", "accepted", "progress"]
    assert messages[-1]["kind"] == "result"
    assert messages[-1]["value"]["rows"][0]["id"] == "lstm"
    progress = [one for one in messages if one["kind"] == "progress"]
    assert progress[0]["what"] == "LSTM: Parity"
    assert progress[-1]["so_far"]["tasks"][0]["id"] == "parity"
