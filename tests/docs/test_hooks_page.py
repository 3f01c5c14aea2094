"""Every hook, its signature and every field of its contribution is on the page about hooks."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from workbench.api.contributions import CONTRIBUTION_TYPES, GUI_HOOKS
from workbench.api.hooks import API_VERSION, HookSpecifications

HELP = Path(__file__).resolve().parents[2] / "resources" / "help"
PAGE = (HELP / "hooks.md").read_text(encoding="utf-8")
HOOKS = [name for name in vars(HookSpecifications) if name.startswith("register_")]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_and_its_signature_is_on_the_page(hook: str) -> None:
    signature = inspect.signature(getattr(HookSpecifications, hook), eval_str=False)
    parameters = ", ".join(str(p).replace("'", "") for p in signature.parameters.values() if p.name != "self")
    assert f"`{hook}({parameters}) -> {signature.return_annotation}`" in PAGE


@pytest.mark.parametrize("contribution", CONTRIBUTION_TYPES, ids=lambda cls: cls.__name__)
def test_every_field_of_every_contribution_is_on_the_page(contribution: type[Any]) -> None:
    section = re.search(rf"^## {contribution.__name__}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    missing = [field.name for field in fields(contribution) if f"`{field.name}`" not in section[1]]
    assert missing == []
    caller = "by the window only" if contribution.HOOK in GUI_HOOKS else "always"
    row = rf"\| `{contribution.HOOK}\(.*` \| `{contribution.__name__}` \| {caller} \|"
    assert re.search(row, PAGE)


def test_no_hook_is_on_the_page_that_does_not_exist() -> None:
    assert set(re.findall(r"register_\w+", PAGE)) == set(HOOKS)


def test_the_guide_names_the_version_of_the_api() -> None:
    assert f"API {API_VERSION}" in (HELP / "plugin-guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(HELP.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([\w./-]+\.md)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
