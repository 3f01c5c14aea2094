"""The roles read, the palette follows a switch, plots keep their colours apart."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QLabel

from workbench.shell.theme import ROLE_NAMES, ROLES, Theme, contrast

SURFACES = ("window", "surface", "raised")


@pytest.mark.parametrize("name", ROLES)
def test_text_roles_read_on_every_surface(name: str) -> None:
    theme = Theme(name)
    for text, surface in itertools.product(("text", "muted", "accent", "ok", "warning", "danger"), SURFACES):
        assert contrast(theme.color(text), theme.color(surface)) >= 4.5, (text, surface)
    assert contrast(theme.color("on_accent"), theme.color("accent")) >= 4.5
    assert contrast(theme.color("text"), theme.color("selection")) >= 4.5


@pytest.mark.parametrize("name", ROLES)
def test_lines_that_carry_meaning_are_seen(name: str) -> None:
    theme = Theme(name)
    surface = theme.color("surface")
    assert contrast(theme.color("accent"), theme.color("window")) >= 3.0  # the focus ring
    assert contrast(theme.field_line(), surface) >= 3.0
    for i in range(3):
        assert contrast(theme.series(i), surface) >= 3.0
    for i in range(6):
        assert contrast(theme.series_text(i), surface) >= 4.5
        assert contrast(theme.color("text"), theme.tint(i)) >= 4.5


@pytest.mark.parametrize("name", ["high_contrast", "high_contrast_light"])
def test_high_contrast_is_black_and_white_with_a_strong_accent(name: str) -> None:
    theme = Theme(name)
    assert contrast(theme.color("text"), theme.color("surface")) == pytest.approx(21.0, abs=0.01)
    assert contrast(theme.color("accent"), theme.color("surface")) >= 7.0
    assert theme.tint(0) == theme.color("surface")


def test_every_theme_names_every_role() -> None:
    for roles in ROLES.values():
        assert tuple(roles) == ROLE_NAMES
        assert all(QColor(value).isValid() for value in roles.values())


def test_lines_are_told_apart_by_colour_then_by_dash() -> None:
    theme = Theme("light")
    looks = {(theme.series(i).name(), theme.dash(i)) for i in range(18)}
    assert len(looks) == 18


def test_palette_and_text_size_follow_a_switch_at_run_time(qapp: Any, qtbot: Any) -> None:
    theme = Theme("light")
    theme.apply(qapp)
    label = QLabel("words")
    qtbot.addWidget(label)
    label.show()
    assert label.palette().color(QPalette.ColorRole.Window) == theme.color("window")
    with qtbot.waitSignal(theme.changed):
        theme.set("dark")
    dark = QColor(ROLES["dark"]["window"])
    qtbot.waitUntil(lambda: label.palette().color(QPalette.ColorRole.Window) == dark)
    before = qapp.font().pointSizeF()
    theme.set_scale(2.0)
    assert qapp.font().pointSizeF() == pytest.approx(2 * before)
    theme.set_scale(9.0)
    assert theme.scale == 2.0


def test_unknown_theme_means_the_system_one() -> None:
    theme = Theme("purple")
    assert theme.name == "system"
    theme.set("dark")
    assert theme.resolved == "dark"
    theme.set("nonsense")
    assert theme.name == "system"
