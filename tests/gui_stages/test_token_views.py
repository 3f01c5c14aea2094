"""A sentence with its labels, readable by eye, by keyboard and by a screen reader."""

from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtCore import QPointF
from workbench_plugins.tasks.tagging.gui import TaggedTokensEditor, TokenLabelsView

from workbench.api import LabelledSpan, StoredRecord, TaggedTokens, TokenLabels
from workbench.shell.sdk import EditorContext, PanelContext
from workbench.shell.stages.data.statistics_view import bin_lengths
from workbench.shell.theme import TITLES, Theme
from workbench.shell.tokens.token_flow import TokenFlow, probability_text

WORDS = ("Ada", "Lovelace", "wrote", "to", "London", ".")
SPANS = (LabelledSpan(0, 2, "PER", 0.98), LabelledSpan(4, 5, "LOC", 0.7))


@pytest.fixture
def flow(qtbot: Any, theme: Theme) -> TokenFlow:
    made = TokenFlow(theme)
    qtbot.addWidget(made)
    made.set_content(WORDS, SPANS)
    made.resize(400, made.heightForWidth(400))
    made.show()
    return made


def test_a_sentence_says_itself_in_words(flow: TokenFlow) -> None:
    assert flow.accessibleDescription() == "[Ada Lovelace: PER] wrote to [London: LOC] ."
    assert [probability_text(p) for p in (0.98, 0.7, 0.999)] == [".98", ".70", "1.0"]


def test_words_wrap_and_are_found_where_they_stand(flow: TokenFlow) -> None:
    narrow = flow.heightForWidth(120)
    assert narrow > flow.heightForWidth(400)
    flow.resize(120, narrow)
    for index in range(len(WORDS)):
        assert flow.token_at(flow.token_rect(index).center()) == index
        assert flow.token_rect(index).right() <= 120
    assert flow.token_at(QPointF(119, narrow + 50)) == -1
    assert flow.line_neighbour(0, -1) == 0
    assert flow.line_neighbour(0, 1) > 0


@pytest.mark.parametrize("name", [name for name in TITLES if name != "system"])
def test_it_is_painted_in_every_theme(flow: TokenFlow, theme: Theme, name: str) -> None:
    theme.set(name)
    image = flow.grab().toImage()
    wanted = theme.series(0).rgb()
    underline = flow.token_rect(0).bottomLeft().toPoint()
    column = [image.pixelColor(underline.x() + 8, underline.y() + dy).rgb() for dy in range(-2, 4)]
    assert wanted in column, "the span is underlined in its colour, so that it reads without the tint"


def test_a_document_of_ten_thousand_words_is_laid_out_quickly(flow: TokenFlow) -> None:
    words = [f"word{i % 500}" for i in range(10_000)]
    flow.set_content(words, [LabelledSpan(i, i + 2, "ORG", 0.9) for i in range(0, 10_000, 50)])
    began = time.perf_counter()
    height = flow.heightForWidth(700)
    assert height > 1000
    assert time.perf_counter() - began < 1.0


def test_parts_of_speech_stand_below_the_words(qtbot: Any, theme: Theme) -> None:
    view = TokenLabelsView(PanelContext(theme=theme, notify=lambda _message: None, settings={"compact": True}))
    qtbot.addWidget(view)
    view.show_result(TokenLabels(("a", "dog"), ("DET", "NOUN"), (0.9, 0.8)))
    assert view.flow.summary() == "a/DET dog/NOUN"
    view.show_result(None)
    assert view.flow.tokens == ()


def test_the_plugin_s_editor_commits_named_changes(qtbot: Any, theme: Theme) -> None:
    committed: list[tuple[Any, str]] = []
    context = EditorContext(
        theme=theme,
        notify=lambda _message: None,
        commit=lambda record, name: committed.append((record, name)),
        labels={"ner": ("PER", "LOC"), "upos": ("X", "Y")},
        layers={"upos": {"kind": "label"}, "ner": {"kind": "span"}},
    )
    editor = TaggedTokensEditor(context)
    qtbot.addWidget(editor)
    record = TaggedTokens(WORDS, {"upos": ("X",) * 6, "ner": ("O",) * 6})
    editor.show_stored(StoredRecord(1, 0, "train", "", record))
    assert editor.layer == "ner"
    editor.tokens.place_cursor(1, 0)
    editor.apply_label(1)
    assert committed[-1][0].layers["ner"][:3] == ("B-PER", "I-PER", "O")
    assert committed[-1][1] == "Label “Ada Lovelace” PER"
    editor._choose_layer("upos")
    editor.tokens.place_cursor(0)
    editor.apply_label(2)
    assert committed[-1][0].layers["upos"][0] == "Y"
    assert editor.tokens.selection == (1, 2), "the cursor goes on to the next word"


def test_a_new_label_is_offered_and_given(qtbot: Any, theme: Theme) -> None:
    committed: list[Any] = []
    context = EditorContext(
        theme=theme,
        notify=lambda _message: None,
        commit=lambda record, _name: committed.append(record),
        labels={"ner": ("PER",)},
        layers={"ner": {"kind": "span"}},
    )
    editor = TaggedTokensEditor(context)
    qtbot.addWidget(editor)
    editor.show_stored(StoredRecord(1, 0, "train", "", TaggedTokens(WORDS, {"ner": ("O",) * 6})))
    editor._ask_label = lambda _parent: "CITY"
    editor.tokens.place_cursor(4)
    editor.chips.add_requested.emit()
    assert committed[-1].layers["ner"][4] == "B-CITY"
    assert editor.chips.labels == ("PER", "CITY")


def test_read_only_records_are_shown_and_not_changed(qtbot: Any, theme: Theme) -> None:
    committed: list[Any] = []
    context = EditorContext(
        theme=theme,
        notify=lambda _message: None,
        commit=lambda record, _name: committed.append(record),
        labels={"ner": ("PER",)},
        layers={"ner": {"kind": "span"}},
        read_only=True,
    )
    editor = TaggedTokensEditor(context)
    qtbot.addWidget(editor)
    editor.show_stored(StoredRecord(1, 0, "train", "", TaggedTokens(WORDS, {"ner": ("O",) * 6})))
    editor.apply_label(1)
    editor.edit_text()
    assert committed == []
    assert editor.text_line.isHidden()


def test_long_records_share_the_last_bar_of_the_histogram() -> None:
    assert bin_lengths({}) == []
    assert bin_lengths({1: 3, 2: 5}) == [("1", 3), ("2", 5)]
    bars = bin_lengths({**dict.fromkeys(range(1, 101), 100), 5000: 1})
    assert bars[-1] == ("> 100", 1) or bars[-1][0].startswith("> ")
    assert sum(count for _, count in bars) == 10_001
