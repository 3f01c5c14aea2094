"""Writing tagged sentences as JSON objects, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.importers.jsonl_spans.parse import token_offsets

from workbench.api import StoredRecord, TaggedTokens, WorkbenchError
from workbench.api.schemes import Scheme, from_iob2, spans


def write(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """Write ``records`` to ``path``.

    Sentences of a JSON Lines file keep their object's other keys. Others become {"text", "spans", "tokens"} with the
    spans of ``options["layer"]`` (or the first span layer) as [start, end, label] and every layer's tags.
    """
    sources = [source if source.get("kind") == "jsonl" else None for source in format.get("sources", [])]
    first = next((source for source in sources if source is not None), None)
    encoding, bom = (first["encoding"], first["bom"]) if first else ("utf-8", False)
    span_layers = [name for name, layer in layers.items() if layer.get("kind") == "span"]
    layer = str(options.get("layer") or ("ner" if "ner" in span_layers else next(iter(span_layers), "")))
    with path.open("w", encoding=encoding, newline="", errors="strict") as file:
        if bom:
            file.write("\ufeff")
        file.writelines(_texts(records, sources, layer))


def _texts(records: Iterable[StoredRecord], sources: list[Mapping[str, Any] | None], layer: str) -> Iterator[str]:
    previous, ended, newline = -1, True, "\n"
    for stored in records:
        source = sources[stored.source] if 0 <= stored.source < len(sources) else None
        if not isinstance(stored.record, TaggedTokens):
            raise WorkbenchError("Only tagged sentences can be written as JSON Lines with spans.")
        if source is None or not stored.raw:
            text = json.dumps(_fresh(stored.record, layer), ensure_ascii=False) + newline
        elif stored.edited:
            text = _rewritten(stored.raw, stored.record, source)
        else:
            text = stored.raw
        if not ended:
            yield newline
        if stored.source != previous:
            yield _tail(sources, previous)
            previous = stored.source
        yield text
        ended = text.endswith(("\n", "\r"))
        newline = str(source["newline"]) if source else newline
    yield _tail(sources, previous)


def _tail(sources: list[Mapping[str, Any] | None], source: int) -> str:
    found = sources[source] if 0 <= source < len(sources) else None
    return str(found.get("tail", "")) if found else ""


def _fresh(record: TaggedTokens, layer: str) -> dict[str, Any]:
    text = " ".join(record.tokens)
    value: dict[str, Any] = {"text": text}
    if layer in record.layers:
        value["spans"] = [list(span) for span in _character_spans(text, record, layer)]
    return {**value, "tokens": list(record.tokens), **{name: list(tags) for name, tags in record.layers.items()}}


def _character_spans(text: str, record: TaggedTokens, layer: str) -> list[tuple[int, int, str]]:
    placed = token_offsets(text, record.tokens)
    return [(placed[start][1], placed[end - 1][2], label) for start, end, label in spans(record.layers[layer])]


def _rewritten(raw: str, record: TaggedTokens, source: Mapping[str, Any]) -> str:
    """The source line's object with text and labels replaced, in its own manner of writing."""
    line = raw.lstrip("\r\n")
    before, body = raw[: len(raw) - len(line)], line.rstrip("\r\n")
    value: dict[str, Any] = json.loads(body)
    layer, text_key, label_key = str(source["layer"]), str(source["text_key"]), str(source["label_key"])
    if source["tokens"]:
        value[text_key] = list(record.tokens)
        value[label_key] = list(from_iob2(record.layers[layer], Scheme(source["scheme"])))
    else:
        if [token for token, _, _ in token_offsets(value[text_key])] != list(record.tokens):
            value[text_key] = " ".join(record.tokens)
        found = _character_spans(value[text_key], record, layer)
        old = value.get(label_key) or []
        known = {(item["start"], item["end"]): item for item in old if isinstance(item, dict)}
        if known:
            value[label_key] = [
                {**known.get((s, e), {}), "start": s, "end": e, "label": label} for s, e, label in found
            ]
        else:
            value[label_key] = [[start, end, label] for start, end, label in found]
    spaced = '": ' in body or '", ' in body
    separators = (", ", ": ") if spaced else (",", ":")
    plain = json.dumps(value, ensure_ascii=body.isascii() and "\\u" in body, separators=separators)
    return before + plain + line[len(body) :]
