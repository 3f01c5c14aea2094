"""The translation task as the engine meets it: see :class:`workbench.nn.contract.TaskModel`; it also generates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.translation.codec import TranslationCodec, as_pair
from workbench_plugins.tasks.translation.embedder import TranslationEmbedder
from workbench_plugins.tasks.translation.fitting import check_records, fit_codec
from workbench_plugins.tasks.translation.params import TranslationParams
from workbench_plugins.tasks.translation.report import build_report
from workbench_plugins.tasks.translation.writing import Writer

from workbench.api import Record, Report, Result, Translation
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoding, Head, Parts, SymbolHead
from workbench.nn.decoding import Decoding
from workbench.nn.heads import VocabularyHead


class TranslationModel:
    """Joins codec, embedder, head and writing; it remembers its codec, to name the steps of a record."""

    answer_options = (*Decoding.names(), "prefix")

    def __init__(self, params: TranslationParams) -> None:
        self.params = params
        self._codec: TranslationCodec | None = None
        self._writer = Writer(params)

    def check(self, records: Iterable[Record]) -> None:
        check_records(records)

    def fit_codec(self, records: Iterable[Record]) -> TranslationCodec:
        self._codec = fit_codec(records, self.params)
        return self._codec

    def load_codec(self, data: Mapping[str, Any]) -> TranslationCodec:
        self._codec = TranslationCodec.from_json(data)
        return self._codec

    def embedder(self, codec: Codec) -> Embedder:
        self._codec = own(codec)
        return TranslationEmbedder(self.params, self._codec)

    def head(self, codec: Codec, input_size: int) -> Head:
        return VocabularyHead(
            input_size,
            len(own(codec).target),
            targets="gold",
            label_smoothing=self.params.label_smoothing,
            dropout=self.params.output_dropout,
            tied=self.params.tied,
            embedding_size=self.params.embedding_size,
        )

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
        """The most probable symbol of each teacher-forced step (:meth:`generate` writes freely)."""
        assert isinstance(head, SymbolHead)
        best = head.log_probabilities(outputs).argmax(-1).tolist()
        return [
            self._writer.plain(own(codec), row[: length - 1], as_pair(record))
            for row, length, record in zip(best, encoded.lengths.tolist(), records, strict=True)
        ]

    def generate(self, parts: Parts, batch: Batch, records: Sequence[Record], options: DecodeOptions) -> list[Result]:
        return list(self._writer.write(parts, batch, [as_pair(record) for record in records], options))

    def written(self, encoding: Encoding, result: Result, codec: Codec) -> Encoding:
        assert isinstance(result, Translation)
        return {**encoding, "target": self._writer.ids_of(result, own(codec)).astype(np.int32)}

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        return build_report(split, pairs, self._codec)

    def steps(self, record: Record) -> tuple[str, ...]:
        source = as_pair(record).source
        return tuple(source.split()) if self._codec is None else self._codec.source_tokens(source)

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        assert isinstance(head, SymbolHead)
        found: NDArray[np.float32] = head.log_probabilities(outputs).exp().detach().float().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return own(codec).target.symbols


def own(codec: Codec) -> TranslationCodec:
    if not isinstance(codec, TranslationCodec):
        raise TypeError(f"translation is given the codec of another task: {type(codec).__name__}")
    return codec


