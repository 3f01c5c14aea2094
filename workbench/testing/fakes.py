"""Stand-ins for the parts of the application a plugin talks to, so that its tests need neither window nor torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.api import Contribution, WorkbenchError
from workbench.api.hooks import PROJECT
from workbench.host.loading import HOOKS
from workbench.host.staging import check_contribution

Message = Mapping[str, Any]
Answer = Any | Callable[[Mapping[str, Any]], Any]


class FakeRegistrar:
    """Keeps what is added, after the same checks as the host's: a malformed contribution raises where it is added."""

    def __init__(self) -> None:
        self.contributions: list[Contribution] = []
        self.hook: str | None = None

    def add(self, contribution: Contribution) -> None:
        check_contribution(contribution, self.hook or str(getattr(contribution, "HOOK", "a hook")))
        self.contributions.append(contribution)


def contributions_of(plugin: Any) -> tuple[Contribution, ...]:
    """Everything ``plugin`` (a module or object) registers, GUI contributions included."""
    registrar = FakeRegistrar()
    for hook in HOOKS:
        function = getattr(plugin, hook, None)
        if function is not None:
            if not hasattr(function, f"{PROJECT}_impl"):
                raise WorkbenchError(f"{hook} is not marked as a hook.", fix=f"Write @hookimpl above def {hook}.")
            registrar.hook = hook
            function(registrar)
    return tuple(registrar.contributions)


class FakeHandle:
    """A job of a :class:`FakeWorker`; ``wait`` as that of ``workbench.runs.worker.Handle``."""

    def __init__(self, job_id: str, name: str, cancel: Callable[[], None]) -> None:
        self.id = job_id
        self.name = name
        self.last: Message | None = None
        self._cancel = cancel

    @property
    def ended(self) -> bool:
        return self.last is not None

    def cancel(self) -> None:
        if not self.ended:
            self._cancel()

    def wait(self, timeout: float | None = None) -> Any:
        """The result's value; raises the job's error, or :class:`TimeoutError` while the test holds it."""
        if self.last is None:
            raise TimeoutError(f"the test has not answered {self.name!r} yet")
        if self.last["kind"] == "result":
            return self.last["value"]
        if self.last["kind"] == "cancelled":
            raise WorkbenchError("The job was cancelled.")
        raise WorkbenchError.from_dict(self.last["error"])


class FakeWorker:
    """Speaks the language of jobs in this process, in the calling thread: no torch, no waiting.

    ``answers`` maps a job's name to its result's value, to a function of the job that returns it (or raises), or to a
    function that yields progress mappings and returns the value. A job without an answer is held until the test calls
    :meth:`answer`, :meth:`progress` or :meth:`fail`. ``jobs`` keeps what was submitted.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.answers: dict[str, Answer] = {"ping": {"pid": 0}, **(answers or {})}
        self.jobs: list[dict[str, Any]] = []
        self.alive = True
        self.pid = 0
        self.ready_message: Message = {"kind": "ready", "device": "cpu", "threads": 1}
        self._ids = itertools.count(1)
        self._held: dict[str, tuple[FakeHandle, Callable[[Message], None]]] = {}

    @property
    def ready(self) -> bool:
        return self.alive

    def start(self) -> FakeWorker:
        return self

    def wait_ready(self, timeout: float) -> bool:
        return self.alive

    def submit(self, job: Mapping[str, Any], on_message: Callable[[Message], None] | None = None) -> FakeHandle:
        """Answer ``job`` now if there is an answer, else hold it; :class:`WorkbenchError` after :meth:`die`."""
        if not self.alive:
            raise WorkbenchError("The worker process is not running.", fix="Start it again.")
        job_id = str(next(self._ids))
        name = str(job.get("job", ""))
        self.jobs.append({**job, "id": job_id})
        handle = FakeHandle(job_id, name, lambda: self._end(job_id, {"kind": "cancelled"}))
        self._held[job_id] = (handle, on_message or (lambda _message: None))
        self._tell(job_id, {"kind": "accepted"})
        if name == "cancel":
            target = str(job.get("target", ""))
            held = target in self._held
            self._end(target, {"kind": "cancelled"})
            self.answer(job_id, {"cancelled": held})
        elif name in self.answers:
            self._play(job_id, self.answers[name])
        return handle

    @property
    def held(self) -> tuple[str, ...]:
        """Ids of the jobs that wait for the test."""
        return tuple(self._held)

    def progress(self, job_id: str, **values: Any) -> None:
        self._tell(job_id, {"kind": "progress", **values})

    def answer(self, job_id: str, value: Any) -> None:
        self._end(job_id, {"kind": "result", "value": value})

    def fail(self, job_id: str, error: WorkbenchError) -> None:
        self._end(job_id, {"kind": "error", "error": error.to_dict()})

    def die(self, error: WorkbenchError | None = None) -> None:
        """As if the process were killed: every job it had ends in an error."""
        self.alive = False
        words = (error or WorkbenchError("The worker process was killed.", fix="Resume the run.")).to_dict()
        for job_id in self.held:
            self._end(job_id, {"kind": "error", "error": words, "worker_died": True})

    def close(self, grace: float = 0.0) -> None:
        self.die(WorkbenchError("The worker was closed."))

    def detach(self) -> None:
        self.alive = False

    def _play(self, job_id: str, answer: Answer) -> None:
        job = self.jobs[-1]
        try:
            value = answer(job) if callable(answer) else answer
            if isinstance(value, Iterator):
                value = self._drain(job_id, value)
        except WorkbenchError as error:
            self.fail(job_id, error)
            return
        if job_id in self._held:
            self.answer(job_id, value)

    def _drain(self, job_id: str, steps: Iterator[Any]) -> Any:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            self.progress(job_id, **step)

    def _tell(self, job_id: str, message: dict[str, Any]) -> None:
        if job_id in self._held:
            self._held[job_id][1]({"id": job_id, **message})

    def _end(self, job_id: str, message: dict[str, Any]) -> None:
        if job_id not in self._held:
            return
        handle, on_message = self._held.pop(job_id)
        handle.last = {"id": job_id, **message}
        on_message(handle.last)
