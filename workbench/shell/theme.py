"""Named colour roles in light, dark and high contrast: the one place that names colours.

The roles feed QPalette, the cards, the plots and the highlights. Sizes are in points and follow one scale factor.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

ROLE_NAMES: Final = (
    "window",
    "surface",
    "raised",
    "border",
    "text",
    "muted",
    "grid",
    "accent",
    "on_accent",
    "selection",
    "ok",
    "warning",
    "danger",
)


def _roles(*values: str) -> dict[str, str]:
    return dict(zip(ROLE_NAMES, values, strict=True))


ROLES: Final[dict[str, dict[str, str]]] = {
    "light": _roles(
        *("#F5F6F8", "#FFFFFF", "#FBFCFD", "#D5DAE1", "#1B1F24", "#57606A", "#E6E9EE"),
        *("#0A5FB4", "#FFFFFF", "#DCEBFA", "#1A7F37", "#8A5A00", "#B42318"),
    ),
    "dark": _roles(
        *("#15181C", "#1D2126", "#23282E", "#363D47", "#E6EAF0", "#9BA6B4", "#2C323A"),
        *("#5CABEA", "#0A1622", "#1F3E5C", "#4AC26B", "#D9AE3B", "#FF8078"),
    ),
    "high_contrast": _roles(
        *("#000000", "#000000", "#000000", "#FFFFFF", "#FFFFFF", "#FFFFFF", "#808080"),
        *("#FFE000", "#000000", "#00408A", "#5CFF7A", "#FFE000", "#FF9C94"),
    ),
    "high_contrast_light": _roles(
        *("#FFFFFF", "#FFFFFF", "#FFFFFF", "#000000", "#000000", "#000000", "#767676"),
        *("#003E8A", "#FFFFFF", "#CFE3FF", "#00511C", "#5A3900", "#8E0B00"),
    ),
}

TITLES: Final = {
    "system": "Follow the system",
    "light": "Light",
    "dark": "Dark",
    "high_contrast": "High contrast, dark",
    "high_contrast_light": "High contrast, light",
}

# Okabe and Ito (2008): told apart with every common colour blindness. The lighter ones come first on dark.
_SERIES_LIGHT: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_SERIES_DARK: Final = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#0072B2")
_DASHES: Final = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
)

_FIELD_CLASSES: Final = (
    "QAbstractSpinBox",
    "QLineEdit",
    "QComboBox",
    "QCheckBox",
    "QRadioButton",
    "QSlider",
    "QScrollBar",
)

BASE_POINTS: Final = 10.0
FIGURE_FACTOR: Final = 1.5
SMALL_FACTOR: Final = 0.88
_THEME_PROPERTY: Final = "recurra_theme"


def luminance(colour: QColor) -> float:
    """Relative luminance of WCAG 2.1, 0 to 1."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


def contrast(a: QColor, b: QColor) -> float:
    """Contrast ratio of WCAG 2.1, 1 to 21."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mix(a: QColor, b: QColor, share: float) -> QColor:
    """``share`` (0 to 1) of ``b`` in ``a``."""
    return QColor.fromRgbF(
        a.redF() + (b.redF() - a.redF()) * share,
        a.greenF() + (b.greenF() - a.greenF()) * share,
        a.blueF() + (b.blueF() - a.blueF()) * share,
    )


def _rgb(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


class Theme(QObject):
    """The colours in use. ``name`` is what was asked for ("system" included), ``resolved`` the palette it means."""

    changed = Signal()

    def __init__(self, name: str = "system", *, scale: float = 1.0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name if name in TITLES else "system"
        self.scale = scale
        self.reduced_motion = False
        self._app: QApplication | None = None
        self._hints: QObject | None = None
        self._series_text: dict[tuple[str, int], QColor] = {}

    @property
    def resolved(self) -> str:
        if self.name != "system":
            return self.name
        app = self._app
        if app is not None and app.styleHints().colorScheme() == Qt.ColorScheme.Dark:
            return "dark"
        return "light"

    @property
    def is_dark(self) -> bool:
        return luminance(self.color("surface")) < 0.2

    @property
    def is_high_contrast(self) -> bool:
        return self.resolved.startswith("high_contrast")

    def set(self, name: str) -> None:
        """Switch at run time; unknown names mean "system"."""
        name = name if name in TITLES else "system"
        if name != self.name:
            self.name = name
            self._refresh()

    def set_scale(self, scale: float) -> None:
        """Text size factor, 0.8 to 2.0."""
        scale = min(2.0, max(0.8, scale))
        if scale != self.scale:
            self.scale = scale
            self._refresh()

    def color(self, role: str) -> QColor:
        return QColor(ROLES[self.resolved][role])

    def css(self, role: str) -> str:
        """``#rrggbb``, for rich text."""
        return ROLES[self.resolved][role]

    def series(self, i: int) -> QColor:
        """Colour of the i-th line (they repeat; :meth:`dash` then differs)."""
        colours = _SERIES_DARK if self.is_dark else _SERIES_LIGHT
        return QColor(colours[i % len(colours)])

    def series_text(self, i: int) -> QColor:
        """The series colour moved towards the text colour until it reads as text on a surface (4.5:1)."""
        key = (self.resolved, i)
        if key not in self._series_text:
            colour, surface, text = self.series(i), self.color("surface"), self.color("text")
            share = 0.0
            while contrast(colour, surface) < 4.6 and share < 1.0:
                share += 0.05
                colour = mix(self.series(i), text, share)
            self._series_text[key] = colour
        return self._series_text[key]

    def tint(self, i: int) -> QColor:
        """A pale background of the i-th series colour on which text still reads; no tint in high contrast."""
        if self.is_high_contrast:
            return self.color("surface")
        return mix(self.color("surface"), self.series(i), 0.28 if self.is_dark else 0.16)

    def dash(self, i: int) -> Qt.PenStyle:
        return _DASHES[(i // len(_SERIES_LIGHT)) % len(_DASHES)]

    def points(self, factor: float = 1.0) -> float:
        """Text size in points."""
        return BASE_POINTS * self.scale * factor

    def font(self, factor: float = 1.0, *, semibold: bool = False) -> QFont:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
        font.setPointSizeF(self.points(factor))
        if semibold:
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def palette(self) -> QPalette:
        """The Qt palette of the roles. ``PlaceholderText`` is the muted text, ``Mid`` the border."""
        c = self.color
        palette = QPalette()
        role = QPalette.ColorRole
        for name, colour in (
            (role.Window, c("window")),
            (role.WindowText, c("text")),
            (role.Base, c("surface")),
            (role.AlternateBase, c("raised")),
            (role.Text, c("text")),
            (role.PlaceholderText, c("muted")),
            (role.Button, c("raised")),
            (role.ButtonText, c("text")),
            (role.ToolTipBase, c("raised")),
            (role.ToolTipText, c("text")),
            (role.BrightText, c("danger")),
            (role.Link, c("accent")),
            (role.LinkVisited, c("accent")),
            (role.Highlight, c("accent")),
            (role.HighlightedText, c("on_accent")),
            (role.Accent, c("accent")),
            (role.Light, mix(c("surface"), c("raised"), 0.5)),
            (role.Midlight, c("grid")),
            (role.Mid, c("border")),
            (role.Dark, mix(c("border"), c("muted"), 0.6)),
            (role.Shadow, mix(c("border"), c("text"), 0.4)),
        ):
            palette.setColor(name, colour)
        disabled = c("grid") if self.is_high_contrast else mix(c("muted"), c("window"), 0.35)
        for name in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, name, disabled)
        palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, c("border"))
        palette.setColor(QPalette.ColorGroup.Disabled, role.HighlightedText, c("text"))
        palette.setColor(QPalette.ColorGroup.Disabled, role.Accent, c("border"))
        return palette

    def field_line(self) -> QColor:
        """The line around fields to type in and boxes to tick."""
        return mix(self.color("border"), self.color("muted"), 0.72)

    def apply(self, app: QApplication) -> None:
        """Dress the application: Fusion, the palette, the font; follow the system's light or dark from now on."""
        self._app = app
        self.setParent(app)  # widgets ask the application for its theme for as long as it lives
        # by name, not by pointer: a property would go on pointing at a theme that was deleted
        self.setObjectName(f"theme-{id(self):x}")
        app.setProperty(_THEME_PROPERTY, self.objectName())
        app.setStyle("Fusion")
        if self._hints is None:
            hints = app.styleHints()
            self._hints = hints  # without a reference PySide may free the wrapper under the connection
            hints.colorSchemeChanged.connect(self._system_changed)
        self._refresh()

    def _system_changed(self) -> None:
        if self.name == "system":
            self._refresh()

    def _refresh(self) -> None:
        if self._app is not None and self._app.property(_THEME_PROPERTY) == self.objectName():
            self._app.setFont(self.font())
            self._app.setPalette(self.palette())
            field = self.palette()
            # Fusion draws the frame of a field in its window colour, darkened by 1.4: invisible on dark unless we
            # give fields another one, from which the wanted line comes out (3:1 on the surface).
            line = self.field_line()
            field.setColor(QPalette.ColorRole.Window, QColor.fromRgbF(*(min(1.0, v * 1.4) for v in _rgb(line))))
            views = self.palette()
            views.setColor(QPalette.ColorRole.Highlight, self.color("selection"))
            views.setColor(QPalette.ColorRole.HighlightedText, self.color("text"))
            by_class: Any = self._app  # the stubs ask for bytes, the binding takes text only
            by_class.setPalette(views, "QAbstractItemView")
            for name in _FIELD_CLASSES:
                by_class.setPalette(field, name)
        self.changed.emit()


def current_theme() -> Theme:
    """The theme the running application was dressed with; a plain light one where nobody did."""
    app = QApplication.instance()
    if app is not None:
        name = app.property(_THEME_PROPERTY)
        for child in app.children():
            if isinstance(child, Theme) and child.objectName() == name:
                return child
    return Theme("light")
