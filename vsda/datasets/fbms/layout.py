"""Where the parts of an FBMS folder lie, and which files a sequence has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from vsda.datasets.listing import FoundFile, Request, find_files, how_to_get, is_folder
from vsda.errors import DatasetError
from vsda.manifests import fbms_splits

_TRUTHS = "GroundTruth"
_ENDING = "Def.dat"
_PROBABILITIES = "PROB_gt"
"""End of the names of pictures that say how sure each pixel of a ground truth is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FbmsOptions:
    """What only FBMS can be asked.

    Attributes:
        class_map: Table that stands in for the manifest's regions.
        frames: `labelled` for the frames with a ground truth, `all` for all of each sequence.
        certainty: Rows of the table that are less certain than this are not used.
    """

    class_map: Path | None = None
    frames: Literal["labelled", "all"] = "labelled"
    certainty: Literal["seen", "name", "unsure"] = "name"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFrame:
    """A picture of a sequence: its name without the ending, and the number in it."""

    stem: str
    number: int
    file: FoundFile


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSequence:
    """A sequence as it lies on disk.

    Attributes:
        name: Of the sequence.
        folder: Below the root.
        frames: Its pictures by number.
        truths: The files that may be a ground truth, by name.
        definition: Path of the Def.dat below the root, None where there is none.
        definition_file: That file.
        strangers: Names of pictures that no number can be read from.
        fault: Why the sequence cannot be used, None if it can.
    """

    name: str
    folder: str
    frames: tuple[FoundFrame, ...] = ()
    truths: Mapping[str, FoundFile]
    definition: str | None = None
    definition_file: FoundFile | None = None
    strangers: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def truth_folder(self) -> str:
        """The folder of the ground truth below the root."""
        return f"{self.folder}/{_TRUTHS}"


def open_root(request: Request) -> Path:
    """Return the folder that holds the split's: `request.root`, or as the archives name it.

    Raises:
        DatasetError: There is none; the message says what to download.
    """
    folder = fbms_splits()[request.split].folder
    archive = f"FBMS_{folder}"
    places = (request.root, request.root / archive)
    for place in places:
        if is_folder(place / folder):
            return place
    raise DatasetError(
        f"{request.root}: no {request.split} split of FBMS-59 here, looked for "
        f"{places[0] / folder} and {places[1] / folder}; "
        f"{how_to_get('fbms', request.root, f'{archive}.zip')}, or give --root or another --split"
    )


def find_sequences(root: Path, split: str) -> list[FoundSequence]:
    """Return what lies in the folder of a split, by name of the sequence.

    Raises:
        DatasetError: The folder cannot be read.
    """
    folder = fbms_splits()[split].folder
    try:
        names = [path.name for path in (root / folder).iterdir() if path.is_dir()]
    except OSError as error:
        raise DatasetError(f"{root / folder}: cannot be read: {error.strerror}") from error
    return [_find(root, folder, name) for name in sorted(names) if not name.startswith(".")]


def number_in(name: str, sequence: str) -> int | None:
    """Return the frame number in the name of a picture or ground truth; None where it has none.

    `marple1_003` and `marple1_003_gt` are 3; sequences whose name ends without a digit have no
    underscore, as `tennis454`.
    """
    joint = "_" if sequence[-1:].isdigit() else "_?"
    stem = name.rpartition(".")[0] or name
    found = re.fullmatch(rf"{re.escape(sequence)}{joint}([0-9]{{1,9}})(_gt)?", stem, re.IGNORECASE)
    return None if found is None else int(found[1])


def _find(root: Path, parent: str, name: str) -> FoundSequence:
    folder = f"{parent}/{name}"
    try:
        pictures = find_files(root / folder, ".jpg")
        files = {
            f"{stem}{suffix}": file
            for suffix in (".ppm", ".pgm", ".dat")
            for stem, file in find_files(root / folder / _TRUTHS, suffix).items()
        }
    except DatasetError as error:
        fault = str(error).removeprefix(f"{root}/")
        return FoundSequence(name=name, folder=folder, truths={}, fault=fault)
    numbers = {stem: number_in(stem, name) for stem in pictures}
    frames = [
        FoundFrame(stem=stem, number=number, file=pictures[stem])
        for stem, number in numbers.items()
        if number is not None
    ]
    frames.sort(key=lambda frame: frame.number)
    definition = _definition(name, files)
    return FoundSequence(
        name=name,
        folder=folder,
        frames=tuple(frames),
        truths={file: files[file] for file in files if not file.endswith(".dat")},
        definition=definition and f"{folder}/{_TRUTHS}/{definition}",
        definition_file=files.get(definition or ""),
        strangers=tuple(f"{stem}.jpg" for stem, number in numbers.items() if number is None),
        fault=_fault(folder, frames),
    )


def is_truth(name: str) -> bool:
    """Return whether a file beside a Def.dat may be a ground truth, by its name."""
    return not name.rpartition(".")[0].endswith(_PROBABILITIES)


def _definition(sequence: str, files: Mapping[str, FoundFile]) -> str | None:
    """Return the Def.dat of a sequence: that of its name, or else the only one."""
    found = [name for name in files if name.endswith(_ENDING)]
    own = f"{sequence}{_ENDING}"
    return own if own in found else found[0] if len(found) == 1 else None


def _fault(folder: str, frames: list[FoundFrame]) -> str | None:
    if not frames:
        return f"{folder}: no pictures, expected NAME_NUMBER.jpg"
    for one, other in pairwise(frames):
        if one.number == other.number:
            return f"{folder}: {one.stem}.jpg and {other.stem}.jpg have the same number; remove one"
    return None
