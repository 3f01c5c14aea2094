"""Jobs for the worker processes, and their answers brought into the GUI thread."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from workbench.api import Cancelled, WorkbenchError

logger = logging.getLogger(__name__)

OnResult = Callable[[Any], object]
OnError = Callable[[WorkbenchError], object]
OnProgress = Callable[[Mapping[str, Any]], object]


class WorkerLike(Protocol):
    """What is used of :class:`workbench.runs.worker.WorkerProcess`."""

    def submit(self, job: Mapping[str, Any], on_message: Callable[[Mapping[str, Any]], None]) -> Any: ...
    def close(self, *, keep_training: bool = True) -> None: ...
    def detach(self) -> None: ...


class JobHandle(QObject):
    """A job under way. After :meth:`cancel` or :meth:`close` no callback comes any more."""

    def __init__(
        self,
        on_result: OnResult | None,
        on_error: OnError | None,
        on_progress: OnProgress | None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._on_result, self._on_error, self._on_progress = on_result, on_error, on_progress
        self._inner: Any = None
        self.done = False

    def cancel(self) -> None:
        if not self.done:
            self.done = True
            if self._inner is not None:
                self._inner.cancel()

    def close(self) -> None:
        self.done = True

    def deliver(self, message: Mapping[str, Any]) -> WorkbenchError | None:
        """Hand a message to its callback; an error nobody asked for is returned, to be shown."""
        if self.done:
            return None
        kind = message.get("kind")
        if kind == "progress" and self._on_progress is not None:
            self._on_progress(message)
        elif kind == "result":
            self.done = True
            if self._on_result is not None:
                self._on_result(message.get("value"))
        elif kind in ("error", "cancelled"):
            self.done = True
            error = Cancelled() if kind == "cancelled" else WorkbenchError.from_dict(message.get("error") or message)
            if self._on_error is not None:
                self._on_error(error)
            elif kind == "error":
                return error
        return None


class Workers(QObject):
    """Two workers: one trains; the other answers questions while the first is busy with another run.

    ``start`` spawns a worker: ``start(on_notice) -> WorkerLike``, where ``on_notice(message)`` is called for messages
    without an id (``ready``) and for ``died``, from any thread. Both are spawned when first needed.
    """

    ready = Signal(dict)
    died = Signal(str, str)
    failed = Signal(object)

    _message = Signal(object, object)
    _noticed = Signal(str, object)

    def __init__(self, start: Callable[[Callable[[Mapping[str, Any]], None]], WorkerLike], parent: QObject) -> None:
        super().__init__(parent)
        self._start = start
        self._workers: dict[str, WorkerLike] = {}
        self._handles: dict[str, list[JobHandle]] = defaultdict(list)
        self._message.connect(self._on_message, Qt.ConnectionType.QueuedConnection)
        self._noticed.connect(self._on_notice, Qt.ConnectionType.QueuedConnection)
        self.closed = False

    def worker(self, name: str = "main") -> WorkerLike:
        """The worker of that name, spawned now if it is not there."""
        if name not in self._workers:

            def on_notice(message: Mapping[str, Any]) -> None:
                self._noticed.emit(name, dict(message))

            self._workers[name] = self._start(on_notice)
        return self._workers[name]

    def submit(
        self,
        job: Mapping[str, Any],
        on_result: OnResult | None = None,
        on_error: OnError | None = None,
        on_progress: OnProgress | None = None,
        *,
        name: str = "main",
    ) -> JobHandle:
        handle = JobHandle(on_result, on_error, on_progress, self)
        if self.closed:
            handle.close()
            return handle
        try:
            worker = self.worker(name)
            self._handles[name] = [old for old in self._handles[name] if not old.done] + [handle]
            handle._inner = worker.submit(job, lambda message: self._message.emit(handle, dict(message)))
        except WorkbenchError as error:
            self._message.emit(handle, {"kind": "error", "error": error.to_dict()})
        return handle

    def release(self, name: str) -> None:
        """Let the worker ``name`` end when its jobs have; it is spawned again when it is asked for."""
        worker = self._workers.pop(name, None)
        if worker is not None:
            worker.detach()

    def close(self, *, wait: bool = False) -> None:
        """Let go of the workers: one that trains finishes its run by itself and then ends. ``wait`` ends them now."""
        self.closed = True
        for handles in self._handles.values():
            for handle in handles:
                handle.close()
        for worker in self._workers.values():
            if wait:
                worker.close(keep_training=False)
            else:
                worker.detach()
        self._workers.clear()

    def _on_message(self, handle: JobHandle, message: dict[str, Any]) -> None:
        if self.closed:
            return
        error = handle.deliver(message)
        if error is not None:
            self.failed.emit(error)
        if handle.done and isValid(handle):  # a cancelled job still tells its progress, and then that it was cancelled
            handle.deleteLater()

    def _on_notice(self, name: str, message: dict[str, Any]) -> None:
        if self.closed:
            return
        if message.get("kind") == "ready" and name == "main":
            self.ready.emit(message)
        elif message.get("kind") == "died":
            self._workers.pop(name, None)
            text = str(message.get("what", "The worker process ended."))
            for handle in self._handles[name]:
                handle.deliver({"kind": "error", "error": {"what": text, "fix": str(message.get("fix", ""))}})
            self._handles[name] = []
            self.died.emit(name, text)
