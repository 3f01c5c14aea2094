"""A worker without torch, for tests of this room: it speaks the language and trains a sum."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from workbench.api.events import CheckpointSaved, RunFinished, RunStarted, StateChanged, StepMetrics
from workbench.runs import ControlReader, JournalWriter, RunFolder
from workbench.runs.files import write_json

STEP_SECONDS = float(os.environ.get("FAKE_STEP_SECONDS", "0.002"))
STEPS = int(os.environ.get("FAKE_STEPS", "50"))


def say(**message: Any) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more; a training goes on
        os.write(1, json.dumps(message).encode() + b"\n")


def train(folder: str, resume: bool) -> str:
    """Each step adds a number that depends on all before it: a wrong resume shows in the sum."""
    run = RunFolder.open(Path(folder))
    last = run.checkpoints / "last" / "state.json"
    state = json.loads(last.read_text()) if resume and last.exists() else {"step": 0, "value": 1}
    with run.lock(), JournalWriter(run.journal_path, run.id) as journal:
        control = ControlReader(run.control_path)
        journal.write(
            RunStarted,
            state["step"],
            pid=os.getpid(),
            device="cpu",
            device_reason="",
            threads=1,
            parameters=1,
            steps_per_epoch=STEPS,
            max_epochs=1,
            resumed_from_step=state["step"] if resume else None,
        )
        reason, rate, paused = "completed", 1.0, False
        while state["step"] < STEPS:
            for command in control.poll():
                if command.verb in ("stop", "discard"):
                    reason = "stopped" if command.verb == "stop" else "discarded"
                elif command.verb == "set_learning_rate":
                    rate = command.value or rate
                else:
                    paused = command.verb == "pause"
                    journal.write(StateChanged, state["step"], state="paused" if paused else "running")
            if reason != "completed":
                break
            time.sleep(STEP_SECONDS)
            if paused:
                continue
            state["step"] += 1
            state["value"] = (state["value"] * 31 + state["step"]) % 1_000_003
            journal.write(
                StepMetrics,
                state["step"],
                epoch=1,
                loss=float(state["value"]),
                learning_rate=rate,
                gradient_norm=0.0,
                tokens_per_second=0.0,
            )
            if state["step"] % 10 == 0:
                last.parent.mkdir(parents=True, exist_ok=True)
                write_json(last, state)
                journal.write(CheckpointSaved, state["step"], name="last", epoch=1)
        journal.write(RunFinished, state["step"], reason=reason, seconds=0.0)
    return reason


def main() -> None:
    inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            inbox.put(json.loads(line))
        inbox.put(None)

    threading.Thread(target=read, daemon=True).start()
    sys.stderr.write("a word on stderr\n")
    say(kind="ready", device="cpu", threads=1)
    while (job := inbox.get()) is not None:
        name, job_id = job["job"], job["id"]
        if name == "ping":
            say(id=job_id, kind="result", value={"pid": os.getpid()})
        elif name == "echo":
            say(id=job_id, kind="accepted")
            say(id=job_id, kind="progress", done=1, total=2)
            say(id=job_id, kind="result", value=job["text"])
        elif name == "noise":
            os.write(1, b"this is not JSON\n")
            say(id=job_id, kind="result", value=None)
        elif name == "fail":
            say(id=job_id, kind="error", error={"what": "No such thing.", "why": "It is a test."})
        elif name == "die":
            sys.stderr.write("the last words\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL) if job["how"] == "kill" else os._exit(3)
        elif name == "train":
            say(id=job_id, kind="result", value={"reason": train(job["run"], job["resume"])})
        elif name == "cancel":
            say(id=job["target"], kind="cancelled")
            say(id=job_id, kind="result", value={"cancelled": True})


if __name__ == "__main__":
    main()
