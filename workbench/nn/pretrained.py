"""Which words of a vocabulary have a pretrained vector: looked up in a file once, kept with the vocabulary.

What several tasks on words share. The vectors themselves are among the model's weights
(:class:`workbench.nn.vector_embedding.VectorEmbedding`), so that a finished model needs the file no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.api import WorkbenchError
from workbench.nn.vector_embedding import VectorEmbedding
from workbench.nn.vectors import VectorFile, match_words


@dataclass(frozen=True, slots=True)
class PretrainedWords:
    """Which words have a pretrained vector, and where.

    ``rows`` are those of the file, for the training words (-1 for none) and then for the ``others``, which training
    does not have. ``file`` and ``fingerprint`` say which file it was.
    """

    file: str
    fingerprint: str
    size: int
    fold: bool
    rows: tuple[int, ...]
    others: tuple[str, ...]

    @classmethod
    def look_up(
        cls, path: str, words: Sequence[str], key: Callable[[str], str], *, fold: bool, more: int
    ) -> PretrainedWords:
        """Find ``words`` in the file at ``path``, and ``more`` of its first words besides.

        ``key`` turns a word of the file into what the vocabulary holds for it; with ``fold`` a word takes the vector of
        one that differs in capitals only. :class:`WorkbenchError` for a file that is none, and for one without any of
        the words.
        """
        file = VectorFile.open(path)
        found = match_words(file, words, key, fold=fold, more=more)
        if all(row < 0 for row in found.rows):
            raise WorkbenchError(
                f"None of the {len(words):,} training words is in the file of word vectors.",
                why="They may be of another language or in another spelling.",
                fix="Choose vectors that were trained on the language of your data.",
                file=file.path,
            )
        return cls(
            str(file.path), file.fingerprint, file.size, fold, (*found.rows, *found.other_rows), found.others
        )  # fmt: skip

    def begin(self, embedding: VectorEmbedding) -> None:
        """Take the vectors from their file. :class:`WorkbenchError` when it is gone or another by now."""
        file = VectorFile.open(self.file)
        if file.fingerprint != self.fingerprint:
            raise WorkbenchError(
                "The file of word vectors has changed since this run began.",
                why="Its words stood in other places.",
                fix="Start a new run.",
                file=file.path,
            )
        embedding.begin(file)

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "fingerprint": self.fingerprint,
            "size": self.size,
            "fold": self.fold,
            "rows": list(self.rows),
            "others": list(self.others),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PretrainedWords:
        return cls(
            str(data["file"]),
            str(data["fingerprint"]),
            int(data["size"]),
            bool(data["fold"]),
            tuple(data["rows"]),
            tuple(data["others"]),
        )
