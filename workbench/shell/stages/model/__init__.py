"""Stage Model: which network, how large, what its cell computes, and how it runs through time."""

from workbench.shell.stages.model.stage import ModelStage

__all__ = ["ModelStage"]
