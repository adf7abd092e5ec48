"""Which kind of input a word of the command line is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from vsda.datasets.folder.videos import VIDEO_ENDINGS
from vsda.errors import ItemError, Outcome, UsageError
from vsda.predict.folder import FolderSource
from vsda.predict.frame import Ending, Frame
from vsda.predict.options import Seen
from vsda.predict.pipe import PipeSource
from vsda.predict.shards import ShardSource
from vsda.predict.video import VideoSource
from vsda.shards.index import open_sets
from vsda.shards.names import INDEX_SUFFIX
from vsda.storage import local_path

PIPE = "-"


class Source(Protocol):
    """Videos, one after the other."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its videos will be called."""

    def count(self, seen: Seen) -> int | None:
        """Return how many frames there will be at most; None where nobody knows.

        Raises:
            VsdaError: The input cannot be read.
        """

    def frames(self, seen: Seen) -> Iterator[Frame | Ending]:
        """Yield the frames of each video in order, and its ending after the last.

        Raises:
            VsdaError: The input cannot be read.
        """

    def close(self) -> None:
        """End the input for the thread that waits for more of it, if that may take long."""


def open_source(text: str) -> Source:
    """Return what `text` names, which is looked at no closer than needed for that.

    Raises:
        ItemError: Nothing is there, or nothing that can be predicted.
        ShardError: Its shards cannot be read.
        UsageError: A URL of something else than shards.
    """
    if text == PIPE:
        return PipeSource()
    path = local_path(text)
    if path is None:
        return _remote(text)
    if path.is_dir() and not any(path.glob(f"*{INDEX_SUFFIX}")):
        return FolderSource(path)
    names_set = path.name.endswith(INDEX_SUFFIX) or Path(f"{path}{INDEX_SUFFIX}").is_file()
    if path.is_dir() or names_set:
        return ShardSource(tuple(open_sets(str(path))))
    if not path.exists():
        raise ItemError(
            Outcome.MISSING,
            f"{text}: no such file; expected a video, a folder of pictures, shards or - for "
            "standard input",
        )
    return VideoSource(path)


def _remote(url: str) -> Source:
    if Path(url).suffix.lower() in VIDEO_ENDINGS:
        raise UsageError(
            f"{url}: a video on a URL; download it, or send it through a pipe: "
            f"curl -L {url} | vsda predict RUN -"
        )
    return ShardSource(tuple(open_sets(url)))
