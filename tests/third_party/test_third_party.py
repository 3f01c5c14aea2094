"""Proof of the plugin door: other people's distributions, whole and broken, beside the built-ins.

They are installed with pip as anybody's would be, into a folder of their own, and loaded in a fresh interpreter.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DISTRIBUTIONS = ("recurra-example-plugin", "recurra-broken-plugins")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both distributions installed."""
    target = tmp_path_factory.mktemp("site")
    for name in DISTRIBUTIONS:
        # built in a copy: a build leaves files beside its sources
        source = shutil.copytree(HERE / name, tmp_path_factory.mktemp("source") / name)
        if find_spec("setuptools") is not None and find_spec("pip") is not None:
            _pip_install(source, target)
        else:
            _lay_out(source, target)
    return target


def _pip_install(source: Path, target: Path) -> None:
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr


def _lay_out(source: Path, target: Path) -> None:
    """What pip would leave behind, where there is no setuptools to build with and no network to fetch it."""
    project = tomllib.loads((source / "pyproject.toml").read_text())
    name, version = project["project"]["name"], project["project"]["version"]
    info = target / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items())
        for group, points in project["project"]["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for package in project["tool"]["setuptools"]["packages"]:
        shutil.copytree(source / package, target / package)


def run(site: Path, code: str) -> Any:
    """The JSON that ``code`` prints last, in a fresh interpreter that sees ``site``."""
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONPATH": path, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LOAD = """
import json, sys
from workbench.host import load_plugins
loaded = load_plugins(gui=True)
mine = ("recurra-example-plugin", "recurra-broken-plugins")
print(json.dumps({
    "heavy": sorted({"torch", "PySide6"} & set(sys.modules)),
    "status": {info.name: info.status for info in loaded.plugins if info.distribution in mine},
    "contributions": [list(pair) for info in loaded.plugins if info.name == "example" for pair in info.contributions],
    "architectures": {a.id: loaded.catalogue.owner(a) for a in loaded.catalogue.architectures()},
    "exporters": [e.id for e in loaded.catalogue.exporters()],
    "builtins": {info.name: info.status for info in loaded.plugins if info.builtin},
    "problems": [problem.to_json() for problem in loaded.problems.problems()],
}))
"""


@pytest.fixture(scope="module")
def report(site: Path) -> dict[str, Any]:
    found: dict[str, Any] = run(site, LOAD)
    return found


def problem_of(report: dict[str, Any], plugin: str) -> dict[str, Any]:
    (problem,) = [problem for problem in report["problems"] if problem["plugin"] == plugin]
    return dict(problem)


def test_a_plugin_of_somebody_else_adds_everything_it_has(report: dict[str, Any]) -> None:
    assert report["status"]["example"] == "loaded"
    assert {tuple(pair) for pair in report["contributions"]} == {
        ("architecture", "mgu"),
        ("task", "judging"),
        ("metric", "verdict_accuracy"),
        ("importer", "judged-lines"),
        ("sample", "questions"),
        ("panel", "verdict-bar"),
    }
    assert report["heavy"] == []


@pytest.mark.parametrize(
    ("plugin", "where", "words", "in_details"),
    [
        ("broken-import", "import", "a_library_nobody_has", "broken_import.py"),
        ("broken-hook", "register_exporters", "the hook burst", "raising_hook.py"),
        ("broken-spelling", "registration", "register_architecture", "check_pending"),
        ("broken-theft", "registration", "'lstm' already belongs to the plugin architectures-lstm", "commit"),
        ("broken-version", "requires_api", "plugin API 7.2", "_check_api"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(
    report: dict[str, Any], plugin: str, where: str, words: str, in_details: str
) -> None:
    problem = problem_of(report, plugin)
    assert report["status"][plugin] == "failed"
    assert problem["where"] == where
    assert words in problem["what"]
    assert in_details in problem["details"]
    assert problem["fix"]


def test_the_others_are_untouched(report: dict[str, Any]) -> None:
    assert report["architectures"]["lstm"] == "architectures-lstm"
    assert "thiefs-own" not in report["architectures"]
    assert "half" not in report["exporters"]
    assert set(report["builtins"].values()) == {"loaded"}
    assert report["status"]["broken-in-use"] == report["status"]["broken-panel"] == "loaded"


IN_USE = """
import json
from workbench.api import Params, WorkbenchError
from workbench.host import load_plugins, use
loaded = load_plugins()
catalogue, problems = loaded.catalogue, loaded.problems
heard = []
for contribution in (catalogue.architecture("fragile"), catalogue.exporter("nowhere")):
    for _ in range(2):
        try:
            use(contribution, problems, catalogue, lambda: contribution.factory.resolve()(Params(), 7))
        except WorkbenchError as error:
            heard.append(error.what)
mine = [problem.to_json() for problem in problems.problems() if problem.plugin == "broken-in-use"]
print(json.dumps({"heard": heard, "problems": mine}))
"""


def test_a_factory_that_fails_in_use_is_named(site: Path) -> None:
    told = run(site, IN_USE)
    fragile, nowhere = told["problems"]
    assert fragile["where"] == "architecture 'fragile'"
    assert "no network for inputs of size 7" in fragile["what"]
    assert fragile["count"] == 2
    assert nowhere["where"] == "exporter 'nowhere'"
    assert "recurra_broken.gone" in nowhere["what"]
    assert "The plugin broken-in-use failed in its architecture 'fragile'" in told["heard"][0]
    assert len(told["heard"]) == 4


PANELS = """
import json
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from workbench.host import load_plugins
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.sdk import PanelContext
from workbench.shell.theme import current_theme
application = QApplication([])
loaded = load_plugins(gui=True)
catalogue, problems = loaded.catalogue, loaded.problems
context = PanelContext(theme=current_theme(), notify=lambda message: None)
window = QWidget()
layout = QVBoxLayout(window)
frames = {}
for panel in catalogue.panels():
    if panel.id in ("verdict-bar", "bad-painter"):
        frame = PluginFrame(lambda: panel.factory.resolve()(context), panel, problems, plugin=catalogue.owner(panel))
        layout.addWidget(frame)
        frames[panel.id] = frame
window.resize(400, 300)
window.show()
for _ in range(20):
    application.processEvents()
picture = window.grab()
mine = [problem.to_json() for problem in problems.problems() if problem.plugin == "broken-panel"]
print(json.dumps({
    "problems": mine,
    "good": type(frames["verdict-bar"].widget).__name__,
    "bad": frames["bad-painter"].error.what,
    "painted": not picture.isNull(),
}))
"""


def test_a_panel_that_raises_while_painting_is_named_and_the_window_goes_on(site: Path) -> None:
    told = run(site, PANELS)
    (problem,) = told["problems"]
    assert problem["where"] == "panel 'bad-painter'"
    assert "the brush broke" in problem["what"]
    assert "paints_badly_gui.py" in problem["details"]
    assert told["good"] == "VerdictBar"
    assert "The plugin broken-panel failed in its panel 'bad-painter'" in told["bad"]
    assert told["painted"]


SAFE = """
import json
from workbench.host import load_plugins
loaded = load_plugins(safe_mode=True, gui=True)
mine = ("recurra-example-plugin", "recurra-broken-plugins")
print(json.dumps([info.status for info in loaded.plugins if info.distribution in mine]))
"""


def test_safe_mode_loads_none_of_them(site: Path) -> None:
    assert set(run(site, SAFE)) == {"safe mode"}


COMMAND = """
import contextlib, io, json, sys
from workbench.cli.main import run
out = io.StringIO()
with contextlib.redirect_stdout(out):
    code = run(["plugins", "--json"])
told = json.loads(out.getvalue())
print(json.dumps({"code": code, "problems": [problem["plugin"] for problem in told["problems"]]}))
"""


def test_the_command_line_lists_every_broken_plugin_and_ends_well(site: Path) -> None:
    told = run(site, COMMAND)
    assert told["code"] == 0
    broken = {"broken-import", "broken-hook", "broken-spelling", "broken-theft", "broken-version"}
    assert broken <= set(told["problems"])
