"""Where the parts of a VOC 2012 folder lie, and what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vsda.datasets.listing import FoundFile, Request, find_files, how_to_get, is_folder
from vsda.datasets.name_list import read_names
from vsda.errors import DatasetError

IMAGES = "JPEGImages"
MASKS = "SegmentationClass"
OBJECTS = "SegmentationObject"
UNLABELLED = "unlabelled"
"""The split of all images, without their masks."""
_INSIDE = ("", "VOC2012", "VOCdevkit/VOC2012")
_ARCHIVE = "VOCtrainval_11-May-2012.tar"


@dataclass(frozen=True, kw_only=True, slots=True)
class VocFiles:
    """The files of a VOC folder by stem, and the names that one of its lists holds.

    Attributes:
        root: The folder that holds `JPEGImages`.
        images: `JPEGImages/*.jpg`.
        masks: `SegmentationClass/*.png`.
        objects: `SegmentationObject/*.png`.
        names: Of the list, sorted.
    """

    root: Path
    images: Mapping[str, FoundFile]
    masks: Mapping[str, FoundFile]
    objects: Mapping[str, FoundFile]
    names: tuple[str, ...]


def split_list(name: str) -> str:
    """Return the file that lists the images of a split."""
    return f"ImageSets/Segmentation/{name}.txt"


def find_labelled(request: Request) -> VocFiles:
    """Return what lies on disk for a labelled split.

    Raises:
        DatasetError: No images, no masks or no list there; the message says what to download.
    """
    root = _find_root(request.root)
    _require_folder(root, MASKS)
    return VocFiles(
        root=root,
        images=find_files(root / IMAGES, ".jpg"),
        masks=find_files(root / MASKS, ".png"),
        objects=find_files(root / OBJECTS, ".png"),
        names=_read_list(root, request.split),
    )


def find_images(request: Request, list_name: str | None) -> VocFiles:
    """Return the images alone, and the names in the list `list_name`; None for all images.

    Raises:
        DatasetError: No images or no list there; the message says what to download.
    """
    root = _find_root(request.root)
    images = find_files(root / IMAGES, ".jpg")
    names = tuple(images) if list_name is None else _read_list(root, list_name)
    return VocFiles(root=root, images=images, masks={}, objects={}, names=names)


def _find_root(root: Path) -> Path:
    places = [root / inside for inside in _INSIDE]
    found = next((place for place in places if is_folder(place / IMAGES)), None)
    if found is None:
        looked = ", ".join(str(place / IMAGES) for place in places)
        raise DatasetError(
            f"{root}: no Pascal VOC 2012 here, looked for {looked}; {_how_to_get(root)}, or give "
            "--root"
        )
    return found


def _require_folder(root: Path, folder: str) -> None:
    if not is_folder(root / folder):
        raise DatasetError(
            f"{root / folder}: no such folder; {_how_to_get(root)}, or use --split {UNLABELLED}"
        )


def _read_list(root: Path, name: str) -> tuple[str, ...]:
    path = root / split_list(name)
    if not path.exists():
        raise DatasetError(
            f"{path}: no such list, so nothing says which images are meant; {_how_to_get(root)}, "
            f"or use --split {UNLABELLED} for all images"
        )
    return tuple(read_names(path, "image"))


def _how_to_get(root: Path) -> str:
    """Return the command that brings VOC, into the folder that its own folders belong in."""
    home = root.parent if root.name == "VOC2012" else root
    home = home.parent if home.name == "VOCdevkit" else home
    return how_to_get("voc", home, _ARCHIVE)
