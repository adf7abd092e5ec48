"""What decides a made-up world."""

from dataclasses import dataclass

from vsda.errors import UsageError, suggest
from vsda.synth.catalogue import looks

MIN_SIZE_PX = 32
MAX_SIZE_PX = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldOptions:
    """Sizes, style and seed of a made-up world; the number of workers is no part of it.

    Attributes:
        num_images: Labelled images to train on.
        num_videos: Videos of `num_frames` to train on.
        size_px: Width and height; even, since H.264 halves the resolution of colour.
        style: How videos differ from images: a name of manifests/synth/styles.tsv, or several that
            are joined by `+`.
        severity: How strongly they differ, 0 not at all to 1.
        seed: Another seed gives another world; at least 0.
        image_classes: Names of the classes that images show; none means all.
        video_classes: The same of videos. What a domain lacks of the other is a label shift.
    """

    num_images: int = 4000
    num_val_images: int = 512
    num_videos: int = 250
    num_frames: int = 8
    num_val_videos: int = 128
    num_val_frames: int = 4
    size_px: int = 64
    style: str = "dim"
    severity: float = 1.0
    seed: int = 0
    image_classes: tuple[str, ...] = ()
    video_classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("num_images", "num_val_images", "num_videos", "num_val_videos"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("num_frames", "num_val_frames"):
            _require(1 <= getattr(self, name) <= 100, name, "1 to 100", getattr(self, name))
        _require(
            MIN_SIZE_PX <= self.size_px <= MAX_SIZE_PX and self.size_px % 2 == 0,
            "size_px",
            f"an even number from {MIN_SIZE_PX} to {MAX_SIZE_PX}",
            self.size_px,
        )
        _require(0 <= self.severity <= 1, "severity", "0 to 1", self.severity)
        _require(self.seed >= 0, "seed", "at least 0", self.seed)
        for name in ("image_classes", "video_classes"):
            _check_classes(name, getattr(self, name))


def _check_classes(name: str, classes: tuple[str, ...]) -> None:
    known = [look.name for look in looks()]
    _require(len(set(classes)) == len(classes), name, "each class once", ",".join(classes))
    for given in classes:
        if given not in known:
            raise UsageError(f"{_option(name)}: unknown class {given!r}.{suggest(given, known)}")


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    """Raise an error that names the option of `vsda synth` for the field `name`."""
    if not holds:
        raise UsageError(f"{_option(name)}: expected {expected}, got {got!r}")


def _option(name: str) -> str:
    return "--" + name.replace("num_", "").replace("_", "-")
