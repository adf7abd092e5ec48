"""What a user says of a folder of his own, checked."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vsda.datasets.listing import Request
from vsda.errors import DatasetError, UsageError
from vsda.sample import legal_key
from vsda.taxonomy import datasets_with_classes
from vsda.video.shown import Encoding

JPEG_QUALITY = 95
"""Of what is no JPEG yet: videos, and pictures of other kinds."""
NATIVE = "native"
_USUAL_FPS = "30"
_MAX_FPS = 1000
_MIN_FPS = Fraction(1, 3600)
_RATE = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SPLIT = re.compile(r"[A-Za-z0-9_]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderOptions:
    """What only a folder of one's own can be asked.

    Attributes:
        name: The dataset's name in keys, facts and file names; None for the folder's own.
        images: Folder of the images, below the root unless absolute; None for `images` if that is
            there, else the root.
        masks: The same of the masks; None for `masks` if that is there.
        videos: The same of the videos; None for `videos` if that is there, else the root.
        class_map: Table of what mask values mean, or one of the words `coco` and `voc`.
        fps: How often a second a video is looked at: a number, a fraction, or `native` for each of
            its frames.
        short_side: Frames of videos are made smaller to this many pixels; 0 keeps their size.
        still: Every image is one by itself, whatever folder it lies in.
        licence: Words for the index.
    """

    name: str | None = None
    images: Path | None = None
    masks: Path | None = None
    videos: Path | None = None
    class_map: Path | None = None
    fps: str = _USUAL_FPS
    short_side: int = 0
    still: bool = False
    licence: str | None = None


def dataset_name(request: Request) -> str:
    """Return the name of the dataset: the one that was given, or that of the folder.

    Raises:
        UsageError: It has other letters than file names and keys take, or is that of a dataset
            that vsda knows, with which the set would be confused.
        DatasetError: The same of the folder's own name.
    """
    given: str | None = request.options.name
    name = legal_key(request.root.resolve().name) if given is None else given
    fault = _fault_of_name(name)
    if fault is None:
        return name
    if given is None:
        raise DatasetError(f"{request.root}: {fault}; give the set a --name")
    raise UsageError(f"--name {name!r}: {fault}")


def _fault_of_name(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return f"{name!r} is no name for a set: expected letters, digits, - and _, a letter first"
    if name in datasets_with_classes():
        return f"{name!r} is the name of a dataset that vsda knows; choose another"
    return None


def check_split(split: str) -> None:
    """Raise UsageError where `split` is no name for a split."""
    if not _SPLIT.fullmatch(split):
        raise UsageError(f"--split {split!r}: expected letters, digits and _, such as train")


def rate_of(options: FolderOptions) -> Fraction | None:
    """Return how often a second videos are looked at, None for each of their frames.

    Raises:
        UsageError: Neither a number nor a fraction nor `native`, or absurd.
    """
    if options.fps == NATIVE:
        return None
    if not _RATE.fullmatch(options.fps) or options.fps.endswith("/0"):
        raise UsageError(
            f"--fps {options.fps}: expected a whole number, a fraction such as 30000/1001 for what "
            f"is called 29.97, or {NATIVE} for every frame of a video"
        )
    rate = Fraction(options.fps)
    if not _MIN_FPS <= rate <= _MAX_FPS:
        raise UsageError(f"--fps {options.fps}: expected {_MIN_FPS} to {_MAX_FPS}")
    return rate


def encoding_of(options: FolderOptions) -> Encoding:
    """Return how frames of videos become JPEGs.

    Raises:
        UsageError: A negative size.
    """
    if options.short_side < 0:
        raise UsageError(f"--short-side {options.short_side}: expected pixels, or 0 for no limit")
    return Encoding(short_side_px=options.short_side or None, jpeg_quality=JPEG_QUALITY)


def refuse_for_images(options: FolderOptions, where: str) -> None:
    """Raise UsageError where options that are for videos alone are given, as `where` has none."""
    given = [f"--fps {options.fps}"] if options.fps != _USUAL_FPS else []
    given += [f"--short-side {options.short_side}"] if options.short_side else []
    if given:
        raise UsageError(
            f"{' '.join(given)}: for videos alone, and none was found in {where}; leave it out, or "
            "give the folder of the videos as --videos"
        )
