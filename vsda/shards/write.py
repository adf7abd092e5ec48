"""Write one shard: a plain WebDataset tar and its `.idx`. Same samples, same bytes."""

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from vsda.errors import ShardError
from vsda.sample import PRESENT, FrameFacts, Mask, Sample, legal_key
from vsda.shards.idx import make_idx
from vsda.shards.index import SequenceInfo, ShardInfo
from vsda.shards.masks import encode_mask
from vsda.shards.names import file_name, idx_place
from vsda.storage import Place, atomic_file, sha256_file, write_atomic
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES

_OWNER = "vsda"
_MODE = 0o644


def write_shard(place: Place, samples: Iterable[Sample]) -> ShardInfo:
    """Write the tar at `place` and the `.idx` beside it; return what the tar holds.

    Both files get their names only when they are complete, the tar first: where there is an `.idx`,
    the tar beside it is whole, too.

    Args:
        place: Path or URL, such as `.../davis-train-000000.tar`.
        samples: At least one. The frames of a sequence are neighbours in ascending order.

    Raises:
        ShardError: No samples, a key that is illegal or comes twice, a mask of another size than
            the frame, or frames of a sequence out of order. No file is left then.
        VsdaError: The disk is full, or the server of a URL does not take the files.
    """
    tally = _Tally(place)
    with atomic_file(place) as file:
        _write_tar(file, samples, tally)
        part = Path(file.name)
        idx, sha256, size_bytes = make_idx(part), sha256_file(part), part.stat().st_size
    write_atomic(idx_place(place), idx)
    return ShardInfo(
        url=file_name(str(place)),
        nsamples=len(tally.keys),
        filesize=size_bytes,
        sha256=sha256,
        idx_sha256=hashlib.sha256(idx).hexdigest(),
        class_pixels=dict(sorted(tally.class_pixels.items())),
        class_frames=dict(sorted(tally.class_frames.items())),
        sequences=tally.sequences(),
    )


def _write_tar(file: IO[bytes], samples: Iterable[Sample], tally: "_Tally") -> None:
    """Write what webdataset's own writer would, without it: importing it takes torch along."""
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for sample in samples:
            tally.add(sample)
            for name, data in sorted(_fields(sample).items()):
                tar.addfile(_member(f"{sample.key}.{name}", len(data)), io.BytesIO(data))
    if not tally.keys:
        raise ShardError(f"{tally.place}: no samples to write; an empty shard is never written")
    file.flush()


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size_bytes
    member.mode = _MODE
    member.uname = member.gname = _OWNER
    return member


def _fields(sample: Sample) -> dict[str, bytes]:
    masks = {"seg.png": sample.seg, "inst.png": sample.inst}
    encoded = {name: encode_mask(mask) for name, mask in masks.items() if mask is not None}
    return {"jpg": sample.jpg, "json": sample.facts.to_json()} | encoded


class _Tally:
    """What has gone into a shard so far; refuses what would spoil it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.keys: set[str] = set()
        self.class_pixels: Counter[int] = Counter()
        self.class_frames: Counter[int] = Counter()
        self._frames: dict[str, list[int]] = {}
        self._classes: dict[str, set[int]] = {}

    def add(self, sample: Sample) -> None:
        """Check `sample` and count it."""
        self._check_key(sample.key)
        self._check_masks(sample)
        self.keys.add(sample.key)
        pixels = class_pixels(sample.seg)
        self.class_pixels.update(pixels)
        classes = pixels.keys() | boxed_classes(sample.facts)
        self.class_frames.update(dict.fromkeys(classes, 1))
        if sample.facts.sequence is not None:
            self._add_frame(sample, sample.facts.sequence)
            self._classes[sample.facts.sequence] |= classes - {BACKGROUND_ID, IGNORE_INDEX}

    def sequences(self) -> tuple[SequenceInfo, ...]:
        """Return the sequences in the order in which they came."""
        return tuple(
            SequenceInfo(name=name, num_frames=len(frames), classes=tuple(sorted(classes)))
            for (name, frames), classes in zip(
                self._frames.items(), self._classes.values(), strict=True
            )
        )

    def _check_key(self, key: str) -> None:
        parts = key.split("/")
        if not all(parts) or legal_key(*parts) != key:
            raise ShardError(
                f"{self.place}: {key!r} is no key that WebDataset keeps as it is; make keys with "
                "legal_key"
            )
        if key in self.keys:
            raise ShardError(f"{self.place}: the key {key!r} comes twice; keys are unique")

    def _check_masks(self, sample: Sample) -> None:
        size = (sample.facts.height_px, sample.facts.width_px)
        for mask in (sample.seg, sample.inst):
            if mask is not None and mask.shape != size:
                raise ShardError(
                    f"{self.place}: {sample.key}: the mask is {mask.shape[1]}x{mask.shape[0]} "
                    f"pixels, the frame {size[1]}x{size[0]}"
                )

    def _add_frame(self, sample: Sample, sequence: str) -> None:
        is_new = sequence not in self._frames
        frames = self._frames.setdefault(sequence, [])
        self._classes.setdefault(sequence, set())
        is_last = next(reversed(self._frames)) == sequence
        if not is_last or not (is_new or frames[-1] < sample.facts.frame_index):
            raise ShardError(
                f"{self.place}: {sample.key} (frame index {sample.facts.frame_index}) is out of "
                "order; the frames of a sequence are neighbours in ascending order"
            )
        frames.append(sample.facts.frame_index)


def class_pixels(seg: Mask | None) -> dict[int, int]:
    """Return the number of pixels of each COCO id in a mask, 0 and 255 included."""
    if seg is None:
        return {}
    counts = np.bincount(seg.ravel(), minlength=NUM_VALUES)
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def boxed_classes(facts: FrameFacts) -> set[int]:
    """Return the COCO ids of the boxes that are present."""
    return {box["class"] for box in facts.boxes if box["presence"] == PRESENT}
