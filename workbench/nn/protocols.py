"""What only some networks and tasks offer: optional protocols, found by ``isinstance``.

A module of :mod:`workbench.nn.contract` that has the methods of one of these is asked for what they give: carried
streams, windows of a series, free generation, calibration and so on. Whoever lacks them is treated
as the contract says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import Record, Report, Result
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoding, Head, Parts


@runtime_checkable
class Scheduled(Protocol):
    """A module whose behaviour depends on how far training is (teacher forcing, annealing): told before each step."""

    def at_step(self, step: int, total_steps: int) -> None: ...


@runtime_checkable
class SolvesReadout(Protocol):
    """A network with fixed weights whose linear readout is solved by ridge regression instead of gradient steps.

    ``washout`` first steps of a sequence are left out; ``ridges`` are tried on the validation split. ``blocks`` are
    spans of ``states`` that are solved each by itself and averaged (several reservoirs); ``solve`` is False where a
    gradient-trained head was asked for. """

    solve: bool
    washout: int
    ridges: tuple[float, ...]
    blocks: tuple[tuple[int, int], ...]


@runtime_checkable
class Forewarns(Protocol):
    """A network that knows of itself that it takes minutes: told to people before a training begins.

    ``forewarn`` answers with a sentence, or "", for a training on so many steps in all.
    """

    def forewarn(self, steps: int) -> str: ...


@runtime_checkable
class FeedsBack(Protocol):
    """A network that reads the answer of the step before beside the input of each: its ``x`` is (B, T, D + K).

    Its factory is called with ``feedback_size`` K besides, if its options ask for NUMERIC. The last K values of a step
    are the answer before it; NaN where the network is to hear its own. The engine writes them: the true ones while
    the readout is fitted, and hands over that readout once it is there.
    """

    feedback_size: int
    """K; 0 where these options feed nothing back."""

    def hear(self, readout: nn.Linear) -> None:
        """The map from ``states`` to answers. It must not be registered a second time (keep it in a list)."""
        ...

    def alarm(self) -> str:
        """A sentence where an answer that was fed back has left all reason since it was last asked, else ""."""
        ...


@runtime_checkable
class Examinable(Protocol):
    """A network that can say more of itself than a trace does (a reservoir: what it forgets and remembers)."""

    def examination(
        self, x: Tensor | None, lengths: Tensor, told: Callable[[int, int, str], None]
    ) -> dict[str, Any]:
        """Values for JSON, its "kind" among them, under inputs ``x`` (B, T, D) of the task (None: there are none).

        ``told(done, total, what)`` is called between the parts and may raise to cancel.
        """
        ...


@runtime_checkable
class KnowsGold(Protocol):
    """What a task may have besides: the gold answers of a record, for the loss of a single step in a trace."""

    def gold(self, record: Record, codec: Codec) -> NDArray[np.int64] | None:
        """(T,) indices into ``output_labels``, -1 for a label the model does not know; None without labels."""
        ...


@runtime_checkable
class AnswersInNumbers(Protocol):
    """A task that answers each step with numbers, so that they can be fed back (:class:`FeedsBack`).

    Its head has a ``readout`` of K outputs, and ``regression_targets`` (B, T, K) for it.
    """

    def answer_size(self, codec: Codec) -> int:
        """K."""
        ...

    def answers_before(self, batch: Batch) -> Tensor | None:
        """(B, T, K): the answer of the step before each, as far as it is known when the model is used (a series and
        its past), 0 where it is not; None where the network then hears its own."""
        ...


class Calibration(Protocol):
    """Told every batch of a validation once it is answered; ``finish`` writes what it found into the head's buffers."""

    def add(self, batch: Batch) -> None: ...

    def finish(self) -> None: ...


@runtime_checkable
class Calibrates(Protocol):
    """A task whose head keeps numbers that are found on the validation split (the widths of conformal intervals)."""

    def calibration(self, parts: Parts) -> Calibration: ...


@runtime_checkable
class Explains(Protocol):
    """A task that can say what its answers rest on: asked where ``options.extra`` has a true "explain"."""

    def explain(
        self, parts: Parts, batch: Batch, records: Sequence[Record], results: Sequence[Result], options: DecodeOptions
    ) -> list[Result]:
        """The results, with what each rests on; called without dropout and gradients, which it may switch on."""
        ...


@runtime_checkable
class KnowsOptions(Protocol):
    """A task whose answers can be asked for in several ways: the names it reads in ``DecodeOptions.extra``.

    Any other name is refused before the first answer. A task without it has none ("explain" is that of
    :class:`Explains`)."""

    answer_options: tuple[str, ...]


@runtime_checkable
class Generates(Protocol):
    """A task whose answers are written symbol by symbol (free run): the engine asks this instead of ``decode``.

    Validation uses it too, so that checkpoints are chosen by free-run metrics, beside the teacher-forced loss.
    """

    def generate(
        self, parts: Parts, batch: Batch, records: Sequence[Record], options: DecodeOptions
    ) -> list[Result]: ...


@runtime_checkable
class BeginsFromFile(Protocol):
    """An embedder whose weights begin from a file: told once when it is composed to be trained, not to be loaded."""

    def begin(self) -> None: ...


@runtime_checkable
class HoldsOut(Protocol):
    """An embedder that shows a training record without what the codec knows of that very record (counts of labels).

    In training mode it does so by itself. While a readout is solved on the training split it stands in evaluation mode,
    and ``fitting`` is True: what a record tells of its own answer would else be all that is learned.
    """

    fitting: bool


@runtime_checkable
class ReadsFiles(Protocol):
    """A task whose codec depends on files that its options name: a codec is kept only as long as they are the same."""

    def files_key(self) -> str:
        """What changes when they do; :class:`WorkbenchError` where one cannot be read."""
        ...


@runtime_checkable
class KnowsTargetLength(Protocol):
    """A codec of pairs that tells a target's length, so that batches of short sources with long targets are bounded."""

    def target_length(self, encoding: Encoding) -> int:
        """Steps that are written, the end among them; 0 without a target."""
        ...


@runtime_checkable
class KnowsWritten(Protocol):
    """What a task that :class:`Generates` may have besides: an answer as a target, to trace the decoder along it."""

    def written(self, encoding: Encoding, result: Result, codec: Codec) -> Encoding:
        """``encoding`` with what ``result`` says was written (and its end) in the place of the target."""
        ...


@runtime_checkable
class TiesWeights(Protocol):
    """A head that shares a weight with the embedder: told once, when both are built.

    It must not register the weight a second time (keep it in a list), or it would be saved twice.
    """

    def tie(self, embedder: Embedder) -> None: ...


@runtime_checkable
class Streams(Protocol):
    """A codec whose records follow one another as one running stream, learned from in chunks with carried state.

    The engine joins the encodings of a split (each one array named ``STREAM``) into one stream after ``stream_start``,
    lays it out in parallel rows, and hands ``collate`` pieces of ``chunk`` + ``overlap`` steps. The network's state is
    carried from chunk to chunk, detached; evaluation reads one stream from end to end.
    """

    STREAM: ClassVar[str]
    chunk: int
    overlap: int

    def stream_start(self) -> Encoding:
        """What comes before the first record (an end-of-sentence symbol)."""
        ...


@runtime_checkable
class StreamReports(Protocol):
    """What a task over streams has besides: its report, from the loss of every position."""

    def position_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> Tensor:
        """(B, T), zero beyond a length."""
        ...

    def report_stream(
        self, split: str, parts: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]], codec: Codec
    ) -> Report:
        """From the target symbols (T,) and their losses (T,), chunk by chunk in order."""
        ...


Role = Literal["train", "evaluate", "predict"]


@runtime_checkable
class Windows(Protocol):
    """A codec whose records are long and are learned from in many windows (a series and its forecasts).

    Each window is one example: :meth:`window_record` is its gold record, :meth:`window` its arrays (views).
    """

    def windows(self, encoding: Encoding, role: Role) -> NDArray[np.int64]:
        """(W, 2) start and stop of the windows of one encoded record; one, at its end, to ``predict``."""
        ...

    def window(self, encoding: Encoding, start: int, stop: int) -> Encoding: ...

    def window_length(self, start: int, stop: int) -> int:
        """Steps the network reads of it: the same for windows of one width."""
        ...

    def window_record(self, record: Record, start: int, stop: int) -> Record: ...


@runtime_checkable
class CutsWindows(Protocol):
    """A codec with :class:`Windows` that cuts those of a whole batch at once: on small networks much of a step.

    All its windows have one size: as many rows, steps and units, so that a batch may be divided between windows.
    """

    def collate_windows(
        self, encodings: Sequence[Encoding], rows: NDArray[np.int64], spans: NDArray[np.int64]
    ) -> Batch:
        """What ``collate`` makes of window ``spans[i]`` of record ``rows[i]``, for every i."""
        ...


@runtime_checkable
class SplitsInTime(Protocol):
    """A task whose records are all in every split, each cut by time; it may decline by ``splits_in_time`` False."""

    splits_in_time: bool

    def part(self, record: Record, split: str) -> Record | None:
        """The part of ``record`` that is in "train", "validation" or "test"; None where nothing is."""
        ...
