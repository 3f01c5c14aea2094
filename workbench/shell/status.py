"""Words for the device chip and the right end of the status line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.shell.run_view import RunView
    from workbench.shell.session import Session


def device_words(device: Mapping[str, Any], view: RunView) -> tuple[str, str]:
    """What the chip says, and why: of the run in training, else of the worker's ready message."""
    if view.is_live and view.started is not None:
        return _short(view.started.device, view.started.threads), view.device_text()
    if not device:
        return "Warming up", "The worker process that trains is starting; this takes some seconds once."
    chosen = device.get("device", "cpu")
    if isinstance(chosen, Mapping):
        name, reason = str(chosen.get("title") or chosen.get("id", "cpu")), str(chosen.get("reason", ""))
    else:
        name, reason = str(chosen), str(device.get("reason") or device.get("device_reason") or "")
    threads = int(device.get("threads", 0) or 0)
    short = _short(name, threads)
    return short, f"{short}: {reason}" if reason else f"{short}, chosen when training starts"


def _short(name: str, threads: int) -> str:
    upper = "CPU" if name.lower() == "cpu" else name
    if "thread" in name:
        return upper
    if name.lower().startswith("cpu") and threads:
        return f"{upper} · {threads} thread{'' if threads == 1 else 's'}"
    return upper


def facts_text(session: Session, saved_at: str) -> str:
    """"autosaved 12:03 · GRU 72,512 parameters · seed 7"."""
    parts: list[str] = []
    if session.project is not None:
        if getattr(session.project, "read_only", False):
            parts.append("read only")
        else:
            parts.append(f"autosaved {saved_at}" if saved_at else "autosaved")
    config, parameters = session.config, session.size.parameters
    if config is not None:
        architecture = session.architecture
        if parameters is not None:
            title = architecture.title if architecture is not None else config.architecture.id
            parts.append(f"{title} {parameters:,} parameters")
        parts.append(f"seed {config.training.seed}")
    return " · ".join(parts)
