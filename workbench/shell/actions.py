"""Every action of the window in one table: what it is called, its keys, and what it does there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

STAGES: tuple[tuple[str, str], ...] = (
    ("data", "Data"),
    ("model", "Model"),
    ("train", "Train"),
    ("evaluate", "Evaluate"),
    ("use", "Use"),
    ("explain", "Explain"),
)


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """``method`` is called on the window, with ``argument`` if there is one."""

    id: str
    title: str
    group: str
    keys: str = ""
    method: str = ""
    argument: str = ""
    tip: str = ""


def _stage_actions() -> tuple[ActionSpec, ...]:
    return tuple(
        ActionSpec(f"stage.{name}", f"Go to {title}", "Stages", f"Ctrl+{number}", "show_stage", name)
        for number, (name, title) in enumerate(STAGES, 1)
    )


ACTIONS: tuple[ActionSpec, ...] = (
    *_stage_actions(),
    ActionSpec("stage.welcome", "Go to the welcome page", "Stages", "Ctrl+0", "show_stage", "welcome"),
    ActionSpec("project.new", "New project…", "Project", "Ctrl+Shift+N", "ask_new_project"),
    ActionSpec("project.open", "Open project…", "Project", "Ctrl+O", "ask_open_project"),
    ActionSpec("project.close", "Close project", "Project", "", "close_project"),
    ActionSpec("data.import", "Open my data…", "Project", "Ctrl+I", "ask_import"),
    ActionSpec("run.train", "Train", "Run", "F5", "train", tip="Train the model as it is set up now"),
    ActionSpec("run.pause", "Pause", "Run", "Ctrl+.", "pause_or_resume", tip="Pause after this step"),
    ActionSpec("run.stop", "Stop and keep best", "Run", "Shift+F5", "stop", tip="End here and keep the best model"),
    ActionSpec("run.resume", "Resume", "Run", "Ctrl+F5", "resume", tip="Go on from the last checkpoint"),
    ActionSpec("run.discard", "Discard the run…", "Run", "", "discard", tip="Stop and throw away what was trained"),
    ActionSpec("run.export", "Export the model…", "Run", "", "export_model", tip="The model as one file to hand on"),
    ActionSpec("edit.undo", "Undo", "Edit", "Ctrl+Z", "undo"),
    ActionSpec("edit.redo", "Redo", "Edit", "Ctrl+Shift+Z", "redo"),
    ActionSpec(
        "model.compare", "Compare architectures…", "View", "", "show_comparison", tip="What each is for, and measured"
    ),
    ActionSpec("view.palette", "Find an action…", "View", "Ctrl+K", "show_palette"),
    ActionSpec("view.next_dock", "Go to the next panel", "View", "F6", "focus_next_dock"),
    ActionSpec("view.project", "Show or hide the project panel", "View", "Ctrl+Alt+1", "toggle_dock", "dock.project"),
    ActionSpec("view.inspector", "Show or hide the inspector", "View", "Ctrl+Alt+2", "toggle_dock", "dock.inspector"),
    ActionSpec("view.bottom", "Show or hide the bottom panel", "View", "Ctrl+Alt+3", "toggle_dock", "dock.bottom"),
    ActionSpec("view.monitor", "Show the run monitor", "View", "", "show_bottom", "monitor"),
    ActionSpec("view.log", "Show the log", "View", "", "show_bottom", "log"),
    ActionSpec("view.problems", "Show the problems", "View", "Ctrl+Shift+M", "show_bottom", "problems"),
    ActionSpec("layout.learn", "Layout: learn", "View", "", "use_layout", "learn", "Large stage, few panels"),
    ActionSpec("layout.work", "Layout: work", "View", "", "use_layout", "work", "All panels open"),
    ActionSpec("layout.reset", "Reset the layout", "View", "", "use_layout", "reset"),
    ActionSpec("theme.system", "Theme: follow the system", "Theme", "", "set_theme", "system"),
    ActionSpec("theme.light", "Theme: light", "Theme", "", "set_theme", "light"),
    ActionSpec("theme.dark", "Theme: dark", "Theme", "", "set_theme", "dark"),
    ActionSpec("theme.high_contrast", "Theme: high contrast, dark", "Theme", "", "set_theme", "high_contrast"),
    ActionSpec(
        "theme.high_contrast_light", "Theme: high contrast, light", "Theme", "", "set_theme", "high_contrast_light"
    ),
    ActionSpec("text.larger", "Larger text", "Theme", "Ctrl++", "scale_text", "+"),
    ActionSpec("text.smaller", "Smaller text", "Theme", "Ctrl+-", "scale_text", "-"),
    ActionSpec("text.normal", "Normal text size", "Theme", "Ctrl+=", "scale_text", "0"),
    ActionSpec("help.open", "Help for this view", "Help", "F1", "show_help"),
    ActionSpec("help.shortcuts", "Shortcuts of this view", "Help", "?", "show_shortcuts"),
    ActionSpec("app.quit", "Quit", "Project", "Ctrl+Q", "close"),
)


def shortcuts(overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """Action id → keys in portable text, with the person's own in place of the defaults."""
    own = overrides or {}
    return {spec.id: own.get(spec.id, spec.keys) for spec in ACTIONS}


def conflicts(keys: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Keys that more than one action claims → the actions' ids."""
    claimed: dict[str, list[str]] = {}
    for action, text in keys.items():
        normal = QKeySequence(text).toString(QKeySequence.SequenceFormat.PortableText)
        if normal:
            claimed.setdefault(normal, []).append(action)
    return {text: tuple(ids) for text, ids in claimed.items() if len(ids) > 1}
