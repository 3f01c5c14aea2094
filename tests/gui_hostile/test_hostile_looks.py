"""Large text, small windows, no mouse; and the pictures that show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from workbench.cli.main import run
from workbench.shell import render
from workbench.shell.audit import clipped, nameless
from workbench.shell.render import scene, settle
from workbench.shell.window import MainWindow

PAGES = ("welcome", "data", "model", "train", "evaluate", "use")


@pytest.mark.parametrize(("size", "scale"), [((1280, 800), 1.0), ((1024, 700), 1.0), ((1280, 800), 2.0)])
def test_filled_stages_clip_nothing(qapp: Any, size: tuple[int, int], scale: float) -> None:
    found: list[str] = []
    pages = (*PAGES, "explain") if scale == 1.0 else PAGES
    with scene() as shown:
        window = shown.window
        window.session.theme.set_scale(scale)
        window.resize(*size)
        shown.show_state("filled")
        for name in pages:
            window.show_stage(name)
            settle(shown.is_quiet)
            found += [f"{name}: {one}" for look in (clipped, nameless) for one in look(window)]
        evaluate: Any = window.pages.stage("evaluate")
        explain: Any = window.pages.stage("explain")
        assert evaluate.report is not None
        assert scale != 1.0 or explain.view.trace is not None
        assert window.width() <= size[0]
        window.session.theme.set_scale(1.0)
    assert not found, "\n".join(found)


def test_tab_goes_through_the_welcome_page_as_the_eye_does(window: MainWindow) -> None:
    welcome = window.welcome
    welcome.refresh()
    card: Any = welcome.cards.itemAt(0).widget()
    wanted = [card.button, welcome.drop, welcome.new_button, welcome.open_button]
    order: list[QWidget] = []
    widget = window.top_bar.menu_button.nextInFocusChain()
    while widget is not window.top_bar.menu_button:
        order.append(widget)
        widget = widget.nextInFocusChain()
    places = [order.index(one) for one in wanted]
    assert places == sorted(places)


def test_screenshots_are_a_command(
    qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "STATES", ("empty",))
    monkeypatch.setattr(render, "STAGES", (("use", "Use"),))
    assert run(["screenshots", str(tmp_path / "out"), "--theme", "dark", "--size", "1100x720"]) == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["use-empty-dark.png", "welcome-empty-dark.png"]
    assert run(["screenshots", str(tmp_path / "out"), "--size", "large"]) == 1
    assert run(["screenshots", str(tmp_path / "out"), "--theme", "pink"]) == 1
    assert "pink" in capsys.readouterr().err
