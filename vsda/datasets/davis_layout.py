"""Where the parts of a DAVIS folder lie, and which sequences a split has."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vsda.datasets.listing import FoundFile, Request, find_files, how_to_get, is_folder
from vsda.errors import DatasetError
from vsda.manifests import davis_sequences

Resolution = Literal["480p", "Full-Resolution"]
RESOLUTIONS = get_args(Resolution)


@dataclass(frozen=True, kw_only=True, slots=True)
class DavisOptions:
    """What only DAVIS can be asked.

    Attributes:
        resolution: The folder below `JPEGImages`.
        class_map: Table that stands in for the manifest's objects.
    """

    resolution: Resolution = "480p"
    class_map: Path | None = None


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

    @property
    def images(self) -> str:
        """The folder of the JPEGs, a folder for each sequence."""
        return f"JPEGImages/{self.resolution}"

    @property
    def masks(self) -> str:
        """The folder of the masks, a folder for each sequence."""
        return f"Annotations/{self.resolution}"

    def split_list(self, split: str) -> str:
        """Return the file that lists the sequences of `split`."""
        return f"ImageSets/2017/{split}.txt"


def open_layout(request: Request) -> Layout:
    """Return where the parts of the folder `request.root` lie, or of `DAVIS` inside it.

    Raises:
        DatasetError: No images or no masks there; the message says what to download.
    """
    resolution = request.options.resolution
    places = (request.root, request.root / "DAVIS")
    root = next((place for place in places if is_folder(place / "JPEGImages")), None)
    if root is None:
        raise DatasetError(
            f"{request.root}: no DAVIS here, looked for {places[0] / 'JPEGImages'} and "
            f"{places[1] / 'JPEGImages'}; {_how_to_get(request.root, resolution)}, or give "
            "--root"
        )
    layout = Layout(root=root, resolution=resolution)
    for folder in (layout.images, layout.masks):
        if not is_folder(root / folder):
            raise DatasetError(
                f"{root / folder}: no such folder; {_how_to_get(root, resolution)}, or "
                "give another --resolution"
            )
    return layout


def _how_to_get(root: Path, resolution: str) -> str:
    option = "" if resolution == RESOLUTIONS[0] else f" --resolution {resolution}"
    return how_to_get("davis", root, f"DAVIS-2017-trainval-{resolution}.zip", option)


def find_sequences(layout: Layout, split: str) -> tuple[list[FoundSequence], bool]:
    """Return the sequences of a split by name, and whether ImageSets lists them.

    Without the file in ImageSets they are those of the manifest that have images.

    Raises:
        DatasetError: The file cannot be read, a line of it is no name, or a name comes twice.
    """
    path = layout.root / layout.split_list(split)
    if path.is_file():
        return [_find(layout, name) for name in _read_names(path)], True
    names = [row.name for row in davis_sequences() if row.split == split]
    found = [_find(layout, name) for name in names]
    return [row for row in found if row.images or row.fault], False


def _read_names(path: Path) -> list[str]:
    names: set[str] = set()
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        name = line.strip()
        if name in names:
            raise DatasetError(f"{path}:{number}: sequence {name!r} is listed twice; remove a line")
        if "/" in name or name.startswith("."):
            raise DatasetError(f"{path}:{number}: expected the name of a sequence, got {name!r}")
        if name:
            names.add(name)
    return sorted(names)


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        return data.decode("utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise DatasetError(
            f"{path}:{number}: expected UTF-8, got the byte 0x{data[error.start]:02x}; write the "
            "list in UTF-8"
        ) from error


def _find(layout: Layout, name: str) -> FoundSequence:
    files: dict[str, dict[str, FoundFile]] = {}
    for folder, suffix in ((layout.images, ".jpg"), (layout.masks, ".png")):
        try:
            files[suffix] = find_files(layout.root / folder / name, suffix)
        except DatasetError as error:
            fault = str(error).removeprefix(f"{layout.root}/")
            return FoundSequence(name=name, images=files.get(".jpg", {}), masks={}, fault=fault)
    return FoundSequence(name=name, images=files[".jpg"], masks=files[".png"])
