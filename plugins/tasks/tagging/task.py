"""The tagging task as the engine meets it: see :class:`workbench.nn.contract.TaskModel`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.tagging.codec import TaggingCodec, as_tagged
from workbench_plugins.tasks.tagging.decode import decode_batch
from workbench_plugins.tasks.tagging.embedder import TaggingEmbedder
from workbench_plugins.tasks.tagging.fitting import check_records, fit_codec
from workbench_plugins.tasks.tagging.head import TaggingHead
from workbench_plugins.tasks.tagging.params import TaggingParams
from workbench_plugins.tasks.tagging.report import build_report

from workbench.api import Record, Report, Result
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Head
from workbench.nn.vectors import fingerprint_of


class TaggingModel:
    """Joins codec, embedder, head, decoding and report; it remembers its codec, to know unknown words in reports."""

    def __init__(self, params: TaggingParams) -> None:
        self.params = params
        self._codec: TaggingCodec | None = None

    def check(self, records: Iterable[Record]) -> None:
        check_records(records, self.params.layer)

    def fit_codec(self, records: Iterable[Record]) -> TaggingCodec:
        self._codec = fit_codec(records, self.params)
        return self._codec

    def files_key(self) -> str:
        """The codec knows which words the vector file has."""
        return fingerprint_of(self.params.vectors) if self.params.vectors else ""

    def load_codec(self, data: Mapping[str, Any]) -> TaggingCodec:
        self._codec = TaggingCodec.from_json(data)
        return self._codec

    def embedder(self, codec: Codec) -> Embedder:
        self._codec = _own(codec)  # a model may be composed around a codec that another instance has fitted
        return TaggingEmbedder(self.params, self._codec)

    def head(self, codec: Codec, input_size: int) -> Head:
        return TaggingHead(self.params, _own(codec), input_size)

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
        assert isinstance(head, TaggingHead)
        sentences = [as_tagged(record) for record in records]
        return list(decode_batch(outputs, batch.lengths, head, _own(codec), sentences, options))

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        codec = self._codec
        if codec is None:
            return build_report(split, pairs)
        return build_report(split, pairs, codec.knows, codec.has_vector if codec.pretrained is not None else None)

    def steps(self, record: Record) -> tuple[str, ...]:
        return as_tagged(record).tokens

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        assert isinstance(head, TaggingHead)
        found: NDArray[np.float32] = head.probabilities(outputs, batch.lengths).detach().cpu().numpy()
        return found

    def gold(self, record: Record, codec: Codec) -> NDArray[np.int64] | None:
        own = _own(codec)
        tags = as_tagged(record).layers.get(own.layer)
        return None if tags is None else own.label_ids(tags)

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return _own(codec).labels


def _own(codec: Codec) -> TaggingCodec:
    if not isinstance(codec, TaggingCodec):
        raise TypeError(f"tagging is given the codec of another task: {type(codec).__name__}")
    return codec
