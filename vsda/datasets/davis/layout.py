"""Where the parts of a DAVIS folder lie, and which sequences a split has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vsda.datasets.listing import FoundFile, Request, find_files, how_to_get, is_folder
from vsda.datasets.name_list import read_names
from vsda.errors import DatasetError
from vsda.manifests import davis_sequences, sources

Resolution = Literal["480p", "Full-Resolution"]
RESOLUTIONS = get_args(Resolution)
Annotations = Literal["instances", "semantics", "unsupervised"]
_FOLDERS: dict[Annotations, str] = {
    "instances": "Annotations",
    "semantics": "Annotations_semantics",
    "unsupervised": "Annotations_unsupervised",
}
UNLABELLED = "unlabelled"
"""The split of frames without their masks."""
_IMAGES_PART = "images"


@dataclass(frozen=True, kw_only=True, slots=True)
class DavisOptions:
    """What only DAVIS can be asked.

    Attributes:
        resolution: The folder below `JPEGImages`.
        class_map: Table that stands in for the manifest's objects.
        annotations: Which masks: `instances` for `Annotations`, object ids that the manifest's
            table knows; `semantics` for `Annotations_semantics`, category numbers; `unsupervised`
            for `Annotations_unsupervised`, object ids of which no table says the class.
    """

    resolution: Resolution = "480p"
    class_map: Path | None = None
    annotations: Annotations = "instances"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSequence:
    """A listed sequence as it lies on disk: its files by frame.

    `fault` says why a folder of it cannot be read, None if both can.
    """

    name: str
    images: Mapping[str, FoundFile]
    masks: Mapping[str, FoundFile]
    fault: str | None = None

    @property
    def num_frames(self) -> int:
        """The number of images."""
        return len(self.images)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where the parts of a DAVIS folder lie below its root."""

    root: Path
    resolution: str
    annotations: Annotations

    @property
    def images(self) -> str:
        """The folder of the JPEGs, a folder for each sequence."""
        return f"JPEGImages/{self.resolution}"

    @property
    def masks(self) -> str:
        """The folder of the masks, a folder for each sequence."""
        return f"{_FOLDERS[self.annotations]}/{self.resolution}"

    def split_list(self, split: str) -> str:
        """Return the file that lists the sequences of `split`."""
        return f"ImageSets/2017/{split}.txt"


def open_layout(request: Request) -> Layout:
    """Return where the parts of the folder `request.root` lie, or of `DAVIS` inside it.

    Raises:
        DatasetError: No images there, or no masks of a split that has some; the message says what
            to download.
    """
    options = request.options
    places = (request.root, request.root / "DAVIS")
    root = next((place for place in places if is_folder(place / "JPEGImages")), None)
    if root is None:
        raise DatasetError(
            f"{request.root}: no DAVIS here, looked for {places[0] / 'JPEGImages'} and "
            f"{places[1] / 'JPEGImages'}; "
            f"{_how_to_get(request.root, options.resolution, _IMAGES_PART)}, or give --root"
        )
    layout = Layout(root=root, resolution=options.resolution, annotations=options.annotations)
    part = "annotations" if options.annotations == "instances" else options.annotations
    for folder, what in ((layout.images, _IMAGES_PART), (layout.masks, part)):
        if what != _IMAGES_PART and request.split == UNLABELLED:
            continue
        if not is_folder(root / folder):
            raise DatasetError(
                f"{root / folder}: no such folder; {_how_to_get(root, options.resolution, what)}, "
                "or give another --resolution"
            )
    return layout


def _how_to_get(root: Path, resolution: str, part: str) -> str:
    """Return the command that brings a part of DAVIS, by the words of `vsda fetch davis`."""
    source = next(
        row for row in sources("davis") if row.variant == resolution and part in row.parts
    )
    option = "" if resolution == RESOLUTIONS[0] else f" --resolution {resolution}"
    only = "" if source.is_default else f" --only {part}"
    return how_to_get("davis", root, source.file, only + option)


def find_sequences(layout: Layout, split: str) -> tuple[list[FoundSequence], bool]:
    """Return the sequences of a split by name, and whether ImageSets lists them.

    Where ImageSets has no list at all they are those of the manifest that have images.

    Raises:
        DatasetError: The file cannot be read, a line of it is no name, or a name comes twice; or
            there are lists of other splits alone: what lies here is of those, and the manifest may
            call the same sequences another split.
    """
    path = layout.root / layout.split_list(split)
    if path.is_file():
        return [_find(layout, name) for name in read_names(path, "sequence")], True
    _refuse_other_lists(path)
    names = [row.name for row in davis_sequences() if row.split == split]
    found = [_find(layout, name) for name in names]
    return [row for row in found if row.images or row.fault], False


def _refuse_other_lists(path: Path) -> None:
    """Raise DatasetError where lists of splits lie beside `path`, which is not there."""
    lists = sorted(other for other in path.parent.glob("*.txt") if other.is_file())
    if lists:
        names = ", ".join(other.name for other in lists)
        raise DatasetError(
            f"{path}: no such list, but {path.parent} has {names}; give --split "
            f"{' or --split '.join(other.stem for other in lists)}, or add the list"
        )


def _find(layout: Layout, name: str) -> FoundSequence:
    files: dict[str, dict[str, FoundFile]] = {}
    for folder, suffix in ((layout.images, ".jpg"), (layout.masks, ".png")):
        try:
            files[suffix] = find_files(layout.root / folder / name, suffix)
        except DatasetError as error:
            fault = str(error).removeprefix(f"{layout.root}/")
            return FoundSequence(name=name, images=files.get(".jpg", {}), masks={}, fault=fault)
    return FoundSequence(name=name, images=files[".jpg"], masks=files[".png"])
