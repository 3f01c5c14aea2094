"""What a symbol of the equations is: its meaning, its shape with this model's numbers, and its values where known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage

from workbench.api import Symbol
from workbench.shell.colour_maps import cividis, diverging
from workbench.shell.plots.markup import scripted

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

STRIP = QSize(220, 14)


@dataclass(frozen=True, slots=True)
class SymbolValues:
    """The numbers a symbol stands for at one step: a vector (units,), and whether it lies around 0."""

    numbers: NDArray[np.float64]
    signed: bool
    where: str = ""

    @property
    def line(self) -> str:
        numbers = self.numbers[np.isfinite(self.numbers)]
        if not numbers.size:
            return "no number"
        if self.numbers.size == 1:
            return f"{numbers[0]:.3g}"
        return f"min {numbers.min():.3g} · mean {numbers.mean():.3g} · max {numbers.max():.3g}"


def shape_text(symbol: Symbol, sizes: Mapping[str, int]) -> str:
    """``H × D = 128 × 100``; the letters alone where the sizes are not known, "" for a symbol without a shape."""
    if not symbol.shape:
        return ""
    letters, numbers = " × ".join(symbol.shape), " × ".join(symbol.sized(sizes))
    return letters if letters == numbers else f"{letters} = {numbers}"


def symbol_line(symbol: Symbol, sizes: Mapping[str, int], values: SymbolValues | None = None) -> str:
    """All of it in one plain line: for labels and screen readers."""
    parts = [f"{symbol.name.replace('*', '')}: {symbol.meaning}", shape_text(symbol, sizes)]
    if values is not None:
        parts.append(f"{values.where}: {values.line}" if values.where else values.line)
    return " · ".join(part for part in parts if part)


def line_html(line: str) -> str:
    """A :func:`symbol_line` with the symbol set as it is in the equations: no font has every letter as a subscript."""
    name, _, rest = line.partition(": ")
    return f"<b>{scripted(name)}</b>: {escape(rest)}" if line else ""


def symbol_html(
    symbol: Symbol, sizes: Mapping[str, int], theme: Theme, values: SymbolValues | None = None
) -> str:
    """The same as a small card for a tooltip, with the values as a strip of colour."""
    muted = theme.css("muted")
    rows = [f"<b>{scripted(symbol.name)}</b>&nbsp; {escape(symbol.meaning)}"]
    if shape := shape_text(symbol, sizes):
        rows.append(f"<span style='color:{muted}'>shape&nbsp; {escape(shape)}</span>")
    if values is not None:
        where = f"{escape(values.where)}: " if values.where else ""
        rows.append(f"<span style='color:{muted}'>{where}{escape(values.line)}</span>")
        if values.numbers.size > 1:
            rows.append(f"<img src='{strip_url(values, theme)}' width='{STRIP.width()}' height='{STRIP.height()}'>")
    return "<div>" + "<br>".join(rows) + "</div>"


def strip_image(numbers: NDArray[Any], theme: Theme, *, signed: bool, limit: float | None = None) -> QImage:
    """A row of pixels, one for each unit: blue to orange around 0, cividis between 0 and 1."""
    row = np.nan_to_num(np.asarray(numbers, dtype=np.float64).reshape(1, -1))
    if signed:
        reach = limit or max(1e-9, float(np.abs(row).max(initial=0.0)))
        middle = theme.color("surface")
        rgb = diverging(row / reach, (middle.red(), middle.green(), middle.blue()))
    else:
        rgb = cividis(row)
    rgb = np.ascontiguousarray(rgb)
    # a copy: the image must outlive the array
    return QImage(rgb.data, rgb.shape[1], 1, 3 * rgb.shape[1], QImage.Format.Format_RGB888).copy()


def strip_url(values: SymbolValues, theme: Theme) -> str:
    """The strip as a data address that rich text can show."""
    image = strip_image(values.numbers, theme, signed=values.signed)
    image = image.scaled(STRIP, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.FastTransformation)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs want bytes for the format
    buffer.close()
    return "data:image/png;base64," + bytes(data.toBase64().data()).decode()
