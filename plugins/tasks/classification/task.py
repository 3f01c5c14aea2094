"""The classification task as the engine meets it: see :class:`workbench.nn.contract.TaskModel`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from workbench_plugins.tasks.classification.codec import ClassificationCodec, as_labelled, check_records
from workbench_plugins.tasks.classification.embedder import TextEmbedder
from workbench_plugins.tasks.classification.head import ClassificationHead
from workbench_plugins.tasks.classification.params import ClassificationParams
from workbench_plugins.tasks.classification.report import build_report
from workbench_plugins.tasks.classification.saliency import saliency

from workbench.api import ClassProbabilities, Record, Report, Result
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Head, Parts
from workbench.nn.protocols import Calibration
from workbench.nn.vectors import fingerprint_of


class ClassificationModel:
    """Joins codec, embedder, head, decoding and report; it remembers its codec and head for traces and reports."""

    def __init__(self, params: ClassificationParams) -> None:
        self.params = params
        self._codec: ClassificationCodec | None = None
        self._head: ClassificationHead | None = None

    def check(self, records: Iterable[Record]) -> None:
        check_records(records)

    def fit_codec(self, records: Iterable[Record]) -> ClassificationCodec:
        self._codec = ClassificationCodec.fit(records, self.params)
        return self._codec

    def files_key(self) -> str:
        """The codec knows which words the vector file has."""
        return fingerprint_of(self.params.vectors) if self.params.vectors else ""

    def load_codec(self, data: Mapping[str, Any]) -> ClassificationCodec:
        self._codec = ClassificationCodec.from_json(data)
        return self._codec

    def embedder(self, codec: Codec) -> Embedder:
        self._codec = _own(codec)
        return TextEmbedder(self.params, self._codec)

    def head(self, codec: Codec, input_size: int) -> Head:
        self._head = ClassificationHead(self.params, _own(codec), input_size)
        return self._head

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
        assert isinstance(head, ClassificationHead)
        labels = _own(codec).labels
        rows = head.scaled(outputs).softmax(1).tolist()
        results: list[Result] = []
        for row in rows:
            best = max(range(len(row)), key=row.__getitem__)
            results.append(ClassProbabilities(labels[best], dict(zip(labels, row, strict=True))))
        return results

    def calibration(self, parts: Parts) -> Calibration:
        return _Calibration(parts)

    def explain(
        self, parts: Parts, batch: Batch, records: Sequence[Record], results: Sequence[Result], options: DecodeOptions
    ) -> list[Result]:
        """The results with their steps and what each adds to the answer."""
        codec = _own(parts.codec)
        explained: list[Result] = []
        for row, (record, result) in enumerate(zip(records, results, strict=True)):
            assert isinstance(result, ClassProbabilities)
            found = saliency(parts, batch, row, codec.labels.index(result.label))
            tokens = codec.tokens(as_labelled(record).text)
            explained.append(ClassProbabilities(result.label, result.probabilities, tokens, found))
        return explained

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        temperature = float(self._head.temperature) if self._head is not None else 1.0
        return build_report(split, pairs, temperature, self._codec)

    def steps(self, record: Record) -> tuple[str, ...]:
        text = as_labelled(record).text
        return self._codec.tokens(text) if self._codec is not None else tuple(text.split())

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """What the answer would be, had the text ended at each step."""
        assert isinstance(head, ClassificationHead)
        found: NDArray[np.float32] = head.so_far(encoded).float().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return _own(codec).labels


class _Calibration:
    """The scores of a validation split with their labels, for the temperature."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._outputs: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, batch: Batch) -> None:
        head = self._parts.head
        if isinstance(head, ClassificationHead) and head.calibrates:
            network: nn.Module = self._parts.network
            encoded: Encoded = network(self._parts.embedder(batch), batch.lengths)
            self._outputs.append(head(encoded, batch).float())
            self._labels.append(batch.fields["labels"])

    def finish(self) -> None:
        head = self._parts.head
        if self._outputs and isinstance(head, ClassificationHead):
            head.calibrate(torch.cat(self._outputs), torch.cat(self._labels))


def _own(codec: Codec) -> ClassificationCodec:
    if not isinstance(codec, ClassificationCodec):
        raise TypeError(f"classification is given the codec of another task: {type(codec).__name__}")
    return codec
