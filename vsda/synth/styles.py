"""How videos are taken and sent: the styles of manifests/synth/styles.tsv.

What every setting does, and its unit, stands in vsda/synth/gaps.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from vsda.errors import ManifestError, UnknownNameError, UsageError, suggest
from vsda.manifests import manifest_path, read_table

BEST_CRF = 12
WORST_CRF = 51
_MOST = {"framing": 1, "untypical": 1, "repeats": 1, "shutter_share": 8}
JOIN = "+"


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """The settings of a camera and a stream; the defaults are how images are taken."""

    framing: float = 0.0
    untypical: float = 0.0
    repeats: float = 0.0
    shutter_share: float = 0.0
    blur_px: float = 0.0
    cast_stops: float = 0.0
    falloff_stops: float = 0.0
    gain_stops: float = 0.0
    noise_shot: float = 0.0
    noise_read: float = 0.0
    lowres_factor: float = 1.0
    h264_crf: int | None = None

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise ManifestError(
                    f"{name} must lie in [0, {most}], got {getattr(self, name)}: {self}"
                )
        if min(self.blur_px, self.noise_shot, self.noise_read) < 0:
            raise ManifestError(f"blur and noise must not be negative: {self}")
        if self.lowres_factor < 1:
            raise ManifestError(f"lowres_factor must be at least 1: {self}")
        if self.h264_crf is not None and not BEST_CRF <= self.h264_crf <= WORST_CRF:
            raise ManifestError(f"h264_crf must lie in [{BEST_CRF}, {WORST_CRF}]: {self}")

    def at(self, severity: float) -> "Style":
        """Return the style `severity` times as strong, severity in [0, 1]."""
        if not 0 <= severity <= 1:
            raise UsageError(f"severity must lie in [0, 1], got {severity}")
        scaled = {
            field.name: severity * getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("lowres_factor", "h264_crf")
        }
        crf = self.h264_crf
        return Style(
            **scaled,
            lowres_factor=1 + severity * (self.lowres_factor - 1),
            h264_crf=None
            if crf is None or severity == 0
            else round(BEST_CRF + severity * (crf - BEST_CRF)),
        )


IMAGE_STYLE = Style()


@cache
def styles() -> Mapping[str, Style]:
    """Return the styles of manifests/synth/styles.tsv at severity 1 by name."""
    return read_styles(manifest_path("synth", "styles"))


def read_styles(table: Path) -> Mapping[str, Style]:
    """Return the styles of a table at severity 1 by name.

    Raises:
        ManifestError: An unknown setting, a setting given twice or a value out of range.
    """
    rows = read_table(
        table, ("style", "setting", "value"), lambda cells: (cells[0], *_setting(*cells[1:]))
    )
    settings: dict[str, dict[str, float]] = {}
    for style, setting, value in rows:
        if setting in settings.setdefault(style, {}):
            raise ManifestError(f"{table}: {style} has {setting} twice")
        settings[style][setting] = value
    return {name: Style(**chosen) for name, chosen in settings.items()}  # type: ignore[arg-type]


def style_named(name: str) -> Style:
    """Return a style at severity 1; `gain+blur` is both together.

    Raises:
        UnknownNameError: There is no such style; the message lists them.
        UsageError: Two styles that are joined have a setting in common.
    """
    joined: dict[str, float] = {}
    for part in name.split(JOIN):
        if part not in styles():
            raise UnknownNameError("style", part, styles())
        settings = settings_of(styles()[part])
        if twice := sorted(settings.keys() & joined.keys()):
            raise UsageError(
                f"style {name!r}: {part!r} and one before it both have {', '.join(twice)}; join "
                "styles that differ in all their settings"
            )
        joined |= settings
    return Style(**joined)  # type: ignore[arg-type]


def settings_of(style: Style) -> dict[str, float]:
    """Return the settings of a style that are not those of images."""
    images, own = asdict(IMAGE_STYLE), asdict(style)
    return {name: value for name, value in own.items() if value != images[name]}


@cache
def faults() -> Mapping[str, str]:
    """Return what is wrong with the videos of each style, in words."""
    return dict(
        read_table(
            manifest_path("synth", "faults"), ("style", "fault"), lambda cells: (cells[0], cells[1])
        )
    )


def _setting(name: str, value: str) -> tuple[str, float]:
    known = [field.name for field in fields(Style)]
    if name not in known:
        raise ManifestError(f"unknown setting {name!r}.{suggest(name, known)}")
    return name, int(value) if name == "h264_crf" else float(value)
