"""What a dataset holds on disk, as values: found without opening an image."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vsda.datasets.labels import LabelRules
from vsda.errors import DatasetError, Outcome
from vsda.manifests import sources
from vsda.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One frame, with its mask where it has one.

    Attributes:
        key: Key of the sample.
        frame: The dataset's own name of the frame.
        frame_index: Position in the sequence, counted from 0 over all frames that lie on disk; 0
            for a still image.
        image: Path of the picture below the dataset's root.
        mask: Path of the mask below the dataset's root, None where there is none.
        image_bytes: Size of the picture.
        mask_bytes: Size of the mask.
        changed_ns: When either file was last changed, in ns since 1970. It decides whether work is
            done again and never what is written.
        annotation: What a table of the dataset says of this item, in a form that the dataset's own
            reader knows.
    """

    key: str
    frame: str
    frame_index: int
    image: str
    mask: str | None = None
    image_bytes: int
    mask_bytes: int = 0
    changed_ns: int = 0
    annotation: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """Size of a file, and when it was last changed, in ns since 1970."""

    size_bytes: int
    changed_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """Items that stay together in one shard: a sequence, or a single image.

    Attributes:
        sequence: None for a still image.
        items: In frame order.
        table: COCO id of every mask value; None if masks stay as they are.
    """

    sequence: str | None
    items: tuple[Item, ...]
    table: Mapping[int, int] | None

    @property
    def num_bytes(self) -> int:
        """The size of all files of the unit."""
        return sum(item.image_bytes + item.mask_bytes for item in self.items)

    @property
    def changed_ns(self) -> int:
        """When a file of the unit was last changed."""
        return max((item.changed_ns for item in self.items), default=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One item, or several with one cause, that did not become samples."""

    key: str
    outcome: Outcome
    message: str
    num_items: int = 1

    def __post_init__(self) -> None:
        """Write bytes of file names that are not UTF-8 as escapes, so that JSON takes them."""
        object.__setattr__(self, "message", _escape(self.message))


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A split of a dataset as it lies on disk.

    Attributes:
        dataset: Name of the dataset.
        split: Name of the split.
        root: The folder that the paths of the items start from.
        units: What is to be written, in order.
        settings: What the dataset adds to the settings in the index.
        num_left_out: Items left out because none of their classes is chosen.
        failures: Items that cannot be written, as far as the listing tells.
        notes: What a user of the set should know.
    """

    dataset: str
    split: str
    root: Path
    units: tuple[Unit, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    num_left_out: int = 0
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Return a SHA-256 over what would be written, from names and sizes of the files.

        It depends neither on where the root lies nor on the wording of messages and notes.
        """
        digest = hashlib.sha256()
        for row in self._rows():
            digest.update(json.dumps(row).encode() + b"\n")
        return digest.hexdigest()

    def _rows(self) -> Iterable[list[object]]:
        for unit in self.units:
            for item in unit.items:
                yield [
                    *(unit.sequence, item.key, item.frame, item.frame_index),
                    *(item.image, item.image_bytes, item.mask, item.mask_bytes),
                    *_digests(item.annotation),
                ]
        for failure in self.failures:
            yield [failure.key, failure.outcome, failure.num_items]
        yield [self.num_left_out]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoOptions:
    """The options of a dataset that has none of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Which part of a dataset is wanted, and how it is labelled.

    Attributes:
        root: Folder that the user named.
        split: Name of the split.
        rules: How mask values become labels.
        options: An instance of the dataset's own `Dataset.options`.
    """

    root: Path
    split: str
    rules: LabelRules
    options: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What reading an item needs besides the item; it travels to the workers.

    Attributes:
        dataset: Name in keys and facts.
        split: Name of the split.
        root: Where the paths of the items start.
        options: As in `Request`.
    """

    dataset: str
    split: str
    root: Path
    options: Any = field(default_factory=NoOptions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """What one file of this folder offers.

    Attributes:
        name: As in `vsda prepare NAME`.
        splits: Names of the splits.
        list_split: Finds what lies on disk; raises DatasetError if the layout is another.
        read: (source, unit, item) -> the samples of an item: one for a frame, none if it holds no
            chosen class, many for a video; raises ItemError if the item is broken.
        classes_of: (source, unit, item) -> the chosen classes in the item's mask; raises ItemError.
            A still image without any is left out, a frame of a sequence is not.
            None where the table of a unit tells its classes without a look at the masks.
        options: Frozen dataclass of what only this dataset can be asked; all of it has defaults.
        other_splits: Splits that are written only when they are named; `ANY_SPLIT` for any name.
        shared_with: The dataset whose classes plain `shared` means.
    """

    name: str
    splits: tuple[str, ...]
    list_split: Callable[[Request], Listing]
    read: Callable[[Source, Unit, Item], Iterable[Sample]]
    classes_of: Callable[[Source, Unit, Item], tuple[int, ...]] | None = None
    options: type[Any] = NoOptions
    other_splits: tuple[str, ...] = ()
    shared_with: str = "davis"


ANY_SPLIT = "*"
"""Stands in `Dataset.other_splits` for any name."""


def find_files(folder: Path, suffix: str) -> dict[str, FoundFile]:
    """Return by stem the files in `folder` that end in `suffix`, in frame order.

    One that cannot be opened, as a link that leads nowhere, is among them: it fails when it is
    read, alone.

    Hidden files, such as the `._x` of archives made on a Mac, are passed over. A folder that does
    not exist has no files.

    Raises:
        DatasetError: The folder is there and cannot be read.
    """
    try:
        paths = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise DatasetError(f"{folder}: cannot be read: {_reason(error)}") from error
    names = [path for path in paths if path.suffix == suffix and not path.name.startswith(".")]
    names.sort(key=lambda path: frame_order(path.stem))
    return {path.stem: _facts(path) for path in names}


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder.

    Raises:
        DatasetError: A folder above it lets nobody look.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error


def frame_order(stem: str) -> tuple[int, int, str]:
    """Return what to sort file stems by: numbers by their value, and before all else."""
    return (0, int(stem), stem) if stem.isdecimal() else (1, 0, stem)


def where_to_get(dataset: str, *files: str) -> str:
    """Return 'file (URL)' for the archives `files` of a dataset, for an error message."""
    urls = {source.file: source.url for source in sources(dataset)}
    return " and ".join(f"{file} ({urls[file]})" for file in files)


def how_to_get(dataset: str, root: Path, file: str, options: str = "") -> str:
    """Return the command that brings the archive `file` of a dataset, and where that lies."""
    command = f"vsda fetch {dataset} --out {root}{options}"
    return f"`{command}` brings {where_to_get(dataset, file)}"


def _digests(annotation: bytes) -> list[str]:
    return [hashlib.sha256(annotation).hexdigest()] if annotation else []


def _escape(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _facts(path: Path) -> FoundFile:
    """Return what the disk knows of a file.

    The time is that of the inode, of a link's own too: unlike a modification time it cannot be
    older than the change, as it would be where an archive is unpacked over the folder.
    """
    try:
        found, itself = path.stat(), path.lstat()
    except OSError:
        return FoundFile(size_bytes=0, changed_ns=0)
    return FoundFile(
        size_bytes=found.st_size, changed_ns=max(found.st_ctime_ns, itself.st_ctime_ns)
    )
