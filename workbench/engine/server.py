"""The worker's side of the pipe: jobs as lines of JSON, one after the other, and some of them between training steps.

A reader thread only collects lines; every job runs in the main thread, so nothing the model does is ever concurrent.
A training calls :meth:`Request.serve_between` after each step: short jobs are answered there, long ones wait.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any

import torch

from workbench.api import Cancelled, WorkbenchError
from workbench.api.events import FinishReason
from workbench.engine.controls import Ended
from workbench.engine.devices import choose_device
from workbench.engine.errors import explain
from workbench.engine.predict import Predictor
from workbench.engine.threads import preserved_random_state

logger = logging.getLogger(__name__)
SHORT_JOBS = frozenset({"ping", "devices", "describe", "predict", "trace"})
"""Answered between two steps of a training."""
_PROGRESS_SECONDS = 0.05
Message = dict[str, Any]


class Request:
    """One job: its ``fields``, and how it tells its progress and learns that it was cancelled."""

    def __init__(self, server: Server, message: Message, live: Predictor | None = None) -> None:
        self.id = message.get("id")
        self.job = str(message.get("job", ""))
        self.fields: Mapping[str, Any] = message
        self.live = live
        """The model in training, when this job asks about the run that this worker trains."""
        self.cancelled = False
        self._server = server
        self._next_progress = 0.0

    def text(self, name: str) -> str:
        """A field that must be there and be text."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise WorkbenchError(f"The job {self.job!r} needs the field {name!r}.")
        return value

    def progress(self, done: int, total: int, **values: Any) -> None:
        """Tell how far it is (at most twenty times a second), and stop here if it was cancelled."""
        self.check()
        now = time.monotonic()
        if now >= self._next_progress or done >= total > 0:
            self._next_progress = now + _PROGRESS_SECONDS
            self._server.send({"id": self.id, "kind": "progress", "done": done, "total": total, **values})

    def check(self) -> None:
        """Between two batches of a long job: answer pings and cancels; raises :class:`Cancelled` if it is meant."""
        self._server.serve_between(self, None, frozenset({"ping"}))
        if self.cancelled:
            raise Cancelled

    @property
    def unheard(self) -> bool:
        """Whether the other side has closed the pipe: nobody waits for this job's result any more."""
        return self._server.closed

    def serve_between(self, live: Predictor | None) -> None:
        """Between two steps of a training: answer short jobs with the ``live`` model. A cancel means stop."""
        self._server.serve_between(self, live, SHORT_JOBS if live is not None else frozenset({"ping", "devices"}))
        if self.cancelled:
            raise Ended(FinishReason.STOPPED)


Handler = Callable[[Request], Any]
"""Does a job and returns the ``value`` of its result; may raise."""


class Server:
    """Reads jobs from ``stdin``, answers on ``stdout``. A ``stdout`` nobody reads any more disturbs nothing."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], handlers: Mapping[str, Handler]) -> None:
        self._stdin = stdin
        self._stdout: IO[bytes] | None = stdout
        self._handlers = handlers
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._waiting: deque[Message] = deque()
        self._active: list[Request] = []
        self._closed = False

    def run(self, warm: Callable[[], Message]) -> None:
        """Serve until standard input ends and every job is done."""
        threading.Thread(target=self._read, name="job-reader", daemon=True).start()
        self.send({"kind": "ready", **warm()})
        while True:
            if self._waiting:
                message = self._waiting.popleft()
            elif self._closed:
                return
            else:
                self._take(self._inbox.get())
                continue
            self._do(Request(self, message))

    @property
    def closed(self) -> bool:
        return self._closed

    def send(self, message: Message) -> None:
        """Write one line; when the other side is gone, nothing happens (a training goes on without being heard)."""
        if self._stdout is None:
            return
        try:
            self._stdout.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
            self._stdout.flush()
        except (OSError, ValueError):
            logger.info("nobody reads the answers any more")
            self._stdout = None

    def serve_between(self, current: Request, live: Predictor | None, short: frozenset[str]) -> None:
        """Take what has arrived while ``current`` runs; do the ``short`` jobs now, leave the others in line."""
        if self._inbox.empty() and not self._waiting:
            return  # what came too early (a live question before there was a model) still waits for its turn
        while True:
            try:
                self._take(self._inbox.get_nowait())
            except queue.Empty:
                break
        ready = [message for message in self._waiting if message.get("job") in short]
        for message in ready:
            self._waiting.remove(message)
            same = live is not None and message.get("live") and message.get("run") == current.fields.get("run")
            self._do(Request(self, message, live if same else None))

    def _take(self, message: Message | None) -> None:
        if message is None:
            self._closed = True
        elif message.get("job") == "cancel":
            self._cancel(message)
        else:
            self._waiting.append(message)

    def _cancel(self, message: Message) -> None:
        target = message.get("target")
        found = False
        for request in self._active:
            if request.id == target:
                request.cancelled = found = True
        for waiting in [item for item in self._waiting if item.get("id") == target]:
            self._waiting.remove(waiting)
            self.send({"id": target, "kind": "cancelled"})
            found = True
        self.send({"id": message.get("id"), "kind": "result", "value": {"cancelled": found}})

    def _do(self, request: Request) -> None:
        handler = self._handlers.get(request.job)
        self._active.append(request)
        try:
            if handler is None:
                known = ", ".join(sorted(self._handlers))
                raise WorkbenchError(f"This worker does not know the job {request.job!r}.", fix=f"It knows: {known}.")
            self.send({"id": request.id, "kind": "accepted"})
            value = handler(request)
        except Cancelled:
            self.send({"id": request.id, "kind": "cancelled"})
        except Exception as caught:
            _, error = explain(caught)
            if error is not caught:
                logger.warning("job %s failed", request.job, exc_info=caught)
            self.send({"id": request.id, "kind": "error", "error": error.to_dict()})
        else:
            if request.cancelled:
                self.send({"id": request.id, "kind": "cancelled", "value": value})
            else:
                self.send({"id": request.id, "kind": "result", "value": value})
        finally:
            self._active.remove(request)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._stdin:
                if not line.strip():
                    continue
                try:
                    message = json.loads(line)
                except ValueError:
                    logger.warning("not a job: %r", line[:200])
                    continue
                if isinstance(message, dict):
                    self._inbox.put(message)
        self._inbox.put(None)


def serve(stdin: IO[bytes], stdout: IO[bytes], handlers: Mapping[str, Handler]) -> None:
    """Warm up, say ready, then do jobs until ``stdin`` ends; a training that runs then is finished first."""
    Server(stdin, stdout, handlers).run(warm_up)


def warm_up() -> Message:
    """Pay now what the first training would wait for: torch's lazy imports and the kernels' set-up."""
    with preserved_random_state():
        for kind in (torch.nn.LSTM, torch.nn.GRU):
            module = kind(8, 8, batch_first=True, bidirectional=True)
            optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
            states, _ = module(torch.zeros(2, 3, 8))
            states.sum().backward()
            torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
            optimizer.step()
    device = choose_device("auto")
    return {"device": device.title, "threads": torch.get_num_threads(), "pid": os.getpid()}


def claim_stdio() -> tuple[IO[bytes], IO[bytes]]:
    """This process's pipes for :func:`serve` alone: whatever else prints goes to standard error from now on."""
    stdin = os.fdopen(os.dup(0), "rb")
    stdout = os.fdopen(os.dup(1), "wb")
    sys.stdout.flush()
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return stdin, stdout
