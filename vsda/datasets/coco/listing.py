"""The images of a split as an annotation file names them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vsda.datasets.coco.layout import NAME, annotation_file, image_folder, some
from vsda.datasets.coco.table import AnnotatedImage, CocoTable, TableKind, read_table
from vsda.datasets.coco.things import MAX_INSTANCES, count_objects, thing_classes
from vsda.datasets.labels import OUTSIDE_IDS
from vsda.datasets.listing import (
    Failure,
    FoundFile,
    Item,
    Listing,
    Request,
    Unit,
    find_files,
    frame_order,
)
from vsda.errors import Outcome
from vsda.sample import legal_key


def list_annotated(request: Request, kind: TableKind, mask_folder: str | None) -> Listing:
    """Return the images of a split that hold an object of a chosen class.

    Images that the file does not name are not labelled, so they are noted and passed over. Which
    classes an image holds is taken from the file; a class that only crowds have is not there.

    Args:
        request: What is wanted.
        kind: Of the annotation file.
        mask_folder: Where its PNGs lie; None if it has none.

    Raises:
        DatasetError: The file as a whole cannot be used.
    """
    file = annotation_file(kind.name, request.split)
    table = read_table(request.root / file, kind)
    folder = request.root / image_folder(request.split)
    masks = {} if mask_folder is None else find_files(request.root / mask_folder, ".png")
    sorter = _Sorter(request, table, find_files(folder, ".jpg"), mask_folder, masks)
    units = tuple(sorter.units())
    return Listing(
        dataset=NAME,
        split=request.split,
        root=request.root,
        units=units,
        settings={"labels": kind.name},
        num_left_out=sorter.num_left_out,
        failures=tuple(sorter.failures),
        notes=tuple(sorter.notes(file)),
    )


@dataclass(slots=True)
class _Sorter:
    """Sorts the images into those that are written, left out, broken and not labelled."""

    request: Request
    table: CocoTable
    images: Mapping[str, FoundFile]
    mask_folder: str | None
    masks: Mapping[str, FoundFile]
    failures: list[Failure] = field(default_factory=list)
    num_left_out: int = 0
    num_crowded: int = 0

    def units(self) -> Iterator[Unit]:
        """Yield what is to be written, in the order of the file names."""
        values = self._values()
        chosen = None if values is None else _chosen(values)
        for stem in sorted(self._labelled(), key=frame_order):
            image = self.table.images[stem]
            if image.fault is not None:
                self._fail(stem, Outcome.UNREADABLE, image.fault)
            elif chosen is not None and not chosen & image.categories():
                self.num_left_out += stem in self.images
            elif stem not in self.images:
                self._fail(stem, Outcome.MISSING, f"{self._image(stem)}: annotated, but no image")
            elif lacking := [name for name in image.masks if name[:-4] not in self.masks]:
                missing = f"{self.mask_folder}/{lacking[0]}: annotated, but not there"
                self._fail(stem, Outcome.MISSING, missing)
            else:
                self.num_crowded += count_objects(image.things) > MAX_INSTANCES
                yield Unit(sequence=None, items=(self._item(stem, image),), table=values)

    def notes(self, file: str) -> Iterator[str]:
        """Yield what a user of the set should know."""
        num_unlabelled = len(self.images.keys() - self._labelled())
        if num_unlabelled:
            yield f"{num_unlabelled} of {len(self.images)} images are not in {file}, not written"
        classes = self.request.rules.classes
        absent = set(classes.names) - set(self.table.categories.values()) if classes else set()
        if absent:
            yield f"{file} has no category {some(sorted(absent))}"
        if self.num_crowded:
            yield (
                f"{self.num_crowded} images have more than {MAX_INSTANCES} objects; those beyond "
                "have no number in inst.png (255)"
            )

    def _labelled(self) -> set[str]:
        """Return the images that the file labels: without an object there may be no row."""
        has_masks = self.mask_folder is not None
        return {
            stem
            for stem, image in self.table.images.items()
            if image.masks or image.fault or not has_masks
        }

    def _values(self) -> Mapping[int, int] | None:
        if self.request.rules.classes is None:
            return None
        return self.request.rules.value_table(thing_classes(self.table.categories))

    def _item(self, stem: str, image: AnnotatedImage) -> Item:
        mask = self.masks[image.masks[0][:-4]] if image.masks else None
        found = self.images[stem]
        return Item(
            key=self._key(stem),
            frame=stem,
            frame_index=0,
            image=self._image(stem),
            mask=f"{self.mask_folder}/{image.masks[0]}" if image.masks else None,
            image_bytes=found.size_bytes,
            mask_bytes=0 if mask is None else mask.size_bytes,
            changed_ns=found.changed_ns if mask is None else max(found.changed_ns, mask.changed_ns),
            annotation=image.annotation,
        )

    def _fail(self, stem: str, outcome: Outcome, message: str) -> None:
        self.failures.append(Failure(key=self._key(stem), outcome=outcome, message=message))

    def _key(self, stem: str) -> str:
        return legal_key(NAME, image_folder(self.request.split), stem)

    def _image(self, stem: str) -> str:
        return f"{image_folder(self.request.split)}/{stem}.jpg"


def _chosen(values: Mapping[int, int]) -> set[int]:
    return {
        category_id for category_id, value in values.items() if value not in OUTSIDE_IDS.values()
    }
