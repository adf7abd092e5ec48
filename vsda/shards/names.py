"""How the files of a set are called, and what to say where there are none."""

import re

from vsda.errors import suggest
from vsda.storage import PART_ENDING, Place, list_files

INDEX_SUFFIX = ".index.json"
TAR_SUFFIX = ".tar"
_SPLITS = ("train", "val", "test")


def set_name(index_file: str) -> str:
    """Return the name of the set whose index is at a path or URL."""
    return file_name(index_file).removesuffix(INDEX_SUFFIX)


def file_name(place: str) -> str:
    """Return the last part of a path or URL."""
    return place.rpartition("/")[2]


def idx_place(tar: Place) -> str:
    """Return where the `.idx` of the tar at a path or URL lies: beside it."""
    return f"{str(tar).removesuffix(TAR_SUFFIX)}.idx"


def part_pattern(name: str) -> str:
    """Return the regular expression of the half files of a set that a killed run left."""
    return rf"{re.escape(name)}(-\d+\.(tar|idx)|\.(index\.json|report\.jsonl)){PART_ENDING}"


def folder_of(place: str) -> str:
    """Return the folder or URL in which a path or URL lies."""
    return place.rpartition("/")[0] or "."


def explain_absence(place: str) -> str:
    """Return the message for a place where a set was expected and none is: why, and what to do."""
    if place.endswith(TAR_SUFFIX):
        return f"{place}: is one tar; name the folder of its index, or <folder>/<set>"
    folder = folder_of(place) if place.endswith(INDEX_SUFFIX) else place
    has_tars = bool(list_files(folder, TAR_SUFFIX))
    neighbours = [set_name(index) for index in list_files(folder_of(place), INDEX_SUFFIX)]
    if neighbours and not (has_tars and folder == place):
        return f"{place}: no such set.{suggest(set_name(place), neighbours)}"
    if has_tars:
        return (
            f"{place}: there are tars but no index *{INDEX_SUFFIX}, so the set was not finished; "
            "run the command that makes it again"
        )
    return (
        f"{place}: no shards here (no *{INDEX_SUFFIX}); make some with "
        f"'{_prepare_command(folder)}' or name another place"
    )


def _prepare_command(place: str) -> str:
    """Return the command that makes shards at a folder, or the set `<folder>/<dataset>-<split>`."""
    dataset, dash, split = file_name(place).rpartition("-")
    if dash and split in _SPLITS:
        return f"vsda prepare {dataset} --out {folder_of(place)}"
    return f"vsda prepare <dataset> --out {place}"
