"""A folder of pictures: the frames of one video, in the order of their names."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from vsda.datasets.folder.images import ENCODED_ENDINGS, JPEG_ENDINGS, read_image
from vsda.datasets.folder.videos import VIDEO_ENDINGS
from vsda.datasets.folder.walk import natural_order, split_ending
from vsda.errors import ItemError, Outcome, UsageError
from vsda.predict.frame import Ending, Frame
from vsda.predict.options import Seen
from vsda.predict.pictures import Album, Picture, decoded, map_ahead


class FolderSource:
    """Pictures that lie in a folder, read as `vsda prepare folder` reads them.

    So a picture that is no JPEG becomes one first, and a prediction is that of the same folder as
    shards.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def names(self) -> tuple[str, ...]:
        """The folder's name."""
        return (self._path.resolve().name,)

    def count(self, seen: Seen) -> int | None:
        """Return the number of pictures.

        Raises:
            UsageError: A part of a timeline is asked for, which pictures do not have.
        """
        if seen.is_part:
            raise UsageError(f"--start, --stop: for videos; {self._path} holds pictures")
        return len(self._files)

    def frames(self, seen: Seen) -> Iterator[Frame | Ending]:
        """Yield the pictures in the order of their names, and the ending."""
        album = Album(self.names[0], str(self._path), seen, is_still=seen.still)

        def read(file: str) -> Picture:
            return self._read(file, seen)

        for number, (_, picture) in enumerate(map_ahead(read, self._files)):
            try:
                yield album.frame(picture.result(), number)
            except ItemError as error:
                album.leave_out(error)
        yield album.ending()

    def close(self) -> None:
        """Do nothing: files do not keep anybody waiting."""

    def _read(self, file: str, seen: Seen) -> Picture:
        try:
            jpg = read_image(self._path, file).data
        except ItemError as error:
            raise ItemError(error.outcome, f"{self._path}/{error}") from error
        return decoded(jpg, split_ending(file)[0], f"{self._path}/{file}", seen.size_px)

    @cached_property
    def _files(self) -> list[str]:
        """The names of the pictures, in order."""
        names = [entry.name for entry in self._path.iterdir() if not entry.name.startswith(".")]
        endings = {name: split_ending(name)[1] for name in names}
        pictures = [name for name in names if endings[name] in JPEG_ENDINGS | ENCODED_ENDINGS]
        if not pictures:
            raise ItemError(Outcome.MISSING, self._absence(set(endings.values())))
        stems = {split_ending(name)[0]: name for name in pictures}
        for name in pictures:
            if (other := stems[split_ending(name)[0]]) != name:
                raise ItemError(
                    Outcome.SAME_KEY,
                    f"{self._path}: the masks of {other} and {name} would have one name; rename "
                    "one of them",
                )
        return sorted(pictures, key=natural_order)

    def _absence(self, endings: set[str]) -> str:
        what = f"{self._path}: no pictures in this folder, and no index of shards"
        if endings & VIDEO_ENDINGS:
            return f"{what}; give the videos in it one by one: {self._path}/*"
        if any(entry.is_dir() for entry in self._path.iterdir()):
            return f"{what}; each video is one folder, give them one by one: {self._path}/*"
        return f"{what}; expected frames such as 00000.jpg"
