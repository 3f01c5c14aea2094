"""Records: one example of a dataset, as plain frozen values that JSON can hold.

A record type is a frozen dataclass with a ``KIND``, ``to_json`` and ``from_json``; :class:`RecordType` describes it to
the store and the shell. ``TaggedTokens``, ``Text`` and ``LabelledText`` are here; a task that needs another one
declares its own the same way and names it in its :class:`~workbench.api.contributions.Task`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from workbench.api.series import Series
from workbench.api.trees import LabelledTree


@runtime_checkable
class Record(Protocol):
    """What the store, editors and codecs ask of every record type."""

    KIND: ClassVar[str]

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self: ...

    def search_text(self) -> str:
        """The text a full-text search looks through."""
        ...

    def labels(self) -> dict[str, frozenset[str]]:
        """Layer → labels that occur, for filtering; types without labels give ``{}``."""
        ...

    def size(self) -> int:
        """Length in steps (tokens, frames, characters), for statistics and batching."""
        ...


def _freeze(layers: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({name: tuple(tags) for name, tags in layers.items()})


@dataclass(frozen=True, slots=True)
class TaggedTokens:
    """A sentence: ``tokens`` and any number of label ``layers``, each with one label for every token.

    Span layers (NER, chunks) hold IOB2 labels (``B-PER I-PER O``) whatever the file had; plain layers (POS) any text.
    """

    KIND: ClassVar[str] = "tagged_tokens"

    tokens: tuple[str, ...]
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(self.tokens))
        object.__setattr__(self, "layers", _freeze(self.layers))
        for name, tags in self.layers.items():
            if len(tags) != len(self.tokens):
                raise ValueError(f"layer {name!r} has {len(tags)} labels for {len(self.tokens)} tokens")

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.tokens, dict(self.layers)))

    def with_layer(self, name: str, tags: Sequence[str]) -> TaggedTokens:
        return TaggedTokens(self.tokens, {**self.layers, name: tuple(tags)})

    def to_json(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "layers": {name: list(tags) for name, tags in self.layers.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data["tokens"]), data.get("layers", {}))

    def search_text(self) -> str:
        return " ".join(self.tokens)

    def labels(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(tags) for name, tags in self.layers.items()}

    def size(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of running text."""

    KIND: ClassVar[str] = "text"

    text: str

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data["text"]))

    def search_text(self) -> str:
        return self.text

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A piece of running text and the label of the whole of it; "" where it is not known."""

    KIND: ClassVar[str] = "labelled_text"

    text: str
    label: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "label": self.label}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data["text"]), str(data.get("label", "")))

    def search_text(self) -> str:
        return self.text

    def labels(self) -> dict[str, frozenset[str]]:
        return {"label": frozenset({self.label})} if self.label else {}

    def size(self) -> int:
        """Words, as white space parts them."""
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class TextPair:
    """A ``source`` text and the ``target`` that is to be written for it; "" where it is not known."""

    KIND: ClassVar[str] = "text_pair"

    source: str
    target: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"source": self.source, "target": self.target}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data["source"]), str(data.get("target", "")))

    def search_text(self) -> str:
        return f"{self.source}\n{self.target}"

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        """Words of the source."""
        return len(self.source.split())


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type as plugins declare it: its Python class and what to call it."""

    cls: type[Record]
    title: str
    plural: str

    @property
    def kind(self) -> str:
        return self.cls.KIND


BUILT_IN_RECORD_TYPES: tuple[RecordType, ...] = (
    RecordType(TaggedTokens, "tagged sentence", "tagged sentences"),
    RecordType(Text, "text", "texts"),
    RecordType(TextPair, "pair of texts", "pairs of texts"),
    RecordType(LabelledText, "labelled text", "labelled texts"),
    RecordType(LabelledTree, "labelled tree", "labelled trees"),
    RecordType(Series, "series", "series"),
)
