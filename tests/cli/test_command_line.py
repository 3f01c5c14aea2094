"""The command line answers at once, explains itself, and needs neither torch nor Qt for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.main import run

COUNT_HEAVY = """
import sys
from workbench.cli.main import run
status = run({words!r})
heavy = sorted({{name.split(".")[0] for name in sys.modules}} & {{"torch", "PySide6", "pyqtgraph"}})
assert not heavy, heavy
raise SystemExit(status)
"""


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workbench.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    "words",
    [["--help"], ["plugins"], ["plugins", "--json"], ["train", "--task", "tagging", "--help"], ["runs", "--help"]],
    ids=" ".join,
)
def test_neither_torch_nor_qt_is_imported(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_HEAVY.format(words=words)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="processor time of children is not told there")
@pytest.mark.parametrize("words", [["--help"], ["plugins"]], ids=" ".join)
def test_it_answers_within_a_second(words: list[str]) -> None:
    """Processor time, so that other programs on the machine do not count; best of three."""
    seconds = []
    for _ in range(3):
        before = os.times()
        assert program(*words).returncode == 0
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(seconds) <= 1.0


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in ("demo", "import", "export", "train", "resume", "predict", "evaluate", "runs", "plugins", "doctor"):
        assert command in shown


def test_without_a_display_one_line_says_so_and_names_train() -> None:
    for platform in ("", "xcb"):
        done = program(DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM=platform)
        assert done.returncode == 1
        assert done.stdout == ""
        assert len(done.stderr.strip().splitlines()) == 1
        assert "apt-get" in done.stderr or "recurra train" in done.stderr


def test_a_display_that_does_not_answer_is_no_display() -> None:
    from workbench.cli.display import PACKAGES, display_problem, missing_libraries

    if missing_libraries(PACKAGES) or not sys.platform.startswith("linux"):
        pytest.skip("Qt's own libraries are not here, which is told first")
    assert "recurra train" in display_problem({"DISPLAY": ":987"})
    assert "recurra train" in display_problem({"DISPLAY": "nonsense"})
    assert "recurra train" in display_problem({"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": "/nowhere"})
    assert display_problem({"QT_QPA_PLATFORM": "offscreen"}) == ""


def test_a_misspelt_command_is_helped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trian"]) == 1
    told = capsys.readouterr().err
    assert "neither a command nor a project" in told
    assert "recurra train" in told


def test_an_error_is_one_block_with_where_why_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == "Error: There is no project here."
    assert str(tmp_path) in told.err


def test_debug_shows_where_it_came_from(tmp_path: Path) -> None:
    assert "Traceback" in program("runs", str(tmp_path), "--debug").stderr
    assert "Traceback" not in program("runs", str(tmp_path)).stderr


def test_words_it_does_not_know_end_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--colour"]) == 2
    assert "--colour" in capsys.readouterr().err


def test_plugins_are_listed_with_their_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    by_name = {plugin["name"]: plugin for plugin in told["plugins"]}
    assert by_name["runners-local"]["status"] == "loaded"
    assert ["runner", "local"] in by_name["runners-local"]["contributions"]
    assert isinstance(told["problems"], list)


def test_the_doctor_looks_at_everything(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert {"python", "torch", "gpu", "qt", "display", "disk", "plugins"} <= set(checks)
    assert checks["torch"]["state"] == "ok"


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("recurra ")


def test_a_pipe_that_closes_early_is_no_error() -> None:
    command = f"{sys.executable} -m workbench.cli.main plugins --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr


def test_check_names_findings_and_ends_with_an_error_when_nothing_can_be_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, project = tmp_path / "data.conll", tmp_path / "news"
    source.write_text("Ann B-PER\nlives O\nin O\nRome B-LOC\n\nBob I-PER\nslept O\n", encoding="utf-8")
    assert run(["import", str(project), str(source), "--split", "test"]) == 0
    capsys.readouterr()
    assert run(["check", str(project)]) == 1
    shown = capsys.readouterr().out
    assert "error: No record is in the train split." in shown
    assert run(["check", str(project), "data", "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)["datasets"]
    assert report["findings"][0]["severity"] == "error"
    assert run(["check", str(project), "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err
