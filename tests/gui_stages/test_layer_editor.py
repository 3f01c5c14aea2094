"""The editor of a stack: layers are added, copied, moved, removed and edited in place, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget
from workbench_plugins.architectures.deep import DEEP, DeepParams

from workbench.api import validate
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.stages.model.options import OptionsCard
from workbench.shell.stages.model_layers import stack_of
from workbench.shell.theme import Theme
from workbench.shell.widgets import ParamsForm, ScrollColumn
from workbench.shell.widgets.rows_editor import RowsEditor

THREE = {"stack": [{"hidden_size": 10}, {"hidden_size": 20}, {"hidden_size": 30}]}


class Edited:
    """A form with an editor, and what it told."""

    def __init__(self, form: ParamsForm) -> None:
        self.form = form
        self.told: list[list[dict[str, Any]]] = []
        form.changed.connect(lambda: self.told.append(form.values()["stack"]))
        editor = form.field("stack")
        assert isinstance(editor, RowsEditor)
        self.editor = editor

    def sizes(self) -> list[int]:
        return [row["hidden_size"] for row in self.form.values()["stack"]]

    def header(self, number: int) -> QWidget:
        return self.editor.rows[number - 1].header

    def inner(self, number: int) -> ParamsForm:
        row = self.editor.rows[number - 1]
        row.header.setChecked(True)
        assert row.form is not None
        return row.form


@pytest.fixture
def dressed(theme: Theme, qapp: QApplication) -> Iterator[Theme]:
    """The theme put on; taken back to what it was afterwards."""
    theme.apply(qapp)
    yield theme
    theme.set("light")
    theme.set_scale(1.0)


@pytest.fixture
def edited(qtbot: Any, theme: Theme) -> Edited:
    form = ParamsForm(DeepParams, THREE)
    qtbot.addWidget(form)
    form.resize(640, 900)
    form.show()
    qtbot.waitExposed(form)
    form.activateWindow()
    return Edited(form)


def test_it_shows_every_layer_in_a_line_and_gives_complete_values_back(edited: Edited) -> None:
    assert edited.sizes() == [10, 20, 30]
    validate(DeepParams, edited.form.values())
    assert [row.header.accessibleName() for row in edited.editor.rows] == [
        f"Layer {i} of 3: lstm, {i}0 units, closed" for i in (1, 2, 3)
    ]
    edited.form.set_values({"stack": [{"cell": "gru", "direction": "both", "residual": True, "dropout": 0.5}]})
    assert edited.header(1).accessibleName() == "Layer 1 of 1: gru, 128 units, both, dropout 0.5, residual, closed"


def test_layers_are_added_copied_moved_and_removed_by_buttons(edited: Edited) -> None:
    rows = edited.editor.rows
    rows[0].down.click()
    assert edited.sizes() == [20, 10, 30]
    rows[2].up.click()
    assert edited.sizes() == [20, 30, 10]
    rows[1].copy.click()
    assert edited.sizes() == [20, 30, 30, 10]
    rows[0].cross.click()
    assert edited.sizes() == [30, 30, 10]
    edited.editor.add_button.click()
    assert edited.sizes() == [30, 30, 10, 128]
    assert edited.editor.rows[3].header.hasFocus()
    assert edited.editor.rows[3].form is not None, "a new layer is open"
    assert [len(told) for told in edited.told] == [3, 3, 4, 3, 4], "one change each"


def test_the_keyboard_does_all_of_it(edited: Edited, qtbot: Any) -> None:
    edited.header(1).setFocus()
    alt, control = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(edited.header(1), Qt.Key.Key_Down, alt)
    assert edited.sizes() == [20, 10, 30]
    assert edited.header(2).hasFocus(), "the keyboard stays with the layer that moved"
    qtbot.keyClick(edited.header(2), Qt.Key.Key_Up, alt)
    assert edited.sizes() == [10, 20, 30]
    qtbot.keyClick(edited.header(1), Qt.Key.Key_Down)
    assert edited.header(2).hasFocus()
    qtbot.keyClick(edited.header(2), Qt.Key.Key_D, control)
    assert edited.sizes() == [10, 20, 20, 30]
    assert edited.header(3).hasFocus()
    qtbot.keyClick(edited.header(3), Qt.Key.Key_Delete)
    assert edited.sizes() == [10, 20, 30]
    qtbot.keyClick(edited.header(3), Qt.Key.Key_Space)
    assert edited.header(3).accessibleName().endswith("open")
    qtbot.keyClick(edited.header(3), Qt.Key.Key_Return)
    assert edited.header(3).accessibleName().endswith("closed")


def test_a_layer_is_edited_in_a_form_of_its_own(edited: Edited, qtbot: Any) -> None:
    form = edited.inner(2)
    cell, size, residual = form.field("cell"), form.field("hidden_size"), form.field("residual")
    assert isinstance(cell, QComboBox)
    assert isinstance(size, QSpinBox)
    assert isinstance(residual, QCheckBox)
    size.setValue(64)
    cell.setCurrentIndex(cell.findData("gru"))
    residual.setChecked(True)
    assert edited.told[-1][1] == {**edited.told[0][0], "cell": "gru", "hidden_size": 64, "residual": True} | {
        "hidden_size": 64
    }
    assert edited.told[-1][0]["hidden_size"] == 10
    assert "gru, 64 units, residual" in edited.header(2).accessibleName()
    edited.editor.rows[1].up.click()
    assert edited.sizes() == [64, 10, 30]
    assert edited.editor.rows[0].form is form, "its form goes with it"


def test_what_is_wrong_is_said_in_its_place_and_not_passed_on(edited: Edited) -> None:
    form = edited.inner(2)
    form.field("weight_dropout").setValue(0.5)  # type: ignore[attr-defined]
    before = edited.form.values()["stack"]
    cell = form.field("cell")
    assert isinstance(cell, QComboBox)
    cell.setCurrentIndex(cell.findData("min_gru"))
    row = edited.editor.rows[1]
    assert row.message.isVisible()
    assert "no recurrent weights to drop" in row.message.text()
    assert edited.form.problems()["stack"].startswith("Layer 2: min_gru has no recurrent weights")
    assert edited.form.values()["stack"] == before, "the last right stack stands"
    assert not edited.editor.rows[0].message.isVisible()
    cell.setCurrentIndex(cell.findData("lstm"))
    assert not row.message.isVisible()
    assert not edited.form.problems()


def test_there_is_always_a_layer_and_never_more_than_sixteen(edited: Edited) -> None:
    for _ in range(2):
        edited.editor.rows[0].cross.click()
    only = edited.editor.rows[0]
    assert not only.cross.isEnabled()
    assert "At least 1" in only.cross.toolTip()
    assert not only.up.isEnabled()
    assert not only.down.isEnabled()
    edited.editor.act(only, "remove")
    assert len(edited.editor.rows) == 1
    edited.form.set_values({"stack": [{}] * 16})
    assert not edited.editor.add_button.isEnabled()
    assert "16" in edited.editor.add_button.toolTip()
    assert not edited.editor.rows[3].copy.isEnabled()
    validate(DeepParams, edited.form.values())


def test_setting_values_is_silent_and_the_same_ones_disturb_nothing(edited: Edited) -> None:
    edited.inner(2)
    edited.header(2).setFocus()
    widgets = list(edited.editor.rows)
    edited.form.set_values(THREE)
    edited.form.set_values({"stack": edited.form.values()["stack"]})
    assert edited.editor.rows == widgets
    assert edited.header(2).hasFocus()
    edited.form.set_values({"stack": [{"hidden_size": 7}, {"hidden_size": 8}]})
    assert edited.sizes() == [7, 8]
    assert edited.editor.rows[1].form is not None
    assert edited.editor.rows[1].form.values()["hidden_size"] == 8
    assert edited.told == []


def test_tab_follows_the_layers_as_they_stand(edited: Edited, qtbot: Any) -> None:
    edited.inner(1)
    edited.editor.rows[0].down.click()  # the open one is now the second
    seen: list[str] = []
    edited.header(1).setFocus()
    for _ in range(40):
        focus = QApplication.focusWidget()
        if focus is None or focus is edited.editor.add_button:
            break
        seen.append(focus.accessibleName())
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    order = [name for name in seen if re.match(r"Layer \d", name)]
    assert [name.split(" of")[0] for name in order] == ["Layer 1", "Layer 2", "Layer 3"]
    assert seen.index("Cell") > seen.index(order[1])
    assert seen.index("Cell") < seen.index(order[2])


@pytest.mark.parametrize(("width", "scale"), [(640, 1.0), (420, 1.0), (560, 2.0)])
def test_nothing_is_clipped_or_without_a_name(qtbot: Any, dressed: Theme, width: int, scale: float) -> None:
    dressed.set_scale(scale)
    form = ParamsForm(DeepParams, dict(DEEP.presets[2].values))
    page = ScrollColumn(form)
    qtbot.addWidget(page)
    page.resize(width, 1600)
    page.show()
    qtbot.waitExposed(page)
    row = form.field("stack").rows[1]  # type: ignore[attr-defined]
    row.header.setChecked(True)
    row.form.advanced_button.click()
    form.advanced_button.click()
    qtbot.waitUntil(lambda: not clipped(page), timeout=2000)
    assert nameless(page) == []
    assert shadowing(page) == []


@pytest.mark.parametrize("name", ["light", "dark"])
def test_it_is_drawn_in_the_themes_colours(qtbot: Any, dressed: Theme, name: str) -> None:
    dressed.set(name)
    form = ParamsForm(DeepParams, THREE)
    qtbot.addWidget(form)
    form.resize(600, 500)
    form.show()
    qtbot.waitExposed(form)
    row = form.field("stack").rows[0]  # type: ignore[attr-defined]
    image: QImage = row.grab().toImage()
    drawn = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert {dressed.color(role).name() for role in ("raised", "muted", "text")} <= drawn


def test_help_tells_of_the_layers_while_a_header_has_the_keyboard(edited: Edited) -> None:
    edited.form.field("stack").rows[1].header.setFocus()  # type: ignore[attr-defined]
    assert edited.form._help.text().startswith("Layers: the layers, bottom first")
    assert isinstance(edited.inner(1).field("dropout"), QWidget)
    assert not isinstance(edited.inner(1).field("dropout"), QLineEdit)


def test_a_preset_is_recognised_whether_its_rows_are_written_out_or_not(qtbot: Any) -> None:
    card = OptionsCard()
    qtbot.addWidget(card)
    card.show_architecture(DEEP, dict(DEEP.presets[3].values))
    assert card.buttons["both directions"].isChecked()
    complete = validate(DeepParams, dict(DEEP.presets[1].values)).model_dump(mode="json")
    card.show_architecture(DEEP, complete)
    assert [title for title, button in card.buttons.items() if button.isChecked()] == ["medium"]


def test_norms_and_skips_count_with_the_cell_of_their_layer() -> None:
    rows = [
        {"name": "encoder.levels.0.forward_cell.core.weight_hh_l0", "shape": [24, 6], "parameters": 144},
        {"name": "encoder.levels.0.norm.weight", "shape": [6], "parameters": 6},
        {"name": "encoder.levels.1.forward_cell.core.weight_hh_l0", "shape": [24, 6], "parameters": 144},
        {"name": "encoder.levels.1.backward_cell.core.weight_hh_l0", "shape": [24, 6], "parameters": 144},
        {"name": "encoder.levels.1.skip.weight", "shape": [12, 6], "parameters": 72},
    ]
    found = stack_of({"layers": rows})
    assert [(one.name, one.direction, one.parameters) for one in found] == [
        ("layer 1", "forward", 150),
        ("layer 2", "forward", 216),
        ("layer 2", "backward", 144),
    ]
