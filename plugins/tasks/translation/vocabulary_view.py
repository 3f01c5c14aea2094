"""The vocabularies of a translator, a language model or a classifier, to look through: every symbol with its count, and
how a typed text is cut. Only a gui.py imports this module."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workbench.nn.text import SPECIALS, UNKNOWN, Tokeniser
from workbench.shell.sdk import FlowText, Muted, PanelContext, Piece

Prepare = Callable[[str, Mapping[str, Any], Tokeniser], str]

_HEADERS = ("Symbol", "Count", "Number")
_KINDS = {"words": "words", "characters": "characters", "bpe": "pieces of words (BPE)", "unigram": "pieces (unigram)"}


class SymbolsModel(QAbstractTableModel):
    """Symbol, its count in the training texts, its number."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokeniser: Tokeniser | None = None

    def show(self, tokeniser: Tokeniser | None) -> None:
        self.beginResetModel()
        self._tokeniser = tokeniser
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        inside = parent is not None and parent.isValid()
        return 0 if inside or self._tokeniser is None else len(self._tokeniser) - len(SPECIALS)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_HEADERS)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._tokeniser is None or not index.isValid():
            return None
        number = index.row() + len(SPECIALS)
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0:
                return _visible(self._tokeniser.symbols[number])
            return (self._tokeniser.counts[number], number)[index.column() - 1]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _HEADERS[section]
        return None


class VocabularyView(QWidget):
    """Shows the vocabularies of the run that is selected; :meth:`refresh` reads them when another is.

    ``prepare`` makes of a typed text what the codec (as JSON) has the tokeniser read.
    """

    def __init__(self, context: PanelContext, *, prepare: Prepare | None = None) -> None:
        super().__init__()
        self._prepare = prepare
        self._codec: Mapping[str, Any] = {}
        self._context = context
        self._read: tuple[str, float] = ("", 0.0)
        self._sides: dict[str, Tokeniser] = {}
        self.side = QComboBox()
        self.side.setAccessibleName("Side")
        self.side.currentIndexChanged.connect(lambda _index: self._show_side())
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a symbol")
        self.search.setAccessibleName("Find a symbol")
        self.search.setClearButtonEnabled(True)
        self.about = Muted("")
        self.trial = QLineEdit()
        self.trial.setPlaceholderText("Type a text to see how it is cut")
        self.trial.setAccessibleName("A text to cut")
        self.trial.textChanged.connect(lambda _text: self._cut())
        self.pieces = FlowText()
        self.model = SymbolsModel(self)
        self.found = QSortFilterProxyModel(self)
        self.found.setSourceModel(self.model)
        self.found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.search.textChanged.connect(self.found.setFilterFixedString)
        self.table = QTableView()
        self.table.setModel(self.found)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self.table.setAccessibleName("Symbols")
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setMinimumHeight(180)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        row = QHBoxLayout()
        row.addWidget(self.side)
        row.addWidget(self.search, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for item in (self.about, self.trial, self.pieces):
            layout.addWidget(item)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)

    def refresh(self) -> None:
        """Read the vocabularies of the present run, unless they are those shown."""
        run = self._context.run()
        path = codec_path(Path(run.path)) if run is not None else None
        stamp = (str(path), path.stat().st_mtime) if path is not None else ("", 0.0)
        if stamp == self._read:
            return
        self._read = stamp
        self._codec = read_codec(path) if path is not None else {}
        self._sides = sides_of(self._codec)
        self.side.blockSignals(True)
        self.side.clear()
        self.side.addItems(list(self._sides))
        self.side.blockSignals(False)
        self.side.setVisible(len(self._sides) > 1)
        self._show_side()

    @property
    def tokeniser(self) -> Tokeniser | None:
        return self._sides.get(self.side.currentText())

    def _show_side(self) -> None:
        tokeniser = self.tokeniser
        self.model.show(tokeniser)
        if tokeniser is None:
            self.about.setText("The vocabulary is made when the training begins.")
        else:
            seen = sum(tokeniser.counts)
            unknown = tokeniser.counts[UNKNOWN] / seen if seen else 0.0
            left_out = f"; {unknown:.1%} of the training texts is not among them" if unknown else ""
            beyond = " Further words have a pretrained vector." if self._codec.get("pretrained") else ""
            self.about.setText(
                f"{len(tokeniser) - len(SPECIALS):,} symbols, {_KINDS[tokeniser.kind]}{left_out}. "
                f"Fingerprint {tokeniser.hash[:12]}.{beyond}"
            )
        self._cut()

    def _cut(self) -> None:
        tokeniser = self.tokeniser
        text = self.trial.text()[:2000]
        if self._prepare is not None and tokeniser is not None:
            text = self._prepare(text, self._codec, tokeniser)
        cut = tokeniser.pieces(text) if tokeniser is not None else []
        shown = []
        for number, piece in enumerate(cut):
            assert tokeniser is not None
            known = tokeniser.id_of(piece.symbol) != UNKNOWN
            tip = f"number {tokeniser.id_of(piece.symbol)}" if known else "not in the vocabulary"
            note = "" if known else "unknown"
            shown.append(Piece(_visible(piece.symbol), note, number % 2 if known else -1, tip, faded=not known))
        self.pieces.set_pieces(shown)
        self.pieces.setVisible(bool(shown))


def codec_path(run: Path) -> Path | None:
    """Where a run's vocabularies are: in its model, or while it trains beside its checkpoints."""
    for path in (run / "model" / "codec.json", run / "checkpoints" / "start.json"):
        if path.is_file():
            return path
    return None


def read_codec(path: Path) -> Mapping[str, Any]:
    """The codec of a run as JSON; empty where the file is damaged."""
    try:
        values = json.loads(path.read_bytes())
        values = json.loads(values["start"]) if "start" in values else values
        codec = values["codec"]
        return codec if isinstance(codec, Mapping) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def sides_of(codec: Mapping[str, Any]) -> dict[str, Tokeniser]:
    """Title → tokeniser; one where both sides share it or there is one text only, none where the codec is of another
    task or damaged."""
    try:
        if "tokeniser" in codec:
            return {"Texts": Tokeniser.from_json(codec["tokeniser"])}
        source = Tokeniser.from_json(codec["source"])
        if codec["target"] is None:
            return {"Both sides": source}
        return {"Source": source, "Target": Tokeniser.from_json(codec["target"])}
    except (ValueError, KeyError, TypeError):
        return {}


def _visible(symbol: str) -> str:
    """White space as marks that can be seen."""
    return symbol.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
