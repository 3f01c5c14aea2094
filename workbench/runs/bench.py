"""Kills at random moments: is any journal line lost or torn, and does the resumed run end bit-equal?

Two kinds of death are tried in turn. The *worker* dies: whoever follows it notices, and the run is resumed in another
worker. The *shell* dies (a process that owns a worker and follows its run): the worker goes on, and the run is attached
to by its folder. Either way the finished model must have the bytes of one that was never interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from workbench.api.events import EpochMetrics, Event
from workbench.runs.folder import RunFolder
from workbench.runs.journal import JournalReader, without_superseded
from workbench.runs.lock import read_holder
from workbench.runs.training_thread import TrainingThread
from workbench.runs.worker import WorkerProcess

NewRun = Callable[[], RunFolder]
_PATIENCE_SECONDS = 120.0


@dataclass
class Kills:
    """What was counted. All but ``kills`` and ``mid_training`` must be 0."""

    kills: int = 0
    mid_training: int = 0
    """Kills that came while the run was not finished yet."""
    lines_lost: int = 0
    """Events that a follower had seen and the journal has no longer, or a gap in its numbers."""
    lines_torn: int = 0
    not_noticed: int = 0
    not_bit_equal: int = 0
    moments: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "kills": self.kills,
            "mid_training": self.mid_training,
            "lines_lost": self.lines_lost,
            "lines_torn": self.lines_torn,
            "not_noticed": self.not_noticed,
            "not_bit_equal": self.not_bit_equal,
            "table": "\n".join(self.moments),
        }


def measure_kills(new_run: NewRun, project: Path, n: int = 20, seed: int = 7) -> Kills:
    """Train ``n`` runs that ``new_run`` makes in ``project``, each killed once, and compare them with one unharmed."""
    chance = random.Random(seed)
    counted = Kills()
    reference = new_run()
    worker = WorkerProcess().start()
    try:
        _finish(TrainingThread(reference, worker, project=project).start())
        seconds = reference.state().seconds
        for number in range(n):
            moment = chance.uniform(0.0, 0.95 * seconds)
            run = new_run()
            if number % 2 == 0:
                worker = kill_worker(run, project, worker, moment, counted)
            else:
                kill_shell(run, project, moment, counted)
            _compare(run, reference, counted)
    finally:
        worker.close(keep_training=False)
    return counted


def kill_worker(run: RunFolder, project: Path, worker: WorkerProcess, moment: float, counted: Kills) -> WorkerProcess:
    """Kill ``worker`` ``moment`` seconds into its training and resume in another, which is returned."""
    thread = TrainingThread(run, worker, project=project).start()
    _wait(lambda: run.journal_path.exists())
    _wait(lambda: thread.ended, moment, must=False)
    was_training = not thread.ended
    if worker.pid is not None:
        os.kill(worker.pid, signal.SIGKILL)
    thread.wait(_PATIENCE_SECONDS)
    worker.close()
    state = run.state()
    counted.kills += 1
    counted.mid_training += was_training
    counted.moments.append(f"worker killed after {moment:.2f} s, step {state.step}: {state.status}")
    fresh = WorkerProcess().start()
    if state.status != "finished":
        counted.not_noticed += state.status != "interrupted" or thread.status != "interrupted"
        _finish(TrainingThread(run, fresh, project=project, resume=True).start())
    _check_journal(run, thread.drain(), counted)
    return fresh


def kill_shell(run: RunFolder, project: Path, moment: float, counted: Kills) -> None:
    """Kill a process that owns a worker ``moment`` seconds into the training; attach to the run and see it end."""
    command = [sys.executable, "-m", "workbench.runs.bench", str(run.path), str(project)]
    shell = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: run.journal_path.exists())
        _wait(lambda: shell.poll() is not None, moment, must=False)
    finally:
        was_training = run.state().alive
        holder = read_holder(run.lock_path)
        shell.kill()
        shell.wait()
    before = JournalReader(run.journal_path).poll()
    window = TrainingThread.attach(run)
    attached = window.wait(_PATIENCE_SECONDS)
    seen = window.drain()
    counted.kills += 1
    counted.mid_training += was_training
    counted.not_noticed += not attached or window.status != "finished" or seen[: len(before)] != before
    counted.moments.append(f"shell killed after {moment:.2f} s: attached, {window.status}")
    if holder is not None:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(holder.pid).wait(30)  # a worker whose shell is gone ends after its run
        counted.not_noticed += holder.alive()
    _check_journal(run, seen, counted)


def _check_journal(run: RunFolder, seen: list[Event], counted: Kills) -> None:
    reader = JournalReader(run.journal_path)
    written = reader.poll()
    counted.lines_lost += len(reader.gaps) + sum(event not in written for event in seen)
    counted.lines_torn += reader.damaged + (not run.journal_path.read_bytes().endswith(b"\n"))


def _compare(run: RunFolder, reference: RunFolder, counted: Kills) -> None:
    weights = digest_of_model(run) == digest_of_model(reference)
    losses = losses_of(run) == losses_of(reference)
    counted.not_bit_equal += not (weights and losses)
    if not (weights and losses):
        what = " and ".join(name for name, equal in (("weights", weights), ("losses", losses)) if not equal)
        counted.moments[-1] += f"; NOT bit-equal: {what}, {len(losses_of(run))} of {len(losses_of(reference))} epochs"


def digest_of_model(run: RunFolder) -> str:
    """SHA-256 of the finished weights."""
    try:
        return hashlib.sha256((run.model_folder / "model.safetensors").read_bytes()).hexdigest()
    except OSError:
        return f"no model of {run.id}"


def losses_of(run: RunFolder) -> list[tuple[int, float]]:
    """(step, validation loss) of every epoch that counts. Which steps are told depends on the clock, epochs do not."""
    events = without_superseded(JournalReader(run.journal_path).poll())
    return [(event.step, event.validation_loss) for event in events if isinstance(event, EpochMetrics)]


def _finish(thread: TrainingThread) -> None:
    if not thread.wait(_PATIENCE_SECONDS) or thread.status != "finished" or thread.error is not None:
        raise RuntimeError(f"{thread.run.id} is {thread.status}: {thread.error}")


def _wait(condition: Callable[[], bool], seconds: float = _PATIENCE_SECONDS, *, must: bool = True) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            if must:
                raise TimeoutError("the run did not begin")
            return
        time.sleep(0.002)


def main() -> None:
    """The shell that is killed: owns a worker, follows its run."""
    run, project = (Path(word) for word in sys.argv[1:3])
    worker = WorkerProcess().start()
    TrainingThread(RunFolder.open(run), worker, project=project).start().wait()
    worker.close()


if __name__ == "__main__":
    main()
