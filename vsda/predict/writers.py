"""The files of one video, of each kind: they take frame after frame."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vsda.errors import ItemError, Outcome
from vsda.manifests import BACKGROUND_CLASS, coco_classes
from vsda.palette import overlay
from vsda.predict.frame import Frame, Video
from vsda.predict.legend import Legend
from vsda.predict.movie import Movie
from vsda.predict.options import Kind, Written
from vsda.sample import Mask
from vsda.taxonomy import BACKGROUND_ID
from vsda.toolbox.export_coco import category_row, run_lengths, segment_row
from vsda.toolbox.export_json import AnnotationFile, JsonRows
from vsda.toolbox.export_pictures import class_png, panoptic_png
from vsda.toolbox.export_segments import Segment, segments

_JPEG_QUALITY = 92


class Writer(ABC):
    """Files of one kind, below a folder that nobody else knows yet."""

    @abstractmethod
    def add(self, frame: Frame, mask: Mask) -> None:
        """Write a frame.

        Args:
            frame: The next one of the video.
            mask: (H, W) COCO ids.

        Raises:
            ItemError: The kind cannot hold it.
        """

    @abstractmethod
    def close(self, *, is_whole: bool) -> None:
        """Complete the files; `is_whole` tells whether all of the source is in them."""

    def abort(self) -> None:  # noqa: B027  most hold nothing
        """Give back what is held; the files are deleted by others."""

    def notes(self) -> list[str]:
        """Return what the user should know, after `close`."""
        return []


class OverlayVideo(Writer):
    """The video with the classes drawn over it."""

    def __init__(self, stem: Path, video: Video, written: Written) -> None:
        self._path, self._video = stem.with_name(f"{stem.name}.mp4"), video
        self._drawing = _Drawing(written)
        self._movie: Movie | None = None

    def add(self, frame: Frame, mask: Mask) -> None:
        """Encode the next frame."""
        if self._movie is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._movie = Movie(self._path, self._video, frame.size_px)
        self._movie.add(self._drawing.drawn(frame, mask), frame.start, frame.duration)

    def close(self, *, is_whole: bool) -> None:
        """Complete the file."""
        if self._movie:
            self._movie.close(is_whole=is_whole)

    def abort(self) -> None:
        """Give the file up."""
        if self._movie:
            self._movie.abort()

    def notes(self) -> list[str]:
        """Return why there is no sound."""
        silence = self._movie.silence if self._movie else None
        return [silence] if silence else []


class OverlayPictures(Writer):
    """Each picture as a JPEG with the classes drawn over it."""

    def __init__(self, stem: Path, written: Written) -> None:
        self._folder, self._written = stem, written

    def add(self, frame: Frame, mask: Mask) -> None:
        """Write a picture, with a legend of its own classes."""
        drawn = _Drawing(self._written).drawn(frame, mask)
        with _new_file(self._folder / f"{frame.name}.jpg", frame).open("xb") as file:
            Image.fromarray(drawn).save(file, "JPEG", quality=_JPEG_QUALITY)

    def close(self, *, is_whole: bool) -> None:
        """Do nothing: each file is complete."""


class Masks(Writer):
    """A palette PNG of COCO ids per frame, as DAVIS lays them out."""

    def __init__(self, stem: Path) -> None:
        self._folder = stem

    def add(self, frame: Frame, mask: Mask) -> None:
        """Write a mask."""
        _new_file(self._folder / f"{frame.name}.png", frame).write_bytes(class_png(mask))

    def close(self, *, is_whole: bool) -> None:
        """Do nothing: each file is complete."""


class Panoptic(Writer):
    """COCO's panoptic format: a PNG of segment ids per frame, and their list."""

    def __init__(self, stem: Path) -> None:
        self._folder = stem
        background = category_row(BACKGROUND_ID, BACKGROUND_CLASS, BACKGROUND_CLASS)
        self._file = AnnotationFile([background, *_categories()])

    def add(self, frame: Frame, mask: Mask) -> None:
        """Write a frame's regions; background is one, too, as in an export of shards."""
        ids = np.zeros(mask.shape, dtype=np.uint32)
        background = Segment(BACKGROUND_ID, mask == BACKGROUND_ID)
        found = [*segments(mask, None), *([background] if background.mask.any() else [])]
        for segment_id, segment in enumerate(found, start=1):
            ids[segment.mask] = segment_id
        name = f"{frame.name}.png"
        _new_file(self._folder / name, frame).write_bytes(panoptic_png(ids))
        rows = [{"id": place} | segment_row(one) for place, one in enumerate(found, start=1)]
        self._file.annotations.add(
            {"image_id": frame.image_id, "file_name": name, "segments_info": rows}
        )
        self._file.images.add(_image_row(frame))

    def close(self, *, is_whole: bool) -> None:
        """Write the list."""
        with self._folder.with_name(f"{self._folder.name}.json").open("xb") as file:
            file.writelines(self._file.document())
        self._file.close()

    def abort(self) -> None:
        """Delete the list so far."""
        self._file.close()


class Results(Writer):
    """COCO's results format: a list of run-length encoded regions, one per class and frame.

    Each class has one region in a frame, whose score is 1: the network chooses one class per pixel
    and says nothing of objects.
    """

    def __init__(self, stem: Path) -> None:
        self._path = stem.with_name(f"{stem.name}.json")
        self._rows = JsonRows()

    def add(self, frame: Frame, mask: Mask) -> None:
        """Add a frame's regions."""
        named = {"image_id": frame.image_id, "file_name": frame.name, "score": 1.0}
        for one in segments(mask, None):
            row = segment_row(one)
            kept = {key: row[key] for key in ("category_id", "bbox", "area")}
            self._rows.add(named | kept | {"segmentation": run_lengths(one)})

    def close(self, *, is_whole: bool) -> None:
        """Write the list."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("xb") as file:
            file.writelines(self._rows.pieces())
        self._rows.close()

    def abort(self) -> None:
        """Delete the list so far."""
        self._rows.close()


def open_writer(kind: Kind, stem: Path, video: Video, written: Written) -> Writer:
    """Return what writes a kind of files.

    Args:
        kind: Which.
        stem: Where: the path of the file without its ending, or of the folder.
        video: What is written.
        written: How.
    """
    if kind == "masks":
        return Masks(stem)
    if kind == "coco-panoptic":
        return Panoptic(stem)
    if kind == "coco-rle":
        return Results(stem)
    return OverlayPictures(stem, written) if video.is_still else OverlayVideo(stem, video, written)


class _Drawing:
    """Classes drawn over pictures, and a legend that runs through a video."""

    def __init__(self, written: Written) -> None:
        self._opacity = written.opacity
        self._legend = Legend() if written.legend else None

    def drawn(self, frame: Frame, mask: Mask) -> Any:
        """Return the frame, (H, W, 3), with its classes."""
        picture = overlay(frame.rgb(), mask, self._opacity)
        if self._legend:
            self._legend.draw(picture, mask)
        return picture


def _new_file(path: Path, frame: Frame) -> Path:
    """Return `path`, whose folder is there; refuse a second frame of the same name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise ItemError(
            Outcome.SAME_KEY,
            f"{frame.video.source}: two pictures are called {frame.name}; predict them one set at "
            "a time, or rename one",
        )
    return path


def _categories() -> list[dict[str, Any]]:
    return [category_row(row.id, row.name, row.supercategory) for row in coco_classes()]


def _image_row(frame: Frame) -> dict[str, Any]:
    height_px, width_px = frame.size_px
    return {
        "id": frame.image_id,
        "file_name": f"{frame.name}.jpg",
        "height": height_px,
        "width": width_px,
    }
