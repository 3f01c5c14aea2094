"""A hostile user's tools: the command line held to its promises, and a trained project to damage copies of."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from badinput_words import TRAIN

from workbench.cli.main import run

SENTENCES = "EU NNP B-ORG\nrejects VBZ O\nGerman JJ B-MISC\ncall NN O\n\nPeter NNP B-PER\nBlackburn NNP I-PER\n\n"


@dataclass(frozen=True)
class Told:
    """What one command said."""

    status: int
    out: str
    err: str

    def block(self) -> dict[str, str]:
        """The one error block: its headline and its labelled lines."""
        assert self.status == 1, (self.status, self.out, self.err)
        lines = self.err.splitlines()
        starts = [i for i, line in enumerate(lines) if line.startswith("Error: ")]
        assert len(starts) == 1, self.err
        parts = {"what": lines[starts[0]].removeprefix("Error: ")}
        for line in lines[starts[0] + 1 :]:
            label, _, text = line.strip().partition(":")
            parts[label.lower()] = text.strip()
        return parts


@pytest.fixture
def recurra(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs a command line and checks that no traceback was shown."""

    def call(*words: object) -> Told:
        capsys.readouterr()
        status = run([str(word) for word in words])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return Told(status, told.out, told.err)

    return call


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three splits and a finished run; copied, never changed."""
    folder = tmp_path_factory.mktemp("pristine")
    for name in ("train", "dev", "test"):
        (folder / f"{name}.txt").write_text(SENTENCES * 10)
    files = [str(folder / f"{name}.txt") for name in ("train", "dev", "test")]
    assert run(["import", str(folder / "project"), *files, "--name", "news"]) == 0
    assert run(["train", "--project", str(folder / "project"), *TRAIN, "--max-epochs", "3"]) == 0
    return folder / "project"


@pytest.fixture
def project(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the trained project, to damage."""
    shutil.copytree(pristine, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def run_path(project: Path) -> Path:
    """Its one run."""
    return next(path for path in (project / "runs").iterdir() if not path.name.startswith("."))
