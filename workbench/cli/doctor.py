"""``recurra doctor``: whether everything that is needed is there, and what to do where it is not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from workbench.api import WorkbenchError
from workbench.cli.context import CliContext

LOW_DISK_GIB = 2.0
TORCH_QUESTION = """
import json, torch
gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
mps = bool(getattr(torch.backends, "mps", None)) and torch.backends.mps.is_available()
print(json.dumps({"version": torch.__version__, "gpus": gpus, "mps": mps, "threads": torch.get_num_threads()}))
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: how it is, and what to do where it is not well."""

    name: str
    state: Literal["ok", "warning", "problem"]
    found: str
    fix: str = ""


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    restore: Annotated[
        Path | None,
        typer.Option(metavar="PROJECT", help="Put the last good copy of a project's data in place of damaged ones."),
    ] = None,
) -> None:
    """Look at the environment: Python, torch, GPU, Qt, display, disk, plugins. Ends with status 1 on a problem."""
    context: CliContext = ctx.obj
    if restore is not None:
        restore_data(context, restore)
        return
    checks = list(examine(context))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        console = context.console()
        colour = {"ok": "green", "warning": "yellow", "problem": "red"}
        for check in checks:
            console.print(f"[{colour[check.state]}]{check.state:8}[/] {check.name:10} ", end="")
            console.print(check.found, markup=False)
            if check.fix:
                console.print(f"{'':20}{check.fix}", markup=False)
    if any(check.state == "problem" for check in checks):
        raise typer.Exit(1)


def restore_data(context: CliContext, project: Path) -> None:
    """Put the backup in the place of a project's damaged data; the damaged ones stay beside it. Whole data are kept."""
    from workbench.data import backup
    from workbench.project.project import STORE_NAME

    if not (project / "project.toml").is_file():
        raise WorkbenchError(
            "There is no project here.", why="A project is a folder with a project.toml in it.", file=project
        )
    try:
        context.open_project(project, read_only=True).close()
    except WorkbenchError as error:
        if "newer version" in error.what:
            raise
    else:
        raise WorkbenchError(
            "These data are whole, so nothing was restored.",
            fix="Edits are taken back in the Data stage.",
            file=project,
        )
    aside = backup.restore(project / STORE_NAME)
    with context.open_project(project, read_only=True) as opened:
        found = ", ".join(f"{info.name} ({info.count:,} records)" for info in opened.store.datasets()) or "no dataset"
    console = context.console()
    console.print(f"Restored: {found}.", markup=False)
    if aside.exists():
        console.print(f"The damaged data are kept as {aside.name}.", markup=False)


def examine(context: CliContext) -> Iterator[Check]:
    """All checks, cheap ones first; torch is asked in a process of its own."""
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Check("system", "ok", f"{platform.platform()}, {os.cpu_count()} processors")
    yield _memory()
    yield from _torch()
    yield _qt()
    yield _display()
    yield _disk(Path.home())
    loaded = context.plugins()
    problems = loaded.problems.problems()
    working = sum(info.status == "loaded" for info in loaded.plugins)
    yield Check("plugins", "ok" if working else "problem", f"{working} loaded, {len(problems)} problems")
    for problem in problems:
        yield Check("plugin", "warning", f"{problem.plugin}, {problem.where}: {problem.what}", problem.fix)


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    return Check("memory", "ok" if free > 1 else "warning", f"{free:.1f} of {total:.1f} GiB free")


def _torch() -> Iterator[Check]:
    try:
        answer = subprocess.run(
            [sys.executable, "-c", TORCH_QUESTION], capture_output=True, text=True, timeout=120, check=True
        )
        torch = json.loads(answer.stdout)
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
        yield Check("torch", "problem", f"cannot be loaded: {last[0]}", "Install it again: pip install torch")
        return
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        yield Check("torch", "problem", f"does not answer: {error}", "Install it again: pip install torch")
        return
    yield Check("torch", "ok", f"{torch['version']}, {torch['threads']} threads")
    if torch["gpus"]:
        yield Check("gpu", "ok", ", ".join(torch["gpus"]))
    elif torch["mps"]:
        yield Check("gpu", "ok", "Apple GPU (mps)")
    elif shutil.which("nvidia-smi"):
        yield Check(
            "gpu",
            "warning",
            "there is an NVIDIA driver, but this torch sees no GPU",
            "Install torch with CUDA support.",
        )
    else:
        yield Check("gpu", "ok", "none; training uses the CPU")


def _qt() -> Check:
    try:
        version = metadata.version("PySide6-Essentials")
    except metadata.PackageNotFoundError:
        return Check("qt", "problem", "PySide6 is not installed", "pip install PySide6-Essentials")
    plot = metadata.version("pyqtgraph") if _installed("pyqtgraph") else "none"
    return Check("qt", "ok", f"PySide6 {version}, pyqtgraph {plot}")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _display() -> Check:
    from workbench.cli.display import display_problem

    problem = display_problem()
    return Check("display", "warning" if problem else "ok", problem or "a window can be shown")


def _disk(path: Path) -> Check:
    free = shutil.disk_usage(path if path.exists() else Path(path.anchor)).free / 2**30
    state: Literal["ok", "warning"] = "ok" if free >= LOW_DISK_GIB else "warning"
    return Check("disk", state, f"{free:.1f} GiB free in {path}", "" if state == "ok" else "Free some space.")
