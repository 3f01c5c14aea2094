"""Measures of the window: how soon it is painted, and how late a timer fires while a run trains beside a live plot.

``python -m workbench.shell.bench startup|lateness`` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

TIMER_MILLISECONDS = 10
MAXIMUM_SILENCE_SECONDS = 3.0
"""A measure of the window beside a live run counts only if events kept arriving to its end."""
_HEAVY = ("torch", "pyqtgraph", "numpy", "pandas", "scipy", "workbench.data")
_AS_THE_COMMAND = "import sys, workbench.cli.main; from workbench.shell import bench; bench.main(sys.argv[1:])"
"""A child starts as ``recurra`` does: what the command line imports on its way to the window is measured too."""


def measure_startup(runs: int = 5) -> dict[str, Any]:
    """Seconds from starting the interpreter to the first paint, in fresh processes: median, all, and what was imported.

    The clock starts before the process does. User folders are empty ones.
    """
    seconds: list[float] = []
    heavy: set[str] = set()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for _ in range(runs):
            begun = time.time()
            answer = _child("first-paint", folder)
            seconds.append(answer["painted"] - begun)
            heavy.update(answer["heavy"])
    return {
        "first_paint_median_s": round(statistics.median(seconds), 3),
        "first_paint_s": [round(one, 3) for one in seconds],
        "heavy_imports": sorted(heavy),
    }


def measure_lateness(seconds: float = 10.0) -> dict[str, Any]:
    """Lateness (ms: p50, p99, worst) of a 10 ms timer in the window while a worker trains and its plot is live.

    Also how long one click on the sample's card takes to the first loss point, the worker being warm.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return _child("lateness", folder, str(seconds))


def _child(what: str, folder: str, *arguments: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        **dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", _AS_THE_COMMAND, what, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"the measurement failed ({done.returncode}): {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def _first_paint() -> dict[str, Any]:
    from workbench.shell import app

    answer: dict[str, Any] = {}

    def painted(window: Any) -> None:
        answer["painted"] = time.time()
        answer["heavy"] = [name for name in _HEAVY if name in sys.modules]
        app.quit_soon(window)

    app.run(on_painted=painted, start_worker=False)
    return answer


def _lateness(seconds: float) -> dict[str, Any]:
    from PySide6.QtCore import Qt, QTimer

    from workbench.shell import app, samples

    late: list[float] = []
    marks: dict[str, float] = {}
    costs: dict[str, list[float]] = {"tick": [], "redraw": []}
    answer: dict[str, Any] = {}
    seen = {"steps": 0, "epochs": 0}
    short = samples.sample_config

    def long_config(sample: Any) -> Any:
        """The run of one click, but with no end within the window that is measured."""
        config = short(sample)
        training = config.training.model_copy(update={"max_epochs": 100_000, "patience": 0})
        return config.model_copy(update={"training": training})

    samples.sample_config = long_config

    def painted(window: Any) -> None:
        session = window.session
        timer = QTimer(window)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(TIMER_MILLISECONDS)

        def tick() -> None:
            now = time.perf_counter()
            if "last" in marks:
                late.append(max(0.0, (now - marks["last"]) * 1000 - TIMER_MILLISECONDS))
            marks["last"] = now

        timer.timeout.connect(tick)

        def ready() -> None:
            if session.device and "click" not in marks:
                sample = next(one for one in session.catalogue.samples() if one.task == "tagging")
                marks["click"] = time.perf_counter()
                window.start_sample(sample.id)

        def arrived(events: list[Any]) -> None:
            kinds = [event.TYPE for event in events]
            if "step" in kinds and "first" not in marks:
                marks["first"] = time.perf_counter()
                # the plot has been made now; what follows is the steady state
                QTimer.singleShot(1500, window, begin)
                QTimer.singleShot(int(1500 + seconds * 1000), window, finish)
            if "sample" in kinds and "sample" not in marks:
                marks["sample"] = time.perf_counter()
            if timer.isActive():
                seen["steps"] += kinds.count("step")
                seen["epochs"] += kinds.count("epoch")
                if kinds:
                    marks["newest"] = time.perf_counter()

        def begin() -> None:
            _time_calls(session._training, "tick", costs["tick"])
            _time_calls(window.pages.stage("train")._pace, "_work", costs["redraw"])
            marks["begun"] = time.perf_counter()
            timer.start()

        def finish() -> None:
            timer.stop()
            silent = time.perf_counter() - marks.get("newest", 0.0)
            answer["valid"] = session.training and seen["steps"] > 0 and silent < MAXIMUM_SILENCE_SECONDS
            session.close(wait=True)
            window.close()

        session.device_changed.connect(ready)
        session.events_arrived.connect(arrived)
        QTimer.singleShot(int((120 + seconds) * 1000), window, window.close)

    app.run(on_painted=painted)
    ordered = sorted(late)
    answer.setdefault("valid", False)
    answer.update(
        {
            "timer_ms": TIMER_MILLISECONDS,
            "ticks": len(ordered),
            "steps": seen["steps"],
            "epochs": seen["epochs"],
            "late_p50_ms": _quantile(ordered, 0.50),
            "late_p99_ms": _quantile(ordered, 0.99),
            "late_worst_ms": _quantile(ordered, 1.0),
            "tick_cpu_p50_ms": _quantile(sorted(costs["tick"]), 0.50),
            "tick_cpu_worst_ms": _quantile(sorted(costs["tick"]), 1.0),
            "redraw_cpu_p50_ms": _quantile(sorted(costs["redraw"]), 0.50),
            "redraw_cpu_worst_ms": _quantile(sorted(costs["redraw"]), 1.0),
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else -1.0,
            "click_to_first_loss_s": _between(marks, "click", "first"),
            "click_to_first_answer_s": _between(marks, "click", "sample"),
        }
    )
    return answer


def _time_calls(owner: Any, name: str, into: list[float]) -> None:
    """Let each call of the method ``name`` leave the processor milliseconds of this thread that it took."""
    call = getattr(owner, name)

    def timed(*arguments: Any) -> Any:
        begun = time.thread_time()
        try:
            return call(*arguments)
        finally:
            into.append((time.thread_time() - begun) * 1000)

    setattr(owner, name, timed)
    if name == "tick":
        owner._timer.timeout.disconnect()
        owner._timer.timeout.connect(timed)


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else -1.0


def _between(marks: Mapping[str, float], first: str, second: str) -> float:
    return round(marks[second] - marks[first], 2) if first in marks and second in marks else -1.0


def main(arguments: list[str]) -> None:
    """The child processes' side, and a small command."""
    what = arguments[0] if arguments else "startup"
    if what == "first-paint":
        answer = _first_paint()
    elif what == "lateness" and len(arguments) > 1:
        answer = _lateness(float(arguments[1]))
    elif what == "lateness":
        answer = measure_lateness()
    else:
        answer = measure_startup()
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
