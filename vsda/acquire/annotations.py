"""The file of annotation rows, fetched once."""

from pathlib import Path

from vsda.datasets.youtube_bb.annotations import DATASET
from vsda.errors import DatasetError, FetchError
from vsda.fetch.http import download
from vsda.manifests import sources

SPLIT_FILES = {
    "train": "yt_bb_detection_train.csv.gz",
    "val": "yt_bb_detection_validation.csv.gz",
}


def find_annotations(folder: Path, split: str, *, may_fetch: bool) -> Path:
    """Return the file of a split's rows in `folder`, fetched if it is not there.

    Raises:
        DatasetError: It is not there and may not be fetched.
        FetchError: It cannot be fetched.
    """
    path = folder / SPLIT_FILES[split]
    unpacked = path.with_suffix("")
    if path.is_file() or unpacked.is_file():
        return path if path.is_file() else unpacked
    (source,) = [row for row in sources(DATASET) if row.file == path.name]
    if not may_fetch:
        raise DatasetError(
            f"{path}: the annotations are not there yet; run without --dry-run to fetch them from "
            f"{source.url}, or give --annotations FILE"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        download(source.url, path, size_bytes=source.size_bytes, sha256=source.sha256)
    except FetchError as error:
        raise FetchError(
            f"{error}; run again to go on, or give a file that is there with --annotations"
        ) from error
    return path
