"""Where images, masks and videos lie in somebody's folder, and which files are which."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vsda.datasets.folder.images import ENCODED_ENDINGS, JPEG_ENDINGS
from vsda.datasets.folder.options import FolderOptions
from vsda.datasets.folder.videos import VIDEO_ENDINGS
from vsda.datasets.folder.walk import Folder, Tree, folder_id, split_ending, walk
from vsda.datasets.listing import FoundFile, Request, is_folder
from vsda.errors import DatasetError, UsageError

IMAGE_ENDINGS = JPEG_ENDINGS | ENCODED_ENDINGS
MASK_ENDING = ".png"
_IMAGES, _MASKS, _VIDEOS = "images", "masks", "videos"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The files of one kind.

    Attributes:
        folder: Where they lie below the root, with a slash at the end; empty for the root itself.
        files: By their path below that folder, without the ending; several may share one.
    """

    folder: str = ""
    files: Mapping[str, tuple[tuple[str, FoundFile], ...]] = field(default_factory=dict)

    @property
    def num_files(self) -> int:
        """The number of files."""
        return sum(map(len, self.files.values()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What lies in a folder.

    Attributes:
        root: The folder.
        images: What becomes a frame or a still image each.
        masks: None where there is no folder of masks.
        videos: What becomes a sequence each.
        faults: Why a folder could not be read, by its path below the root.
        repeated: Links to folders that were reached before, below the root.
        others: Number of files that are none of these, by their ending.
    """

    root: Path
    images: Part
    masks: Part | None
    videos: Part
    faults: Mapping[str, str]
    repeated: tuple[str, ...]
    others: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Places:
    """The folders to look in, and those without which the others are searched."""

    images: Path | None
    masks: Path | None
    videos: Path | None


def open_layout(request: Request) -> Layout:
    """Return what lies in the folder that the user named.

    Raises:
        DatasetError: No such folder, or neither images nor videos in it; the message says what was
            found and what to do.
        UsageError: Masks for videos.
    """
    root = request.root.resolve()
    if not is_folder(root):
        raise DatasetError(f"{request.root}: no such folder; give the one of your files as --root")
    places = _places(root, request.options)
    trees = _trees(places)
    layout = Layout(
        root=root,
        images=_part(root, places.images, trees, IMAGE_ENDINGS),
        masks=None if places.masks is None else _part(root, places.masks, trees, {MASK_ENDING}),
        videos=_part(root, places.videos, trees, VIDEO_ENDINGS),
        faults=_below_root(root, {place: tree.faults for place, tree in trees.items()}),
        repeated=tuple(_below_root(root, {place: tree.repeated for place, tree in trees.items()})),
        others=_others(places, trees),
    )
    _check(layout, places, request)
    return layout


def endings_text(counts: Mapping[str, int]) -> str:
    """Return '3 .txt, 1 without an ending', the most frequent first."""
    ordered = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return ", ".join(f"{number} {ending or 'without an ending'}" for ending, number in ordered)


def _places(root: Path, options: FolderOptions) -> _Places:
    """Return where to look: what was asked for alone, or all that has its usual name, or all."""
    if options.images is not None or options.videos is not None:
        images, videos = (_given(root, path) for path in (options.images, options.videos))
    else:
        images, videos = _usual(root, _IMAGES), _usual(root, _VIDEOS)
        images = images or root
        videos = videos or (root if images == root else None)
    masks = _usual(root, _MASKS) if options.masks is None else _given(root, options.masks)
    return _Places(images, None if images is None and options.masks is None else masks, videos)


def _usual(root: Path, name: str) -> Path | None:
    return root / name if is_folder(root / name) else None


def _given(root: Path, path: Path | None) -> Path | None:
    if path is None:
        return None
    folder = root / path
    if not is_folder(folder):
        hint = "" if path.is_absolute() else "; a relative path starts at --root"
        raise DatasetError(f"{folder}: no such folder{hint}")
    return folder


def _trees(places: _Places) -> dict[Path, Tree]:
    """Return what lies below each of the places; none is entered on the way through another."""
    wanted = dict.fromkeys(
        place for place in (places.images, places.masks, places.videos) if place is not None
    )
    ids: dict[Path, Folder] = {place: folder_id(place) for place in wanted}
    return {place: walk(place, set(ids.values()) - {ids[place]}) for place in wanted}


def _part(
    root: Path, place: Path | None, trees: Mapping[Path, Tree], endings: Iterable[str]
) -> Part:
    if place is None:
        return Part()
    files: dict[str, tuple[tuple[str, FoundFile], ...]] = {}
    for name, found in sorted(trees[place].files.items()):
        stem, ending = split_ending(name)
        if ending in endings:
            files[stem] = (*files.get(stem, ()), (name, found))
    return Part(folder=_prefix(root, place), files=files)


def _prefix(root: Path, place: Path) -> str:
    """Return the way from the root to a place; the same wherever both lie together."""
    if place == root:
        return ""
    if not place.is_relative_to(root):
        return f"{os.path.relpath(place.resolve(), root)}/"
    return f"{place.relative_to(root).as_posix()}/"


def _below_root(root: Path, found: Mapping[Path, Iterable[str]]) -> dict[str, str]:
    """Return the names of several trees as paths below the root, with what is said of each."""
    return {
        f"{_prefix(root, place)}{name}".rstrip("/"): names[name] if isinstance(names, dict) else ""
        for place, names in found.items()
        for name in sorted(names)
    }


def _others(places: _Places, trees: Mapping[Path, Tree]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for place, tree in trees.items():
        taken: set[str] = set()
        taken |= IMAGE_ENDINGS if place == places.images else set()
        taken |= {MASK_ENDING} if place == places.masks else set()
        taken |= VIDEO_ENDINGS if place == places.videos else set()
        counts.update(split_ending(name)[1] for name in tree.files)
        for ending in taken:
            counts[ending] -= sum(split_ending(name)[1] == ending for name in tree.files)
    return dict(+counts)


def _check(layout: Layout, places: _Places, request: Request) -> None:
    if layout.masks is not None and not layout.images.files and layout.videos.files:
        raise UsageError(
            f"{places.masks}: masks belong to images, and here are videos alone; masks of videos "
            "are not supported: save the videos' frames as images and give them as --images, or "
            "give --videos alone"
        )
    if not layout.images.files and not layout.videos.files:
        looked = sorted({str(place) for place in (places.images, places.videos) if place})
        found = endings_text(layout.others) or "nothing"
        raise DatasetError(
            f"{' and '.join(looked)}: no images ({_some(IMAGE_ENDINGS)}) and no videos "
            f"({_some(VIDEO_ENDINGS)}) here, found {found}; give their folders as --images and "
            "--videos, or another --root"
        )


def _some(endings: Iterable[str]) -> str:
    return " ".join(sorted(endings))
