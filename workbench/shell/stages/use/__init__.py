"""Stage Use: ask the model, one sentence or a whole file."""

from workbench.shell.stages.use.stage import UseStage

__all__ = ["UseStage"]
