"""Which label every value of a dataset's mask gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vsda.errors import UnknownNameError, UsageError
from vsda.manifests import BACKGROUND_CLASS, IGNORE_CLASS
from vsda.taxonomy import ALL, BACKGROUND_ID, IGNORE_INDEX, SHARED, ClassSet, class_set

REMAP_COCO = "coco"
REMAP_NONE = "none"
REMAPS = (REMAP_COCO, REMAP_NONE)
OUTSIDE_IDS = {BACKGROUND_CLASS: BACKGROUND_ID, IGNORE_CLASS: IGNORE_INDEX}


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelRules:
    """How mask values become COCO ids; made by `label_rules`.

    Attributes:
        classes: The chosen classes; None if mask values stay as they are.
        outside: `background` or `ignore`, what objects of no chosen class become.
    """

    classes: ClassSet | None
    outside: str = BACKGROUND_CLASS

    def value_table(self, class_of_value: Mapping[int, str]) -> dict[int, int]:
        """Return the COCO id of every mask value.

        Args:
            class_of_value: A COCO class name, `background`, `ignore`, or `NO_CLASS` for an object
                of which COCO has no class.
        """
        classes = self.classes or ClassSet((), ())
        ids = dict(zip(classes.names, classes.ids, strict=True)) | OUTSIDE_IDS
        outside = OUTSIDE_IDS[self.outside]
        return {value: ids.get(name, outside) for value, name in class_of_value.items()}

    def settings(self) -> dict[str, Any]:
        """Return what an index records of the rules."""
        if self.classes is None:
            return {"remap": REMAP_NONE, "classes": None, "outside": None}
        return {
            "remap": REMAP_COCO,
            "classes": list(self.classes.names),
            "outside": self.outside,
        }


def label_rules(
    remap: str, classes: str | None, outside: str, shared_with: str = "davis"
) -> LabelRules:
    """Return the rules that the options `--remap`, `--classes` and `--outside` ask for.

    Args:
        remap: `coco`, or `none` to leave mask values as they are.
        classes: See `taxonomy.class_set`; None stands for `shared`, or `all` with `none`.
        outside: `background` or `ignore`.
        shared_with: The dataset that plain `shared` means.

    Raises:
        UnknownNameError: A word that none of the options takes.
        UsageError: Classes are chosen although nothing is remapped.
    """
    if remap not in REMAPS:
        raise UnknownNameError("--remap", remap, REMAPS)
    if outside not in OUTSIDE_IDS:
        raise UnknownNameError("--outside", outside, OUTSIDE_IDS)
    if remap == REMAP_COCO:
        return LabelRules(
            classes=class_set(SHARED if classes is None else classes, shared_with), outside=outside
        )
    if classes not in {None, ALL}:
        raise UsageError(
            f"--remap none keeps every item and leaves its mask as it is, but --classes is "
            f"{classes!r}; leave --classes out, or use --remap coco"
        )
    return LabelRules(classes=None)


def chosen_classes(table: Mapping[int, int]) -> tuple[int, ...]:
    """Return the COCO ids that a value table can give, without background and ignore."""
    return tuple(sorted(set(table.values()) - set(OUTSIDE_IDS.values())))
