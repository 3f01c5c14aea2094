"""The view of a language model: asks as one types, shows what comes next, what was written and what surprised."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from workbench_plugins.tasks.language_modelling.gui import LanguageModelView
from workbench_plugins.tasks.language_modelling.gui_surprise import SurpriseText
from workbench_plugins.tasks.language_modelling.result import Continuation, LanguageModelResult

from workbench.api import WorkbenchError
from workbench.nn.text import Tokeniser
from workbench.shell.sdk import Button, PanelContext
from workbench.shell.theme import Theme

RESULT = LanguageModelResult(
    text="the cat sat on the mat",
    prefix="the cat sat on the",
    tokens=("the", "cat", "sat", "on", "the"),
    offsets=((0, 3), (4, 7), (8, 11), (12, 14), (15, 18)),
    log_probabilities=(-1.0, -6.0, -0.5, -0.1, -0.2),
    ranks=(1, 90, 1, 1, 1),
    expected=((("the", 0.4),), (("dog", 0.2),), (("sat", 0.6),), (("on", 0.9),), (("the", 0.8),)),
    next=(("mat", 0.7), ("log", 0.1)),
    continuations=(Continuation(" mat", ("mat",), (-0.3,), True),),
)


class Model:
    """Keeps what it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.pending: list[Any] = []

    def predict(self, on_result: Any, on_error: Any, **question: Any) -> object:
        self.asked.append(question)
        self.pending.append((on_result, on_error))
        return object()

    def answer(self, result: LanguageModelResult | WorkbenchError = RESULT) -> None:
        on_result, on_error = self.pending.pop(0)
        if isinstance(result, WorkbenchError):
            on_error(result)
        else:
            on_result({"result_kind": "language_model", "results": [result.to_json()], "epoch": 3})


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def view(qtbot, model):
    run = SimpleNamespace(config=SimpleNamespace(inputs=("the cat",)))
    context = PanelContext(
        theme=Theme("light"), notify=lambda _: None, run=lambda: run, predict=model.predict, settings={"place": "use"}
    )
    view = LanguageModelView(context)
    qtbot.addWidget(view)
    view.resize(1000, 650)
    view.show()
    qtbot.waitExposed(view)
    return view


def test_it_begins_with_the_pinned_input(view, model):
    view.ask()
    assert view.input.toPlainText() == "the cat"
    assert model.asked[0]["inputs"] == [{"text": "the cat"}]
    model.answer()
    assert view.bars.values == (("mat", 0.7), ("log", 0.1))
    assert view.continuation.text() == "the cat sat on the mat"
    assert "perplexity" in view.figures.text()
    assert view.status.text() == "epoch 3"


def test_what_is_typed_is_asked_once_the_answer_before_is_there(view, model, qtbot):
    view.ask()
    view.input.setPlainText("a dog")
    view.ask()
    view.input.setPlainText("a dog\nran ")
    view.ask()
    assert len(model.asked) == 1
    model.answer()
    assert model.asked[1]["inputs"] == [{"text": "a dog\nran "}]
    model.answer()
    view.input.setPlainText("typed")
    qtbot.waitUntil(lambda: len(model.asked) == 3, timeout=3000)


def test_the_controls_are_sent(view, model):
    view.ask()
    model.answer()
    view.temperature.setValue(1.2)
    view.top_k.setValue(5)
    view.length.setValue(80)
    view.goes_on.setChecked(True)
    view.another()
    view.ask()
    options = model.asked[-1]["options"]
    assert options["temperature"] == pytest.approx(1.2)
    assert (options["top_k"], options["length"], options["seed"], options["stop"]) == (5, 80, 1, False)


def test_what_was_written_can_be_gone_on_from(view, model):
    view.ask()
    model.answer()
    view.take()
    assert view.input.toPlainText() == "the cat sat on the mat"


def test_a_failure_and_an_empty_beginning_are_told(view, model):
    view.ask()
    model.answer(WorkbenchError("The model is gone.", fix="Train it again."))
    assert view.notice.isVisible()
    assert "Train it again." in view.notice.text()
    view.input.setPlainText("  ")
    view.ask()
    assert len(model.asked) == 1
    assert not view.notice.isVisible()
    assert view.bars.values == ()


def test_a_notice_of_the_model_is_shown(view, model):
    view.ask()
    from dataclasses import replace

    model.answer(replace(RESULT, notice="Not in the model's vocabulary: “zyzzyva”; read as unknown."))
    assert "zyzzyva" in view.notice.text()


def test_a_token_tells_its_surprise_by_mouse_and_by_key(view, model, qtbot):
    view.ask()
    model.answer()
    surprise = view.surprise
    assert surprise.tip(1) == "“cat” · 8.7 bits, 0.2% · rank 90 · expected: dog 20.0%"
    assert "cat (8.7 bits)" in surprise.accessibleDescription()
    surprise.setFocus(Qt.FocusReason.OtherFocusReason)
    QTest.keyClick(surprise, Qt.Key.Key_Right)
    QTest.keyClick(surprise, Qt.Key.Key_Right)
    assert view.caption.text() == surprise.tip(1)
    assert not view.grab().isNull()


@pytest.mark.parametrize("theme", ["light", "dark", "high_contrast_dark"])
def test_the_surprise_is_painted_in_every_theme(qtbot, theme):
    text = SurpriseText(Theme(theme))
    qtbot.addWidget(text)
    text.resize(120, 200)
    text.show_result(RESULT)
    text.show()
    qtbot.waitExposed(text)
    assert not text.grab().isNull()
    assert text.heightForWidth(60) > text.heightForWidth(600)
    text.mark(2)
    QTest.mouseMove(text, QPoint(3, 8))
    text.show_result(None)
    assert text.accessibleDescription() == ""


def test_elsewhere_it_shows_what_was_written_or_what_surprised(qtbot):
    context = PanelContext(theme=Theme("light"), notify=lambda _: None, settings={"compact": True, "place": "train"})
    view = LanguageModelView(context)
    qtbot.addWidget(view)
    view.show()
    view.show_result(RESULT.to_json())
    assert view.prefix_label.text() == "the cat sat on the"
    assert view.continuation.text() == " mat"
    assert not view.surprise.isVisible()
    read = LanguageModelResult.from_json({**RESULT.to_json(), "continuations": [], "text": RESULT.prefix})
    view.show_result(read)
    assert view.surprise.isVisible()
    assert not view.continuation.isVisible()
    view.show_result(None)
    view.ask()


def test_the_vocabulary_stands_where_the_answers_do_until_it_is_put_away(qtbot, model, tmp_path):
    tokeniser = Tokeniser.fit("bpe", ["a house, a mouse, a housemouse"] * 3, size=40)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "codec.json").write_text(json.dumps({"codec": {"tokeniser": tokeniser.to_json()}}))
    run = SimpleNamespace(config=SimpleNamespace(inputs=("the cat",)), path=tmp_path)
    context = PanelContext(
        theme=Theme("light"), notify=lambda _: None, run=lambda: run, predict=model.predict, settings={"place": "use"}
    )
    view = LanguageModelView(context)
    qtbot.addWidget(view)
    view.resize(1000, 650)
    view.show()
    button = next(each for each in view.findChildren(Button) if each.text() == "Vocabulary…")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    vocabulary = view.vocabulary
    assert vocabulary.isVisible()
    assert not view.surprise.isVisible()
    assert vocabulary.model.rowCount() == len(tokeniser) - 4
    assert "pieces of words (BPE)" in vocabulary.about.text()
    vocabulary.trial.setText("a house")
    assert vocabulary.pieces.isVisible()
    assert view.height() == 650, "the page keeps its size"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not vocabulary.isVisible()
    assert view.surprise.isVisible()
