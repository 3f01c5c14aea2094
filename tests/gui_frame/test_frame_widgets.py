"""Forms keep values in bounds, cards speak, text flows."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox, QWidget

from workbench.api import Params, WorkbenchError, option
from workbench.runs.config import TrainingParams
from workbench.shell.stages.train.pinned import token_pieces
from workbench.shell.widgets import Button, EmptyState, ErrorCard, FlowLayout, FlowText, ParamsForm, Piece


class Options(Params):
    width: int = option(8, ge=1, le=64, what="How wide.", typical="8 to 32", unit="units")
    rate: float = option(0.01, gt=0, le=10, what="How fast.")
    share: float = option(0.5, ge=0, le=1, what="How much.")
    name: str = option("a", what="What to call it.")
    limit: int | None = option(None, what="How many at most.")
    sizes: tuple[int, ...] = option((3, 5), what="Widths of the filters.", advanced=True)


def test_a_form_shows_and_gives_back_every_kind_of_value(qtbot: Any) -> None:
    form = ParamsForm(Options, {"width": 16})
    qtbot.addWidget(form)
    assert form.values() == {"width": 16, "rate": 0.01, "share": 0.5, "name": "a", "limit": None, "sizes": (3, 5)}
    Options.model_validate(form.values())


def test_a_form_tells_changes_and_keeps_the_last_valid_value(qtbot: Any) -> None:
    form = ParamsForm(Options)
    qtbot.addWidget(form)
    rate = form.field("rate")
    assert isinstance(rate, QLineEdit)
    with qtbot.waitSignal(form.changed):
        qtbot.keyClicks(rate, "5")  # 0.015
    assert form.values()["rate"] == 0.015
    rate.clear()
    qtbot.keyClicks(rate, "-3")
    assert "more than 0" in form.problems()["rate"]
    assert form.values()["rate"] == 0.015
    width = form.field("width")
    assert isinstance(width, QSpinBox)
    assert (width.minimum(), width.maximum()) == (1, 64)
    limit, sizes = form.field("limit"), form.field("sizes")
    qtbot.keyClicks(limit, "12")
    sizes.clear()  # type: ignore[attr-defined]
    qtbot.keyClicks(sizes, "7, 9")
    assert (form.values()["limit"], form.values()["sizes"]) == (12, (7, 9))


def test_every_field_has_a_name_help_and_the_advanced_ones_are_folded(qtbot: Any) -> None:
    form = ParamsForm(TrainingParams)
    qtbot.addWidget(form)
    form.show()
    for spec in form.specs:
        field = form.field(spec.name)
        assert field.accessibleName() == spec.title
        assert field.toolTip()
        assert field.isVisible() is not spec.advanced
    form.advanced_button.click()
    assert form.field("clip_norm").isVisible()


def test_the_wheel_changes_only_a_focused_field(qtbot: Any) -> None:
    form = ParamsForm(TrainingParams)
    qtbot.addWidget(form)
    box = form.field("optimizer")
    assert isinstance(box, QComboBox)
    assert box.focusPolicy() == Qt.FocusPolicy.StrongFocus


def test_setting_values_is_silent(qtbot: Any) -> None:
    form = ParamsForm(Options)
    qtbot.addWidget(form)
    heard: list[int] = []
    form.changed.connect(lambda: heard.append(1))
    form.set_values({"width": 32, "rate": 2.0})
    assert form.values()["width"] == 32
    assert not heard


def test_an_error_card_says_all_and_copies_it(qtbot: Any) -> None:
    fixed: list[int] = []
    error = WorkbenchError("It broke.", why="Too hot.", fix="Cool it.", file="a.txt", line=3, details="trace")
    card = ErrorCard(error, lambda: fixed.append(1))
    qtbot.addWidget(card)
    fix = next(button for button in card.findChildren(Button) if button.text() == "Fix it")
    fix.click()
    card.copy_button.click()
    copied = QGuiApplication.clipboard().text()
    assert fixed == [1]
    assert all(part in copied for part in ("It broke.", "Too hot.", "Cool it.", "a.txt:3", "trace"))


def test_an_empty_state_offers_its_one_button(qtbot: Any) -> None:
    pressed: list[int] = []
    empty = EmptyState("Nothing", "Because.", "Go", lambda: pressed.append(1))
    qtbot.addWidget(empty)
    assert empty.button is not None
    empty.button.click()
    assert pressed == [1]


def test_flowing_text_wraps_to_its_width_and_is_announced(qtbot: Any) -> None:
    text = FlowText()
    qtbot.addWidget(text)
    text.set_pieces([Piece("John", "PER .98", 0), Piece("lives in a very long sentence that wraps"), Piece("London")])
    assert text.heightForWidth(120) > text.heightForWidth(900)
    assert "John (PER .98)" in text.accessibleName()


def test_a_flow_layout_puts_what_does_not_fit_on_the_next_line(qtbot: Any) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    layout = FlowLayout(holder, spacing=4)
    for _ in range(4):
        layout.addWidget(Button("button"))
    one = layout.heightForWidth(2000)
    assert layout.heightForWidth(120) >= 3 * one
    assert layout.itemAt(9) is None
    assert layout.takeAt(9) is None


def test_labels_keep_their_colours_in_order_of_appearance() -> None:
    from workbench.api import LabelledSpan, TokenLabels

    order: dict[str, int] = {}
    labels = TokenLabels(
        ("A", "b", "C"), ("B-PER", "O", "B-LOC"), (0.9, 0.9, 0.8),
        (LabelledSpan(0, 1, "PER", 0.9), LabelledSpan(2, 3, "LOC", 0.8)),
    )  # fmt: skip
    pieces = token_pieces(labels, order)
    assert [(p.text, p.note, p.series) for p in pieces] == [("A", "PER .90", 0), ("b", "", -1), ("C", "LOC .80", 1)]
    assert order == {"PER": 0, "LOC": 1}
