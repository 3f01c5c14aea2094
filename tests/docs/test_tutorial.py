"""The tutorial's files, as they stand on the page, make a plugin that is found, trains and passes its own tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "resources" / "help" / "plugin-tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def files_of_the_tutorial() -> dict[str, str]:
    found = {}
    for _language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        first = text.splitlines()[0]
        assert first.startswith("# file: "), f"a block of the tutorial names no file: {first}"
        found[first.removeprefix("# file: ")] = text
    return found


def test_the_architecture_is_about_ten_lines() -> None:
    code = files_of_the_tutorial()["recurra_hello/__init__.py"].partition("@hookimpl\ndef register_panels")[0]
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith("#")]) <= 10


def test_a_cell_is_a_small_file() -> None:
    files = files_of_the_tutorial()
    code = "".join(text for name, text in files.items() if name.startswith("recurra_mgu/"))
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith("#")]) <= 45


def test_the_plugin_of_the_tutorial_passes_its_own_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of_the_tutorial()
    for name, text in files.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads(files["pyproject.toml"])
    # what pip would leave behind; tests/third_party installs with pip itself
    info = pytester.path / "recurra_hello-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['project']['name']}\nVersion: 1.0\n")
    for group, points in project["project"]["entry-points"].items():
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", "-o", "qt_api=pyside6", timeout=120)
    result.assert_outcomes(passed=6)
