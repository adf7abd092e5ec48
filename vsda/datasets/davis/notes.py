"""What a user of a set of DAVIS should know."""

from collections.abc import Iterable

from vsda.datasets.davis.layout import FoundSequence, Layout
from vsda.manifests import davis_sequences


def list_note(layout: Layout, split: str, *, is_listed: bool) -> list[str]:
    """Return whether the manifest stands in for a list of the split."""
    return [] if is_listed else [f"no {layout.split_list(split)}; the manifest's list is used"]


def manifest_notes(split: str, found: Iterable[FoundSequence]) -> list[str]:
    """Return what of the manifest's sequences and frames is not here."""
    sizes = {row.name: row.num_frames for row in davis_sequences() if row.split == split}
    present = {row.name: row.num_frames for row in found if row.name in sizes and row.images}
    other = [
        f"{name} {num_frames} of {sizes[name]}"
        for name, num_frames in present.items()
        if num_frames != sizes[name]
    ]
    notes = []
    if len(present) < len(sizes):
        notes.append(f"only {len(present)} of the manifest's {len(sizes)} sequences are here")
    if other:
        notes.append(f"frames other than in the manifest: {', '.join(other)}")
    return notes


def left_out_note(left_out: list[FoundSequence]) -> list[str]:
    """Return which sequences hold no object of a chosen class."""
    if not left_out:
        return []
    names = ", ".join(sequence.name for sequence in left_out)
    return [f"left out, no object of a chosen class: {names}"]
