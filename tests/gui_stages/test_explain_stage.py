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
    assert "∂x_t" in stage.view.gradient_note.text()
    assert [one.name for one in stage.view.gradient.reaches] == ["input, earlier words"]
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
