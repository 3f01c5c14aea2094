"""Stage Data: import, see, label, mend, divide and export a dataset."""

from workbench.shell.stages.data.stage import DataStage

__all__ = ["DataStage"]
