"""The scrubber moves everything together; traces come from the worker and their files are cleared away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from workbench.api import LayerTrace, Trace
from workbench.shell.colour_maps import cividis, diverging
from workbench.shell.session import Session
from workbench.shell.stages.explain import ExplainStage
from workbench.shell.stages.explain.equations import shapes_html, sizes_of_trace
from workbench.shell.stages.explain.reach import reaches
from workbench.testing.fakes import FakeWorker

WORDS = ("John", "lives", "in", "London")
FORWARD = np.array([[0.8, 0, 0, 0], [0.4, 0.9, 0, 0], [0.2, 0.5, 1.0, 0], [0.1, 0.2, 0.4, 1.0]])


def make_trace() -> Trace:
    random = np.random.default_rng(0)
    states = np.tanh(random.normal(size=(4, 6)))
    gates = {"input": random.random((4, 6)), "candidate": states}
    outputs = random.dirichlet(np.ones(3), 4)
    return Trace(
        WORDS,
        (LayerTrace("layer 1", "forward", states, gates, states * 2), LayerTrace("layer 1", "backward", -states)),
        outputs,
        ("O", "B-PER", "B-LOC"),
        ("B-PER", "O", "O", "B-LOC"),
        None,
        np.array([0.1, 0.2, 0.4, 1.0]),
        {"forward": FORWARD, "backward": np.triu(np.full((4, 4), 0.3))},
        np.arange(4),
        "The loss is taken against the gold label.",
    )


@pytest.fixture
def stage(qtbot: Any, session: Session) -> ExplainStage:
    made = ExplainStage(session)
    qtbot.addWidget(made)
    made.resize(800, 690)
    made.show()
    return made


@pytest.fixture
def traced(stage: ExplainStage) -> ExplainStage:
    stage.show_trace(make_trace())
    return stage


def test_a_sentence_is_traced_and_the_file_is_cleared_away(
    qtbot: Any, stage: ExplainStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "trace.npz"
    trace = make_trace()

    def work(job: dict[str, Any]) -> dict[str, Any]:
        assert job["gradient"] is True
        description, arrays = trace.to_arrays()
        np.savez(path, allow_pickle=False, **arrays)
        return {"description": description, "arrays": str(path), "epoch": 4}

    worker.answers["trace"] = work
    assert stage.state() == "empty"
    session.run = fake_run
    session.run_changed.emit()
    qtbot.waitUntil(lambda: stage.view.trace is not None)
    assert not path.exists()
    assert stage.view.trace.steps == WORDS
    assert stage.status.text() == "epoch 4"
    (forward, _) = stage.view.gradient.reaches
    np.testing.assert_allclose(forward.here, FORWARD[0, :1])


def test_the_scrubber_moves_words_map_outputs_and_curves(traced: ExplainStage) -> None:
    view = traced.view
    view.slider.setValue(3)
    assert view.heat_map.step == 3
    assert view.words._marked == 3
    assert view.where.text() == "step 4 of 4"
    outputs = make_trace().outputs
    assert dict(view.bars.values)["O"] == pytest.approx(float(outputs[3][0]))
    assert "at step 4" in view.unit_curve.summary()


def test_the_gradient_is_shown_by_distance_from_the_chosen_step(traced: ExplainStage) -> None:
    view = traced.view
    view.slider.setValue(2)
    forward, backward = view.gradient.reaches
    np.testing.assert_allclose(forward.here, [1.0, 0.5, 0.2])
    np.testing.assert_allclose(backward.here, [0.3, 0.3])
    np.testing.assert_allclose(forward.mean, [0.925, (0.4 + 0.5 + 0.4) / 3, 0.2, 0.1])
    assert "s = 3 (in)" in view.gradient_note.text()
    assert "gold label" in view.gradient_note.text()
    assert "1 at the step itself, 0.2 at distance 2" in view.gradient.accessibleDescription()
    view.slider.setValue(3)
    np.testing.assert_allclose(view.gradient.reaches[0].here, FORWARD[3, ::-1])
    assert view.gradient.logarithmic
    straight = view.gradient.grab().toImage()
    view.logarithmic.setChecked(False)
    assert not view.gradient.logarithmic
    assert view.gradient.grab().toImage() != straight


def test_a_long_sequence_has_the_curve_of_its_last_step(stage: ExplainStage) -> None:
    whole = make_trace()
    long = replace(whole, gradient_through_time={"forward": FORWARD[3:]}, gradient_steps=np.array([3]))
    found, of = reaches(long, 1)
    assert of == 3
    np.testing.assert_allclose(found[0].here, FORWARD[3, ::-1])
    stage.show_trace(long)
    assert "s = 4 (London)" in stage.view.gradient_note.text()


def test_a_gradient_of_inputs_says_so_and_one_that_is_not_there_why(stage: ExplainStage) -> None:
    whole = make_trace()
    stage.show_trace(replace(whole, gradient_through_time={"input": FORWARD}))
    assert "∂xₜ" in stage.view.gradient_note.text()
    assert [one.name for one in stage.view.gradient.reaches] == ["input, earlier steps"]
    stage.show_trace(replace(whole, gradient_through_time={}, gradient_steps=None, gradient_note="No labels."))
    assert stage.view.gradient_note.text() == "No labels."
    assert stage.view.gradient.reaches == []
    assert not stage.view.logarithmic.isEnabled()


def test_keys_step_and_play(qtbot: Any, traced: ExplainStage) -> None:
    view = traced.view
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.step == 1
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.step == 3
    view._timer.setInterval(1)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert view.playing
    assert view.step == 0
    qtbot.waitUntil(lambda: view.step == 3 and not view.playing)


def test_reduced_motion_steps_instead_of_playing(qtbot: Any, traced: ExplainStage, session: Session) -> None:
    session.theme.reduced_motion = True
    qtbot.keyClick(traced.view, Qt.Key.Key_Space)
    assert traced.view.step == 1
    assert not traced.view.playing


def test_layers_states_and_gates_can_be_chosen(traced: ExplainStage) -> None:
    view = traced.view
    names = [view.quantity.itemText(i) for i in range(view.quantity.count())]
    assert names == ["Hidden state", "Cell state", "Input gate", "Candidate gate"]
    view.quantity.setCurrentText("Input gate")
    values, signed = view.values()
    assert not signed
    np.testing.assert_array_equal(values, make_trace().layers[0].gates["input"])
    view.layer.setCurrentIndex(1)
    assert view.quantity.count() == 1
    np.testing.assert_array_equal(view.values()[0], make_trace().layers[1].states)


def test_a_click_chooses_step_and_unit(qtbot: Any, traced: ExplainStage) -> None:
    view = traced.view
    area = view.heat_map._map()
    place = QPointF(area.left() + area.width() * 0.6, area.top() + area.height() * 0.75)
    qtbot.mouseClick(view.heat_map, Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert view.step == 2
    assert view.heat_map.unit == 4
    assert view.unit_card.title.text() == "Unit 4"
    np.testing.assert_array_equal(view.unit_curve.values, make_trace().layers[0].states[:, 4])
    qtbot.keyClick(view.heat_map, Qt.Key.Key_Down)
    assert view.unit_card.title.text() == "Unit 5"


def test_equations_carry_the_shapes_of_the_model() -> None:
    text = shapes_html(make_trace())
    assert "states 4 × 6" in text
    assert "T = 4" in text
    assert sizes_of_trace(make_trace()) == {"T": 4, "H": 6, "N": 6, "K": 3, "V": 3}


def test_colour_maps_are_ordered_in_lightness_and_symmetric() -> None:
    ramp = cividis(np.linspace(0, 1, 32)).astype(float) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(ramp) > 0).all()
    ends = diverging(np.array([-1.0, 0.0, 1.0]), (255, 255, 255))
    assert tuple(ends[1]) == (255, 255, 255)
    assert ends[0][2] > ends[0][0]
    assert ends[2][0] > ends[2][2]


def writing_trace() -> Trace:
    from test_unrolled import writing_trace as make

    return make()


def tree_trace() -> Trace:
    states = np.tanh(np.random.default_rng(1).normal(size=(5, 6)))
    layers = (LayerTrace("layer 1", "up", states, {"forget": states**2}, states * 2),)
    outputs = np.full((5, 2), 0.5)
    return Trace(
        ("not", "good", "not good", "film", "…"), layers, outputs, ("−", "+"), ("−", "+", "−", "+", "−"),
        parents=np.array([2, 2, 4, 4, -1]),
    )  # fmt: skip


def test_a_decoder_moves_in_its_own_time(qtbot: Any, stage: ExplainStage) -> None:
    view = stage.view
    stage.show_trace(writing_trace())
    assert [view.layer.itemText(i) for i in range(3)] == [
        "layer 1, forward", "layer 1, backward", "decoder layer 1, forward",
    ]  # fmt: skip
    assert view.slider.maximum() == 3
    assert not view.writing
    view.layer.setCurrentIndex(2)
    assert view.writing
    assert view.slider.maximum() == 4
    view.slider.setValue(4)
    assert (view.step, view.output) == (0, 4)
    assert view.where.text() == "written step 5 of 5"
    assert view.output_card.subtitle.text() == "⟨end⟩"
    assert view.details.unrolled.view.chosen == (1, 4)
    view.words.token_clicked.emit(2)
    assert not view.writing
    assert (view.step, view.output) == (2, 4)
    view.written.token_clicked.emit(1)
    assert view.writing
    assert view.output == 1


def test_attention_and_scrubber_go_together(qtbot: Any, stage: ExplainStage) -> None:
    view = stage.view
    stage.show_trace(writing_trace())
    tabs = view.details
    assert tabs.isTabVisible(tabs.count() - 1)
    tabs.attention.setFocus()
    qtbot.keyClick(tabs.attention, Qt.Key.Key_Down)
    assert view.output == 1
    qtbot.keyClick(tabs.attention, Qt.Key.Key_Right)
    assert (view.step, view.output) == (1, 1)
    stage.show_trace(make_trace())
    assert not tabs.isTabVisible(tabs.count() - 1)


def test_node_states_are_drawn_on_the_tree(qtbot: Any, stage: ExplainStage) -> None:
    view = stage.view
    stage.show_trace(tree_trace())
    assert view.tree.isVisibleTo(view)
    assert not view.words.isVisibleTo(view)
    assert "hidden state" in view.tree.accessibleName()
    view.slider.setValue(2)
    assert view.tree.chosen == 2
    view.tree.choose(1)
    assert view.step == 1
    assert view.where.text() == "node 2 of 5"
    assert dict(view.bars.values) == {"−": 0.5, "+": 0.5}
    view.heat_map.unit_chosen.emit(3)
    assert "unit 3" in view.tree.accessibleName()
    view.quantity.setCurrentText("Forget gate")
    assert "forget gate" in view.tree.accessibleName()
    stage.grab()
    stage.show_trace(make_trace())
    assert view.words.isVisibleTo(view)


def test_the_gradient_of_a_tree_is_shown_by_levels_below_its_root(qtbot: Any, stage: ExplainStage) -> None:
    trace = replace(
        tree_trace(),
        parents=np.array([2, 2, 4, 4, -1]),
        gradient_through_time={"upward": np.array([[0.1, 0.3, 0.4, 0.6, 1.0]])},
        gradient_steps=np.array([4]),
    )
    (one,), shown = reaches(trace, 0)
    np.testing.assert_allclose(one.here, [1.0, 0.5, 0.2])
    assert (one.name, shown) == ("levels below the root", 4)
    stage.show_trace(trace)
    assert "2 levels below the root" in stage.view.details.gradient.note.text()
    stage.grab()


def test_plain_values_and_one_answer_are_shown(stage: ExplainStage) -> None:
    stage.show_trace(replace(make_trace(), outputs=np.array([[1.5, -2.0]]), output_labels=(), predicted=()))
    assert stage.view.plain.text() == "value 1: 1.5\nvalue 2: -2"
    assert not stage.view.bars.isVisibleTo(stage.view)
    assert stage.view.output_card.subtitle.text() == "of the whole input"


def test_symbols_show_their_values_at_the_step(qtbot: Any, stage: ExplainStage) -> None:
    from workbench.api import Architecture, Params, Ref, Symbol

    architecture = Architecture(
        id="x", title="X", params=Params, factory=Ref("a:b"), shapes=frozenset(), accepts=frozenset(),
        equations="**h**ₜ = tanh(W **x**ₜ)", symbols=(Symbol("hₜ", "the state", ("H",), "states"),),
    )  # fmt: skip
    trace = make_trace()
    stage.view.show_trace(trace, architecture)
    stage.view.slider.setValue(2)
    details = stage.view.details
    details.equations.symbol_hovered.emit("hₜ")
    here = trace.layers[0].states[2]
    assert f"step 3 (in): min {here.min():.3g}" in details.equation_line.text()
    assert "H = 6" in details.equation_line.text()
    stage.view.slider.setValue(3)
    assert "step 4 (London)" in details.equation_line.text()


def test_other_runs_are_laid_over_by_tracing_the_same_input(
    qtbot: Any, stage: ExplainStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace, tmp_path: Path
) -> None:
    def work(job: dict[str, Any]) -> dict[str, Any]:
        description, arrays = make_trace().to_arrays()
        path = tmp_path / f"{len(worker.jobs)}.npz"
        np.savez(path, allow_pickle=False, **arrays)
        return {"description": description, "arrays": str(path), "epoch": 4}

    worker.answers["trace"] = work
    other = SimpleNamespace(path=tmp_path / "runs" / "other", id="other", config=fake_run.config)
    (other.path / "model").mkdir(parents=True)
    session.project = SimpleNamespace(runs=lambda: [other, fake_run], path=tmp_path, close=lambda: None)
    session.run = fake_run
    session.run_changed.emit()
    qtbot.waitUntil(lambda: stage.view.trace is not None)
    page = stage.view.details.gradient
    page.menu_wanted.emit(page.menu)
    (action,) = page.menu.actions()
    action.trigger()
    qtbot.waitUntil(lambda: bool(page.chart.others))
    assert worker.jobs[-1]["text"] == worker.jobs[0]["text"]
    assert worker.jobs[-1]["run"] == str(other.path)
    (title,) = page.chart.others
    assert f"{title}: after 3 steps" in page.note.text()
    assert f"{title}, mean" in page.chart.accessibleDescription()
    page.grab()
    stage.comparison.lay_over(other, False)
    assert page.chart.others == {}
    session.project = None
