"""Records that the task cuts in time: how many of their steps are in each split, counted off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.api import SPLITS, Record, TimeCut, WorkbenchError

if TYPE_CHECKING:
    from workbench.shell.session import Session


def cut_of_task(session: Session) -> TimeCut | None:
    """How the draft's task can cut the records of the dataset in time; None where it cannot."""
    task, dataset = session.task, session.dataset
    ref = getattr(task, "time_cut", None)
    if task is None or dataset is None or ref is None or task.record != dataset.record:
        return None
    try:
        found: TimeCut = ref.resolve()()
    except WorkbenchError as error:
        session.problems.report(session.catalogue.owner(task), "cut in time", error)
        return None
    return found


def time_cut(session: Session) -> TimeCut | None:
    """How the draft cuts the records of the dataset in time; None where its options keep them whole."""
    cut = cut_of_task(session)
    return cut if cut is not None and session.config is not None and cut.cuts(session.config.task.params) else None


def parts_in_time(cut: TimeCut, session: Session) -> Callable[[Record], str]:
    """Says of a record how many of its steps are in each split, as the draft cuts it now; "" where it cannot be cut."""
    options: dict[str, Any] = dict(session.config.task.params) if session.config is not None else {}

    def parts(record: Record) -> str:
        try:
            steps = cut.steps(record, options)
        except WorkbenchError:  # a date that is none: the Model stage and the training say so
            return ""
        return " · ".join(f"{split or 'unused'} {count:,}" for split, count in steps.items() if count)

    return parts


class StepCounts:
    """Split → steps over all records, counted once for each state of data and options."""

    def __init__(self, session: Session, show: Callable[[Mapping[str, int]], object]) -> None:
        self._session, self._show = session, show
        self._wanted: object = None

    def forget(self) -> None:
        self._wanted = None

    def count(self, cut: TimeCut) -> None:
        """Count in the background, and show it unless something else is wanted by then."""
        session = self._session
        dataset, project, config = session.dataset, session.project, session.config
        if dataset is None or project is None or config is None:
            return
        options: dict[str, Any] = dict(config.task.params)
        wanted = (str(project.path), dataset.id, dataset.revision, repr(options))
        if wanted == self._wanted:
            return
        self._wanted = wanted
        store = project.store

        def work(_progress: object, cancelled: Callable[[], bool]) -> dict[str, int]:
            total = dict.fromkeys((*SPLITS, ""), 0)
            for stored in store.iterate(dataset.id):
                if cancelled():
                    break
                for split, steps in cut.steps(stored.record, options).items():
                    total[split] = total.get(split, 0) + steps
            return total

        def done(total: Mapping[str, int]) -> None:
            if self._wanted == wanted:
                self._show(total)

        def failed(_error: WorkbenchError) -> None:
            """A date that is none: the Model stage and the training say so."""
            if self._wanted == wanted:
                self._show({})

        session.run_in_background(work, done, failed, title="Counting steps", quiet=True)
