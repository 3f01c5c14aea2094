"""Writing a translation: greedy in validation, by a beam else; forced prefixes, alternatives, copied unknowns."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.translation.codec import TranslationCodec
from workbench_plugins.tasks.translation.params import TranslationParams

from workbench.api import Alternative, TextPair, Translation, WorkbenchError
from workbench.nn.contract import Batch, DecodeOptions, EncoderDecoder, Parts
from workbench.nn.decoding import DecoderStepper, Decoding, Hypothesis, Symbols, copy_unknowns, decode
from workbench.nn.text import END, PAD, START, UNKNOWN, Piece

SYMBOLS = Symbols(start=START, end=END, unknown=UNKNOWN, never=(PAD,))


class Writer:
    """Asks a model for its answers. ``options.extra`` may hold what :class:`~workbench.nn.decoding.Decoding` knows
    (beam, temperature, seed, no_repeat, …) and ``prefix``, a text every answer begins with."""

    def __init__(self, params: TranslationParams) -> None:
        self.params = params
        self._written: tuple[str, tuple[int, ...]] | None = None

    def write(
        self, parts: Parts, batch: Batch, pairs: Sequence[TextPair], options: DecodeOptions
    ) -> list[Translation]:
        network, codec = parts.network, parts.codec
        assert isinstance(network, EncoderDecoder)
        assert isinstance(codec, TranslationCodec)
        chosen = self.decoding(options)
        stepper = DecoderStepper(parts)
        inputs = parts.embedder(batch)
        # what one answers does not depend on what else is in the batch, so neither do its bound and its random numbers
        known: dict[str, Any] = {
            "keys": [zlib.crc32(pair.source.encode()) for pair in pairs],
            "max_lengths": [self._bound(codec, int(length)) for length in batch.lengths.tolist()],
        }
        forced: list[str] = []
        if prefix := str(options.extra.get("prefix") or ""):
            forced = [piece.symbol for piece in codec.target.pieces(prefix)]
            _check_length(len(forced), codec)
            known["prefixes"] = [codec.target_ids(prefix).tolist()] * len(pairs)
        begun = stepper.start(network.read(inputs.source, batch.lengths), **known)
        found = decode(stepper, begun, chosen, SYMBOLS)
        answers = [
            self._answer(codec, each, pair, options.probabilities, forced)
            for each, pair in zip(found, pairs, strict=True)
        ]
        if len(answers) == 1:
            self._written = (answers[0].text, found[0][0].tokens)
        return answers

    def decoding(self, options: DecodeOptions) -> Decoding:
        """Greedy where only the text is asked for (validation in training), else as the parameters and extras say."""
        params = self.params
        defaults: dict[str, Any] = {
            "method": "beam" if options.probabilities and params.beam > 1 else "greedy",
            "beam": max(params.beam, options.n_best),
            "n_best": max(1, options.n_best),
            "max_length": params.max_length,
            "length_penalty": params.length_penalty,
            "alpha": params.alpha,
        }
        return Decoding.of(options.extra, **defaults)

    def plain(self, codec: TranslationCodec, ids: Sequence[int], pair: TextPair) -> Translation:
        """An answer of given symbols, with nothing else known of it."""
        symbols = _symbols(codec, ids)
        return Translation(text=codec.target.join(symbols), tokens=_shown(symbols))

    def ids_of(self, result: Translation, codec: TranslationCodec) -> NDArray[np.int64]:
        """The symbols of an answer: those that were written, where it is the last one, else its text cut anew."""
        if self._written is not None and self._written[0] == result.text:
            return np.array(self._written[1], dtype=np.int64)
        return codec.target_ids(result.text)

    def _bound(self, codec: TranslationCodec, source_length: int) -> int:
        """Symbols an answer may have: in proportion to its source, more where the target is cut finer."""
        finer = 8 if codec.target.kind == "characters" and codec.source.kind != "characters" else 1
        return min(self.params.max_length, finer * (3 * source_length + 20))

    def _answer(
        self,
        codec: TranslationCodec,
        hypotheses: Sequence[Hypothesis],
        pair: TextPair,
        full: bool,
        forced: Sequence[str] = (),
    ) -> Translation:
        best = hypotheses[0]
        pieces = codec.source.pieces(pair.source)[: codec.max_length - 1]
        texts = [self._symbols(codec, one, pieces, forced) for one in hypotheses]
        if not full:
            return Translation(text=codec.target.join(texts[0]), tokens=_shown(texts[0]), score=best.score)
        attention = None
        if best.attention is not None:
            attention = tuple(tuple(round(float(a), 5) for a in row) for row in best.attention)
        others = [
            Alternative(codec.target.join(symbols), _shown(symbols), one.score)
            for symbols, one in zip(texts, hypotheses, strict=True)
        ]
        return Translation(
            text=others[0].text,
            tokens=others[0].tokens,
            score=best.score,
            log_probability=best.log_probability,
            token_log_probabilities=best.step_log_probabilities,
            source_tokens=codec.source_tokens(pair.source),
            attention=attention,
            n_best=tuple(others) if len(others) > 1 else (),
            source=pair.source,
        )

    def _symbols(
        self, codec: TranslationCodec, written: Hypothesis, pieces: Sequence[Piece], forced: Sequence[str]
    ) -> list[str]:
        symbols = _symbols(codec, written.tokens)
        if self.params.copy_unknown and UNKNOWN in written.tokens:
            source = [piece.symbol for piece in pieces]
            symbols = list(copy_unknowns(symbols, codec.target.symbols[UNKNOWN], written.attention, source))
        # What was asked for stands there as it was written, the model may know it or not.
        known = forced[: len(symbols)]
        return [*known, *symbols[len(known) :]]


def _check_length(symbols: int, codec: TranslationCodec) -> None:
    """:class:`WorkbenchError` for a prefix longer than any sentence the model reads: it would be read step by step."""
    if symbols > codec.max_length:
        raise WorkbenchError(
            f"The beginning of the answer has {symbols:,} symbols; this model takes {codec.max_length:,} at most.",
            why="Every answer is written after it, one symbol at a time.",
            fix="Give only the first words of the answer.",
        )


def _symbols(codec: TranslationCodec, ids: Iterable[int]) -> list[str]:
    known = codec.target.symbols
    return [known[i] for i in ids if i not in (PAD, START, END)]


def _shown(symbols: Iterable[str]) -> tuple[str, ...]:
    """Symbols as they are read: without the marks that say where they touch or where a space stands."""
    return tuple(symbol.strip("￭▁") or symbol.replace("▁", "·") for symbol in symbols)
