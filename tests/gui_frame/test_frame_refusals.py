"""What these options cannot learn is said before a run is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.api import WorkbenchError
from workbench.shell.session import Session


def test_a_stack_with_too_few_states_is_refused_and_leaves_no_run(session: Session, project: Path, qtbot: Any) -> None:
    session.open_project(project)
    before = len(session.runs())
    session.set_draft(architecture="deep", architecture_params={"stack": [{"subsampling": 2}]})
    with qtbot.waitSignal(session.notice) as told:
        assert session.start_training() is None
    error = told.args[0]
    assert isinstance(error, WorkbenchError)
    assert "fewer states than inputs" in error.why
    assert "options" in error.fix
    assert len(session.runs()) == before


def test_options_out_of_bounds_are_refused_with_their_name(session: Session, project: Path) -> None:
    session.open_project(project)
    session.set_draft(architecture="deep", architecture_params={"stack": [{}, {"hidden_size": 0}]})
    assert session.config is not None
    refused = session.refusal(session.config)
    assert refused is not None
    assert "stack.2.hidden_size" in refused.what


def test_what_fits_is_not_refused(session: Session, project: Path) -> None:
    session.open_project(project)
    for name in ("deep", "lstm", "birnn"):
        session.set_draft(architecture=name)
        assert session.config is not None
        assert session.refusal(session.config) is None
