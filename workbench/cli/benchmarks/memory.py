"""``recurra benchmark memory``: how long each network remembers, as a table; kept for the page that compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbench.api import Catalogue
from workbench.cli.benchmarks.common import default_catalogue, machine, table

NAME = "memory"


def measure(
    names: str = "",
    *,
    budget: float = 0.0,
    seeds: int = 1,
    catalogue: Catalogue | None = None,
    notice: Callable[[str], object] = lambda text: None,
    keep: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """``names``: networks or problems, separated by commas; empty measures all.

    ``budget`` is process seconds for each network and problem (0: the quick default), for each of the
    ``seeds``. The result is kept in the user's data folder unless ``keep`` is False, and holds a Markdown ``table``.
    """
    from workbench.engine.memory_bench import BUDGET_SECONDS, measure_memory
    from workbench.engine.memory_tasks import TASKS
    from workbench.project.measured import keep_measured

    asked = [name.strip() for name in names.split(",") if name.strip()]
    problems = [task.id for task in TASKS]

    def progress(done: int, total: int, what: str, so_far: Mapping[str, Any]) -> None:
        notice(f"{done} of {total}: {what}")

    result = measure_memory(
        catalogue or default_catalogue(),
        budget=budget or BUDGET_SECONDS,
        seeds=seeds,
        only=[name for name in asked if name not in problems],
        tasks=[name for name in asked if name in problems],
        progress=progress,
        **options,
    )
    result["machine"] = machine()
    if keep:
        keep_measured(NAME, result)
    result["table"] = render(result)
    return result


def render(result: Mapping[str, Any]) -> str:
    """A row for each network: the longest length solved of each problem (of several seeds the median, with the
    shortest and the longest), its speed; then who is left out and why."""
    tasks = result["tasks"]
    longest = max(result["ladder"], default=0)
    header = ["network", "weights", *(f"{one['title'].lower()}" for one in tasks), "steps/s"]
    rows = []
    for row in result["rows"]:
        shown = [_shown(row, one["id"], longest) for one in tasks]
        rows.append([row["title"], f"{row['parameters']:,}", *shown, f"{row['steps_per_second']:,.0f}"])
    lines = [table(rows, header), ""]
    lines += [f"{one['title']}: {one['what']}; solved at {one['measure']}" for one in tasks]
    lines += [f"Left out: {one['title']}. {one['reason']}" for one in result["left_out"]]
    return "\n".join(lines)


def _shown(row: Mapping[str, Any], task: str, longest: int) -> str:
    def words(value: int) -> str:
        return f"≥ {value}" if value == longest else str(value) if value else "–"

    lengths = row.get("solved_by_seed", {}).get(task, [])
    spread = f" ({words(min(lengths))} to {words(max(lengths))})" if len(set(lengths)) > 1 else ""
    return words(row["solved"][task]) + spread
