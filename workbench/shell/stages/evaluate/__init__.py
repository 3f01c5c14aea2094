"""Stage Evaluate: how good the model is, where it errs, and the way from an error to its record."""

from workbench.shell.stages.evaluate.stage import EvaluateStage

__all__ = ["EvaluateStage"]
