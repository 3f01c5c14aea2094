"""Every stage, empty, filled and in error: nothing clipped, every control named, no attribute hides Qt's methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage

from workbench.shell.actions import STAGES
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.render import STATES, Scene, scene, settle
from workbench.shell.theme import Theme

PAGES = ("welcome", *(name for name, _ in STAGES))


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_clipped_and_every_control_is_named(qapp: Any, state: str) -> None:
    with scene() as shown:
        shown.show_state(state)
        found: list[str] = []
        for name in PAGES:
            shown.window.show_stage(name)
            settle(shown.is_quiet)
            for what, look in (("clipped", clipped), ("without a name", nameless), ("hides Qt's", shadowing)):
                found += [f"{name}, {what}: {one}" for one in look(shown.window)]
        assert (shown.window.width(), shown.window.height()) == (1280, 800)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("width", "height", "scale"), [(1024, 700, 1.0), (1280, 800, 2.0)])
def test_small_windows_and_large_text_clip_nothing_of_the_frame(
    qapp: Any, width: int, height: int, scale: float
) -> None:
    with scene() as shown:
        window = shown.window
        window.session.theme.set_scale(scale)
        window.resize(width, height)
        shown.show_state("filled")
        found: list[str] = []
        for name in ("welcome", "model", "train"):
            window.show_stage(name)
            settle(shown.is_quiet)
            found += [f"{name}: {one}" for one in clipped(window)]
        assert window.width() <= width
        window.session.theme.set_scale(1.0)
    assert not found, "\n".join(found)


def test_the_palette_follows_a_switch_everywhere(qapp: Any) -> None:
    with scene() as shown:
        shown.show_state("filled")
        shown.window.show_stage("train")
        settle(shown.is_quiet)
        for name in ("light", "dark", "high_contrast"):
            shown.window.session.theme.set(name)
            settle()
            picture = shown.window.grab().toImage()
            theme = Theme(name)
            assert picture.pixelColor(4, 400) == theme.color("window")
            inspector = shown.window.inspector
            inside = inspector.mapTo(shown.window, inspector.rect().bottomRight())
            assert picture.pixelColor(inside.x() - 30, inside.y() - 8) == theme.color("surface")
            assert share_of(picture, theme.color("accent").name()) > 0


def test_pictures_are_written(qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.shell import render

    monkeypatch.setattr(render, "STATES", ("filled",))
    monkeypatch.setattr(render, "STAGES", (("train", "Train"),))
    written = render.render_all(tmp_path / "out", themes=("light", "dark"))
    assert [path.name for path in written] == ["train-filled-light.png", "train-filled-dark.png"]
    assert all(QImage(str(path)).width() == 1280 for path in written)


def share_of(picture: QImage, colour: str) -> int:
    """How many of a grid of pixels have ``colour``."""
    return sum(
        picture.pixelColor(x, y).name() == colour
        for x in range(0, picture.width(), 3)
        for y in range(0, picture.height(), 3)
    )


def test_a_scene_can_be_emptied_again(qapp: Any) -> None:
    with scene() as shown:
        assert isinstance(shown, Scene)
        shown.show_state("filled")
        shown.show_state("empty")
        assert shown.window.session.project is None
        assert shown.window.pages.current == "welcome"
