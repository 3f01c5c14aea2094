"""Stage Explain: what the network does inside, one step after another."""

from workbench.shell.stages.explain.stage import ExplainStage

__all__ = ["ExplainStage"]
