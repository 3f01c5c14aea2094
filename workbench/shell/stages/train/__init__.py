"""The Train stage: the curve, the numbers, and the network's answers getting better beside them."""

from workbench.shell.stages.train.stage import TrainStage

__all__ = ["TrainStage"]
