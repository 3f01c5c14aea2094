"""What is shipped is what is in the tree, and what is named exists."""

from __future__ import annotations

import tomllib
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
README_COMMANDS = (
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/recurra",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
)


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages_in_the_tree(setuptools: dict[str, Any]) -> list[str]:
    """Every folder with an ``__init__.py`` under a mapped folder, by the name it is imported as."""
    found = []
    for name, folder in setuptools["package-dir"].items():
        for file in (ROOT / folder).rglob("__init__.py"):
            below = file.parent.relative_to(ROOT / folder).parts
            found.append(".".join((name, *below)))
    return sorted(found)


def test_every_package_of_the_tree_is_shipped() -> None:
    setuptools = pyproject()["tool"]["setuptools"]
    assert sorted(setuptools["packages"]) == packages_in_the_tree(setuptools)


def test_every_python_file_lies_in_a_package() -> None:
    setuptools = pyproject()["tool"]["setuptools"]
    lost = [
        str(file.relative_to(ROOT))
        for folder in setuptools["package-dir"].values()
        for file in (ROOT / folder).rglob("*.py")
        if not (file.parent / "__init__.py").exists()
    ]
    assert lost == []


def test_every_package_says_what_lives_there() -> None:
    setuptools = pyproject()["tool"]["setuptools"]
    silent = [
        str(file.relative_to(ROOT))
        for folder in setuptools["package-dir"].values()
        for file in (ROOT / folder).rglob("__init__.py")
        if not file.read_text(encoding="utf-8").lstrip().startswith('"""')
    ]
    assert silent == []


def test_every_file_that_is_read_at_run_time_is_package_data() -> None:
    """What is neither Python nor matched by a pattern of package-data would be missing from a wheel."""
    setuptools = pyproject()["tool"]["setuptools"]
    patterns = setuptools["package-data"]["*"]
    forgotten = [
        str(file.relative_to(ROOT))
        for folder in setuptools["package-dir"].values()
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and file.suffix not in (".py", ".pyc")
        and not any(file.match(pattern) for pattern in patterns)
    ]
    assert forgotten == []


@pytest.mark.parametrize(
    ("name", "target"), sorted(pyproject()["project"]["entry-points"]["workbench.plugins"].items())
)
def test_every_entry_point_names_a_plugin(name: str, target: str) -> None:
    plugin = import_module(target)
    assert any(hook.startswith("register_") for hook in vars(plugin)), f"{name} registers nothing"
    assert getattr(plugin, "requires_api", "1") == "1"


def test_every_built_in_plugin_has_its_entry_point() -> None:
    """A folder below ``plugins/KIND/`` is a plugin."""
    targets = set(pyproject()["project"]["entry-points"]["workbench.plugins"].values())
    folders = {
        f"workbench_plugins.{folder.parent.name}.{folder.name}"
        for folder in (ROOT / "plugins").glob("*/*")
        if (folder / "__init__.py").exists() and not folder.name.startswith("_")
    }
    assert folders == targets


def test_the_installed_metadata_is_that_of_the_tree() -> None:
    """Else new plugins stay unseen: install again with ``pip install -e .``."""
    installed = {
        point.name: point.value
        for point in metadata.entry_points(group="workbench.plugins")
        if point.dist is not None and point.dist.name == "recurra"
    }
    assert installed == pyproject()["project"]["entry-points"]["workbench.plugins"]


def test_the_command_is_there() -> None:
    target = pyproject()["project"]["scripts"]["recurra"]
    module, _, name = target.partition(":")
    assert callable(getattr(import_module(module), name))


def test_the_readme_has_the_two_commands_word_for_word() -> None:
    lines = [line.strip() for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()]
    assert [lines.count(command) for command in README_COMMANDS] == [1, 1]
    assert [line for line in lines if "python3 -m venv" in line] == list(README_COMMANDS), "exactly these two set up"
