"""Folders of images and masks that any program reads, `vsda prepare folder` included.

Layout: `images/<sequence>/<frame>.jpg`, `masks/` likewise with COCO ids as values of
PNGs, `instances/` (PNG) and `facts/` (JSON); a still image lies directly in `images/`.
`classes.csv` names the values.
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

from vsda.sample import Sample
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, class_names
from vsda.toolbox.export_layout import Export
from vsda.toolbox.export_pictures import class_png, object_png
from vsda.toolbox.export_segments import known_classes


class FolderLayout:
    """A folder each for images, masks, instances and facts."""

    def __init__(self, export: Export) -> None:
        self._target = export.target
        self._values = {BACKGROUND_ID, IGNORE_INDEX}

    @property
    def num_segments(self) -> int:
        """None: this layout lists no regions."""
        return 0

    def add(self, sample: Sample, settings: Mapping[str, Any], where: str) -> bool:
        """Write the files of a sample."""
        facts = sample.facts
        name = facts.frame if facts.sequence is None else f"{facts.sequence}/{facts.frame}"
        self._target.write(f"images/{name}.jpg", sample.jpg)
        if sample.seg is not None:
            self._values.update(known_classes(sample.seg, where))
            self._target.write(f"masks/{name}.png", class_png(sample.seg))
        if sample.inst is not None:
            self._target.write(f"instances/{name}.png", object_png(sample.inst))
        self._target.write(f"facts/{name}.json", facts.to_json())
        return True

    def finish(self) -> None:
        """Write the names of the values."""
        self._target.flush()
        names, text = class_names(), io.StringIO()
        rows = [(value, names[value]) for value in sorted(self._values)]
        csv.writer(text, lineterminator="\n").writerows([("value", "class"), *rows])
        self._target.write("classes.csv", text.getvalue().encode())

    def close(self) -> None:
        """Do nothing: all files of this layout are closed when they are written."""

    def notes(self) -> list[str]:
        """Return nothing: this layout takes all of a sample."""
        return []
