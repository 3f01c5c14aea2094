"""No card is empty without a sentence, no picture is cut off, and advice does not look like a failure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workbench.api import LayerTrace, Panel, Ref, Report, Sample, Trace
from workbench.api.events import EpochMetrics
from workbench.api.events import Warning as RunWarning
from workbench.api.params import describe
from workbench.host import load_plugins
from workbench.shell.panels import PanelCard
from workbench.shell.plots.tree_view import READABLE_ZOOM, TreeView
from workbench.shell.plots.unrolled import UnrolledView
from workbench.shell.plots.unrolling import Unrolled, UnrolledRow, UnrolledSide
from workbench.shell.session import Session
from workbench.shell.stages.evaluate import EvaluateStage
from workbench.shell.stages.explain import ExplainStage
from workbench.shell.stages.explain.gradient_page import ONE_STEP
from workbench.shell.stages.model.stage import boxes_of
from workbench.shell.stages.model_layers import StackLayer
from workbench.shell.stages.train import TrainStage
from workbench.shell.stages.train.data import Curves
from workbench.shell.stages.train.pinned import NOTHING_PINNED, PinnedCard
from workbench.shell.stages.use import UseStage
from workbench.shell.stages.use.stage import NOT_TYPED, UNASKED
from workbench.shell.theme import Theme
from workbench.shell.welcome import SampleCard
from workbench.shell.widgets import ErrorCard
from workbench.shell.widgets.params_form import help_text
from workbench.testing.fakes import FakeWorker


def choose_run(session: Session, run: SimpleNamespace) -> None:
    session.run = run
    session.run_changed.emit()


def shown(qtbot: QtBot, stage: Any) -> Any:
    qtbot.addWidget(stage)
    stage.resize(764, 690)
    stage.show()
    return stage


def of_task(session: Session, monkeypatch: pytest.MonkeyPatch, **task: Any) -> None:
    known = SimpleNamespace(**{"record": "labelled_text", "metrics": (), "result": "", "parse_input": None, **task})
    monkeypatch.setattr(session.catalogue, "task", lambda _name: known)


def test_a_report_of_figures_alone_says_so(qtbot: QtBot, session: Session, fake_run: SimpleNamespace) -> None:
    stage = shown(qtbot, EvaluateStage(session))
    choose_run(session, fake_run)
    stage.show_report(Report("validation", 20, 185, {"generated_accuracy": 0.7}, (), (), (), (), {}))
    assert stage.figures_only.isVisible()
    for card in (stage.types_card, stage.matrix_card, stage.errors_card):
        assert not card.isVisible()
    row = {"label": "LOC", "f1": 0.5, "smape": 2.0}
    stage.show_report(Report("validation", 20, 185, {"generated_accuracy": 0.7}, (row,), (), (), (), {}))
    assert stage.types_card.isVisible()
    assert not stage.figures_only.isVisible()
    columns = range(stage.table_model.columnCount())
    header = [stage.table_model.headerData(i, Qt.Orientation.Horizontal) for i in columns]
    assert header == ["Type", "F1", "sMAPE"]


def test_records_without_an_error_leave_no_empty_rows(qtbot: QtBot, session: Session) -> None:
    errors = shown(qtbot, EvaluateStage(session)).errors
    errors.show_examples([{"record_id": 1, "errors": 0, "gold": {}, "result": {}}])
    assert errors.caption.text() == "None of the records has an error."
    assert all(title.isHidden() for title in errors._titles)


def test_before_a_question_the_answer_says_what_to_do(
    qtbot: QtBot, session: Session, worker: FakeWorker, fake_run: SimpleNamespace
) -> None:
    stage = shown(qtbot, UseStage(session))
    fake_run.config.inputs = ()
    choose_run(session, fake_run)
    assert stage.unasked.isVisible()
    assert stage.unasked.text() == UNASKED
    stage.input.setPlainText("John")
    stage.ask()
    assert worker.jobs[-1]["job"] == "predict"


def test_a_task_that_takes_no_typed_input_says_so(
    qtbot: QtBot, session: Session, fake_run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_task(session, monkeypatch, parse_input=None)
    fake_run.config.inputs = ()
    use, explain = shown(qtbot, UseStage(session)), shown(qtbot, ExplainStage(session))
    choose_run(session, fake_run)
    assert not use.input.isEnabled()
    assert use.input.placeholderText() == use.unasked.text() == NOT_TYPED
    assert not explain.text.isEnabled()


def test_trees_are_asked_for_as_trees(
    qtbot: QtBot, session: Session, fake_run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_task(session, monkeypatch, record="labelled_tree", result="token_labels", parse_input="somewhere")
    use = shown(qtbot, UseStage(session))
    choose_run(session, fake_run)
    assert use.input.isEnabled()
    assert "brackets" in use.input.placeholderText()


def test_advice_is_not_told_in_the_colour_of_danger(qtbot: QtBot, session: Session) -> None:
    stage = shown(qtbot, TrainStage(session))
    for fix, edge in (("Choose data with more steps.", "warning"), ("The run can be resumed.", "danger")):
        stage._warn(RunWarning(run_id="r", seq=1, step=1, time=0.0, what="Every record is one step long.", fix=fix))
        card = stage.messages.itemAt(0).widget()
        assert isinstance(card, ErrorCard)
        assert card.edge_role == edge


def trace_of(steps: tuple[str, ...], **more: Any) -> Trace:
    states = np.zeros((len(steps), 4))
    return Trace(steps=steps, layers=(LayerTrace("layer 1", "forward", states),), **more)


def test_a_source_of_one_step_has_no_distance(qtbot: QtBot, session: Session) -> None:
    stage = shown(qtbot, ExplainStage(session))
    stage.show_trace(trace_of(("vector",), gradient_note="Against the gold label."))
    page = stage.view.details.gradient
    assert page.note.text().startswith(ONE_STEP)
    assert page.chart.isHidden()
    stage.show_trace(trace_of(("a", "b"), gradient_note="There is none."))
    assert page.note.text() == "There is none."


def test_a_picture_below_the_map_gets_room_and_comes_into_view(
    qtbot: QtBot, session: Session, fake_run: SimpleNamespace
) -> None:
    stage = shown(qtbot, ExplainStage(session))
    choose_run(session, fake_run)
    stage.show_trace(trace_of(("a", "b", "c")))
    stage.resize(764, 560)
    low = stage.view._bottom.height()
    stage.view.details.setCurrentIndex(1)
    qtbot.waitUntil(lambda: stage.view._bottom.height() > low + 60)
    bar = stage.view_page.verticalScrollBar()
    qtbot.waitUntil(lambda: 0 < bar.value() == bar.maximum())
    stage.view.details.setCurrentIndex(0)
    qtbot.waitUntil(lambda: stage.view._bottom.minimumHeight() == 0)


def test_the_layers_of_an_encoder_are_told_from_those_of_the_decoder() -> None:
    layers = [
        StackLayer("embedder", ""),
        StackLayer("network", "layer 1", "forward", 4),
        StackLayer("decoder", "layer 1", "forward", 4),
        StackLayer("head", "", "", 1),
    ]
    boxes = boxes_of(layers, "pair of texts", "Encoder-decoder", "Translation")
    assert [box.name for box in boxes][2:4] == ["Encoder layer 1", "Decoder layer 1"]
    assert boxes[-1].size == "1 output"
    alone = boxes_of([one for one in layers if one.part != "decoder"], "text", "LSTM", "Tagging")
    assert [box.name for box in alone][2] == "Layer 1"


def test_a_tree_is_fitted_into_the_room_it_gets(qtbot: QtBot) -> None:
    tree = TreeView(Theme("light"))
    qtbot.addWidget(tree)
    tree.resize(600, 900)
    tree.show()
    depth = 12
    tree.show_tree([f"n{i}" for i in range(depth)], [*range(1, depth), -1])
    assert tree.zoom == 1.0
    tree.resize(600, 420)
    qtbot.waitUntil(lambda: READABLE_ZOOM <= tree.zoom < 1.0)
    tree.set_zoom(1.5)
    tree.resize(600, 430)
    assert tree.zoom == 1.5  # chosen by hand


def test_layers_of_a_stack_are_named_beside_their_states(qtbot: QtBot) -> None:
    def view(count: int) -> UnrolledView:
        rows = tuple(UnrolledRow(f"layer {i + 1}") for i in range(count))
        made = UnrolledView(Theme("light"))
        qtbot.addWidget(made)
        made.show_unrolled(Unrolled((UnrolledSide("", ("a", "b"), rows),)))
        return made

    one, three = view(1), view(3)
    assert three.column(0, 0).left() > one.column(0, 0).left() + 20
    assert three.at(three.column(0, 1).center()) == (0, 1)


def test_the_lines_of_a_run_seen_before_are_gone(qtbot: QtBot, session: Session) -> None:
    from workbench.shell.stages.train.plots import SmallCard

    def told(*names: str) -> list[EpochMetrics]:
        values = {"epoch": 1, "train_loss": 1.0, "validation_loss": 1.0, "best": True, "epochs_since_best": 0}
        metrics = dict.fromkeys(names, 0.5)
        return [EpochMetrics(run_id="r", seq=1, step=9, time=0.0, metrics=metrics, patience=3, seconds=1.0, **values)]

    curves = Curves()
    card = SmallCard(session, curves)
    qtbot.addWidget(card)
    curves.add(told("entity_f1", "recall"))
    card.redraw()
    curves.clear()
    curves.add(told("perplexity"))
    card.redraw()
    drawn = {name for name, line in card.canvas._lines.items() if len(line.x)}
    assert drawn == {"metric perplexity"}


def test_coming_back_to_a_report_leaves_it_as_it_was(
    qtbot: QtBot, session: Session, fake_run: SimpleNamespace
) -> None:
    stage = shown(qtbot, EvaluateStage(session))
    stored = fake_run.path / "evaluations" / "validation.json"
    stored.parent.mkdir()
    rows = tuple({"label": name, "f1": value} for name, value in (("A", 0.3), ("B", 0.9)))
    stored.write_text(json.dumps(Report("validation", 5, 9, {"f1": 0.5}, rows, (), (), (), {}).to_json()))
    choose_run(session, fake_run)
    assert stage.report is not None
    stage.table_model.sort(1, Qt.SortOrder.DescendingOrder)
    first = stage.report
    stage.activated()
    assert stage.report is first
    assert stage.table_model.index(0, 0).data() == "B"
    stored.write_text(json.dumps(Report("validation", 6, 9, {"f1": 0.6}, rows, (), (), (), {}).to_json()))
    os.utime(stored, ns=(1, 1))
    stage.activated()
    assert stage.report.n_records == 6


def test_a_panel_is_made_when_first_it_belongs(qtbot: QtBot, session: Session, fake_run: SimpleNamespace) -> None:
    made: list[QWidget] = []

    def build() -> Any:
        made.append(QWidget())
        return made[-1]

    panel = Panel(id="p", title="Reservoir", area="explain", factory=Ref("nowhere:nothing"), for_architecture="esn")
    card = PanelCard(session, panel, build)
    qtbot.addWidget(card)
    choose_run(session, fake_run)  # an LSTM
    assert not made
    fake_run.config.architecture.id = "esn"
    choose_run(session, fake_run)
    choose_run(session, fake_run)
    assert len(made) == 1
    assert card.isAncestorOf(made[0])


def test_a_card_grows_with_its_text(qtbot: QtBot) -> None:
    sample = Sample(
        id="s", title="Plays", record="text", licence="CC0", factory=Ref("nowhere:nothing"), summary="Writes.", task="t"
    )
    card = SampleCard(sample, 0)
    qtbot.addWidget(card)
    assert card.width() == 236
    font = card.font()
    font.setPointSizeF(2.4 * font.pointSizeF())
    card.setFont(font)
    assert card.width() > 400


def test_what_is_pinned_in_use_is_answered_in_the_next_training(
    qtbot: QtBot,
    session: Session,
    fake_run: SimpleNamespace,
    open_project: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_task(session, monkeypatch, record="tagged_tokens", parse_input="somewhere")
    open_project(20)
    session.set_draft(task="tagging", architecture="lstm")
    fake_run.config.inputs = ()
    stage = shown(qtbot, UseStage(session))
    card = PinnedCard(session)
    qtbot.addWidget(card)
    choose_run(session, fake_run)
    card.restart()
    assert card._note.text() == NOTHING_PINNED
    assert not stage.pin_button.isEnabled()
    stage.input.setPlainText("John lives here\n\nMary too")
    with qtbot.waitSignal(session.notice) as told:
        stage.pin_button.click()
    assert "these 2 lines" in told.args[0]
    assert session.config is not None
    assert session.config.inputs == ("John lives here", "Mary too")
    fake_run.config.task.id = "other"
    with qtbot.waitSignal(session.notice) as told:
        stage.pin()
    assert "another task" in told.args[0]


def test_help_writes_a_choice_as_its_box_does() -> None:
    catalogue = load_plugins().catalogue
    every = [spec for one in catalogue.architectures() for spec in describe(one.params)]
    specs = [spec for spec in every if any("_" in choice for choice in spec.choices)]
    assert specs
    for spec in specs:
        assert not any("_" in choice and choice in help_text(spec) for choice in spec.choices)


def test_the_gradient_of_a_tree_goes_down_it(qtbot: QtBot, session: Session) -> None:
    stage = shown(qtbot, ExplainStage(session))
    stage.show_trace(trace_of(("a", "b", "c"), parents=np.array([2, 2, -1])))
    assert stage.view.details.tabText(0) == "Gradient down the tree"
    stage.show_trace(trace_of(("a", "b")))
    assert stage.view.details.tabText(0) == "Gradient through time"
