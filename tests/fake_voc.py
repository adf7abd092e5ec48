"""A tiny Pascal VOC 2012 in its own layout, made by code."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.fake_worlds import jpeg, mask_png, values, write


class VocTree:
    """A VOC2012 folder to which images are added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("JPEGImages", "SegmentationClass"):
            (root / folder).mkdir(parents=True)

    def add(
        self,
        stem: str,
        classes: Sequence[int] | None = (0, 15, 255),
        objects: Sequence[int] | None = (0, 1, 255),
    ) -> "VocTree":
        """Add an image with a mask of the values `classes` and one of objects, where not None."""
        write(self.image(stem), jpeg())
        if classes is not None:
            write(self.mask(stem), mask_png(values(*classes)))
        if objects is not None and classes is not None:
            write(self.objects(stem), mask_png(values(*objects)))
        return self

    def list(self, split: str, names: Iterable[str]) -> "VocTree":
        """Write the list of a split."""
        text = "".join(f"{name}\n" for name in names)
        write(self.list_path(split), text.encode())
        return self

    def image(self, stem: str) -> Path:
        return self.root / "JPEGImages" / f"{stem}.jpg"

    def mask(self, stem: str) -> Path:
        return self.root / "SegmentationClass" / f"{stem}.png"

    def objects(self, stem: str) -> Path:
        return self.root / "SegmentationObject" / f"{stem}.png"

    def list_path(self, split: str) -> Path:
        return self.root / "ImageSets" / "Segmentation" / f"{split}.txt"


def small_voc(root: Path) -> VocTree:
    """Make a VOC: a person, a dog and a sofa, a sheep to train; a car to test; a photograph."""
    tree = VocTree(root)
    tree.add("2007_000001").add("2007_000002", (0, 12, 18, 255), (0, 1, 2, 255))
    tree.add("2007_000003", (0, 17, 255)).add("2007_000004", (0, 7)).add("2008_000005", None)
    train, val = ["2007_000002", "2007_000001", "2007_000003"], ["2007_000004"]
    return tree.list("train", train).list("val", val).list("trainval", train + val)
