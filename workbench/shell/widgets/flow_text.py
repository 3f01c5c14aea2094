"""Text that flows with highlighted pieces: a sentence with its entities, readable with and without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.theme import SMALL_FACTOR, current_theme


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. With ``series`` ≥ 0 it is tinted and underlined; ``note`` is the small text after it."""

    text: str
    note: str = ""
    series: int = -1
    tip: str = ""
    faded: bool = False


class FlowText(QWidget):
    """Pieces wrapped to the width like words; hover shows each piece's tip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pieces: tuple[Piece, ...] = ()
        self._boxes: list[tuple[QRectF, Piece, bool]] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_pieces(self, pieces: Sequence[Piece]) -> None:
        self._pieces = tuple(pieces)
        self.setAccessibleName(" ".join(f"{p.text} ({p.note})" if p.note else p.text for p in self._pieces))
        self.updateGeometry()
        self.update()

    def pieces(self) -> tuple[Piece, ...]:
        return self._pieces

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(float(width))

    def sizeHint(self) -> QSize:
        width = max(self.width(), 200)
        return QSize(200, self._place(float(width)))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self._line_height())

    def _line_height(self) -> int:
        return int(QFontMetricsF(self.font()).height() + 12)

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(current_theme().points(SMALL_FACTOR))
        return font

    def _place(self, width: float) -> int:
        """Lay the pieces out; the height needed, in pixels. Long plain pieces break between words."""
        metrics, small = QFontMetricsF(self.font()), QFontMetricsF(self._small())
        space, line, x, y = metrics.horizontalAdvance(" "), float(self._line_height()), 0.0, 0.0
        boxes: list[tuple[QRectF, Piece, bool]] = []
        for piece in self._pieces:
            words = [piece.text] if piece.series >= 0 else (piece.text.split(" ") if piece.text else [])
            for word in words:
                pad = 4.0 if piece.series >= 0 else 0.0
                need = metrics.horizontalAdvance(word) + 2 * pad
                note = small.horizontalAdvance(piece.note) + 4 if piece.note else 0.0
                if x > 0 and x + need + note > width:
                    x, y = 0.0, y + line
                boxes.append(
                    (QRectF(x, y, need, line), Piece(word, "", piece.series, piece.tip, piece.faded), False)
                )
                x += need
                if piece.note:
                    boxes.append((QRectF(x + 3, y, note, line), Piece(piece.note, tip=piece.tip), True))
                    x += note
                x += space
        self._boxes = boxes
        return int(y + line)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._place(float(self.width()))
        small = self._small()
        text_height = QFontMetricsF(self.font()).height()
        for box, piece, is_note in self._boxes:
            if not box.intersects(QRectF(event.rect())):
                continue
            if piece.series >= 0:
                chip = QRectF(box.x(), box.center().y() - text_height / 2 - 1, box.width(), text_height + 2)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.tint(piece.series))
                painter.drawRoundedRect(chip, 3, 3)
                painter.setPen(QPen(theme.series(piece.series), 1.5))
                painter.drawLine(chip.bottomLeft() + QPointF(1, 0), chip.bottomRight() - QPointF(1, 0))
            painter.setFont(small if is_note else self.font())
            painter.setPen(theme.color("muted" if is_note or piece.faded else "text"))
            alignment = Qt.AlignmentFlag.AlignVCenter
            alignment |= Qt.AlignmentFlag.AlignLeft if is_note else Qt.AlignmentFlag.AlignHCenter
            painter.drawText(box, int(alignment), piece.text)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            for box, piece, _ in self._boxes:
                if piece.tip and box.contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), piece.tip, self)
                    return True
            QToolTip.hideText()
            return True
        return super().event(event)
