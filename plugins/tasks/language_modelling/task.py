"""Language modelling as the engine meets it: see :class:`workbench.nn.contract.TaskModel`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.language_modelling.codec import (
    LanguageCodec,
    as_text,
    check_records,
    fit_codec,
    unknown_words,
)
from workbench_plugins.tasks.language_modelling.embedder import LanguageEmbedder
from workbench_plugins.tasks.language_modelling.head import LanguageHead
from workbench_plugins.tasks.language_modelling.params import LanguageModellingParams
from workbench_plugins.tasks.language_modelling.reading import Judged, Prefix, judge, prefix_of, read
from workbench_plugins.tasks.language_modelling.report import StreamParts, build_report
from workbench_plugins.tasks.language_modelling.result import Continuation, LanguageModelResult
from workbench_plugins.tasks.language_modelling.scoring import Perplexity
from workbench_plugins.tasks.language_modelling.writing import Writing, write

from workbench.api import Record, Report, Result, WorkbenchError
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Head, Parts

MOST_UNKNOWN = 20
NEXT = 10


class LanguageModel:
    """Joins codec, embedder, head, reading and writing; it remembers its codec, to name the steps of a trace."""

    answer_options = ("length", "method", "temperature", "top_k", "top_p", "seed", "stop")

    def __init__(self, params: LanguageModellingParams) -> None:
        self.params = params
        self._codec: LanguageCodec | None = None

    def check(self, records: Iterable[Record]) -> None:
        check_records(records)

    def fit_codec(self, records: Iterable[Record]) -> LanguageCodec:
        self._codec = fit_codec(records, self.params)
        return self._codec

    def load_codec(self, data: Mapping[str, Any]) -> LanguageCodec:
        self._codec = LanguageCodec.from_json(data)
        return self._codec

    def embedder(self, codec: Codec) -> Embedder:
        self._codec = _own(codec)
        return LanguageEmbedder(self.params, len(self._codec))

    def head(self, codec: Codec, input_size: int) -> Head:
        own = _own(codec)
        if self.params.softmax == "adaptive" and len(own) < 100:
            raise WorkbenchError(
                f"A vocabulary of {len(own)} symbols is too small for an adaptive softmax.",
                why="It needs rare symbols to treat cheaply.",
                fix="Choose the full softmax.",
            )
        return LanguageHead(self.params, input_size, len(own))

    # -- answers --------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, parts: Parts, batch: Batch, records: Sequence[Record], options: DecodeOptions) -> list[Result]:
        """Each text read anew from its beginning, and written on as ``options.extra`` has it (see :class:`Writing`).

        ``n_best`` is how many continuations; ``alternatives`` how many likely symbols are told of every position.
        """
        codec, head = _own(parts.codec), parts.head
        assert isinstance(head, LanguageHead)
        writing = Writing.of(options.extra, codec.tokeniser.kind, options.n_best)
        texts = [as_text(record) for record in records]
        prefixes = [prefix_of(codec, text) for text in texts]
        judged, states = [], []
        device = batch.lengths.device if not batch.fields else next(iter(batch.fields.values())).device
        for prefix in prefixes:
            outputs, state = read(parts, codec, prefix, device)
            judged.append(
                judge(head, codec, outputs, prefix.ids.tolist(), expected=options.alternatives, following=NEXT)
            )
            states.append(state)
        written = write(parts, codec, [p.ids for p in prefixes], states, [j.following for j in judged], writing)
        return [
            _result(codec, text, prefix, found, continuations, writing)
            for text, prefix, found, continuations in zip(texts, prefixes, judged, written, strict=True)
        ]

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: Codec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        """The same answers without a continuation, from outputs that are there already."""
        own = _own(codec)
        assert isinstance(head, LanguageHead)
        results: list[Result] = []
        for row, record in enumerate(records):
            text = as_text(record)
            ids = own.tokeniser.encode(text)
            states = outputs[row, : len(ids) + 1]
            offsets = tuple(own.tokeniser.offsets(text))
            found = judge(head, own, states, ids.tolist(), expected=options.alternatives, following=NEXT)
            results.append(_result(own, text, Prefix(text, ids, offsets), found, (), None))
        return results

    # -- measures -------------------------------------------------------------------------------------------------

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        """Of texts by themselves, none of which knew the one before; a stream is reported by :meth:`report_stream`."""
        counting, records, tokens = Perplexity(), 0, 0
        for _id, record, _answer, loss in pairs:
            count = self._fitted().length(record)
            counting.update_loss(loss * count, count)
            records, tokens = records + 1, tokens + count
        return Report(split=split, n_records=records, n_tokens=tokens, metrics=counting.compute())

    def position_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> Tensor:
        assert isinstance(head, LanguageHead)
        return head.symbol_losses(outputs, encoded, batch)

    def report_stream(self, split: str, parts: StreamParts, codec: Codec) -> Report:
        return build_report(split, parts, _own(codec))

    # -- traces ---------------------------------------------------------------------------------------------------

    def steps(self, record: Record) -> tuple[str, ...]:
        """What is read: the end of what came before, the text, and all but the last symbol of its own end."""
        codec = self._fitted()
        ends = tuple(codec.shown(symbol) for symbol in codec.end_ids.tolist())
        text = as_text(record)
        shown = tuple(token.replace("\n", "⏎") for token in codec.tokeniser.tokens(text))
        return (*ends[-1:], *shown, *ends[:-1])

    def gold(self, record: Record, codec: Codec) -> NDArray[np.int64]:
        own = _own(codec)
        following: NDArray[np.int64] = np.concatenate([own.tokeniser.encode(as_text(record)), own.end_ids])
        return following

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        assert isinstance(head, LanguageHead)
        found: NDArray[np.float32] = head.log_probabilities(outputs).float().exp().detach().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        own = _own(codec)
        return tuple(own.shown(symbol) for symbol in range(len(own)))

    def _fitted(self) -> LanguageCodec:
        assert self._codec is not None, "the engine fits or loads the codec first"
        return self._codec


def _result(
    codec: LanguageCodec,
    text: str,
    prefix: Prefix,
    found: Judged,
    continuations: tuple[Continuation, ...],
    writing: Writing | None,
) -> LanguageModelResult:
    unknown = unknown_words(codec, prefix.text)
    notices = []
    if prefix.dropped:
        notices.append(
            f"Only the last {len(prefix.ids):,} of {len(prefix.ids) + prefix.dropped:,} "
            f"{'characters' if codec.by_character else 'tokens'} were read."
        )
    if unknown:
        named = ", ".join(f"“{word}”" for word in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        notices.append(f"Not in the model's vocabulary: {named}{more}; read as unknown.")
    first = continuations[0].text if continuations else ""
    whole = prefix.text if prefix.dropped else text
    if not codec.by_character and whole[-1:].isspace():
        whole = whole.rstrip() + ("" if first[:1].isspace() else " ")
    return LanguageModelResult(
        text=whole + first,
        prefix=prefix.text,
        tokens=tuple(token.replace("\n", "⏎") for token in prefix.tokens),
        offsets=prefix.offsets,
        log_probabilities=found.log_probabilities,
        ranks=found.ranks,
        expected=found.expected,
        next=found.next,
        continuations=continuations,
        unknown=unknown[:MOST_UNKNOWN],
        units=codec.tokeniser.kind,
        settings=writing.to_json() if writing is not None else {},
        notice=" ".join(notices),
    )


def _own(codec: Codec) -> LanguageCodec:
    if not isinstance(codec, LanguageCodec):
        raise TypeError(f"language modelling is given the codec of another task: {type(codec).__name__}")
    return codec
