"""What starts quickly stays light: which modules must not pull in torch or Qt, seen in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "PySide6", "pyqtgraph")
WITHOUT_QT = ("workbench.engine.training", "workbench.nn.contract", "workbench.cli.worker")
WITHOUT_TORCH = ("workbench.shell.sdk", "workbench.shell.plugin_frame", "workbench.testing.fixtures")
LIGHT = (
    "workbench.cli.main",
    "workbench.api",
    "workbench.host",
    "workbench.data",
    "workbench.runs",
    "workbench.runs.worker",
    "workbench.project",
    "workbench.testing",
)


def imported_by(code: str) -> set[str]:
    """Which heavy libraries ``code`` imports."""
    script = f"import json, sys\n{code}\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_neither_torch_nor_qt(module: str) -> None:
    assert imported_by(f"import {module}") == set()


@pytest.mark.parametrize("module", WITHOUT_QT)
def test_the_worker_never_imports_qt(module: str) -> None:
    assert imported_by(f"import {module}") <= {"torch"}


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_the_shell_never_imports_torch(module: str) -> None:
    assert "torch" not in imported_by(f"import {module}")


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"]])
def test_quick_commands_are_light_and_quick(arguments: list[str]) -> None:
    code = (
        "import contextlib, io\n"
        "from workbench.cli.main import main\n"
        f"sys.argv = ['recurra', *{arguments!r}]\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert imported_by(code) == set()
    seconds = []
    for _ in range(3):  # the best of three: the machine may be busy
        before = time.perf_counter()
        imported_by(code)
        seconds.append(time.perf_counter() - before)
    assert min(seconds) < 2.0, "a second on a quiet machine"
