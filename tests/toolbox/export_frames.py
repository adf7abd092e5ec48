"""Frames with known masks, sets whose names are meant to break out, and what an export holds."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.shards.frames import frame, jpeg
from vsda.sample import FrameFacts, Sample
from vsda.shards.idx import split_member
from vsda.shards.index import ShardIndex, ShardInfo, index_path
from vsda.toolbox.export import ExportOptions, export_sets

SIZE = (4, 6)


def grid(*rows):
    """A mask of 4 x 6 pixels from rows of text: one letter per pixel, see `VALUES`."""
    return np.array([[VALUES[letter] for letter in row] for row in rows], dtype=np.uint8)


VALUES = {".": 0, "p": 1, "d": 18, "v": 255, "1": 1, "2": 2, "3": 3, "4": 4}

SEG = grid("pp..dd", "pp..dd", "......", "pp..vv")
INST = grid("11..33", "11..33", "...1..", "22..33")
"""Two persons, a dog that reaches into void, and a pixel of the first person on background."""


def still(key, seg=SEG, **changes):
    """A still image called by its key `<dataset>/<folder>/<stem>`."""
    dataset, folder, stem = key.split("/")
    facts = FrameFacts(
        dataset=dataset,
        split=folder.removesuffix("2017"),
        sequence=None,
        frame=stem,
        frame_index=0,
        width_px=SIZE[1],
        height_px=SIZE[0],
        labelled=seg is not None,
    )
    return Sample(key=key, jpg=jpeg(3), seg=seg, inst=None, facts=facts, **changes)


def clip(name, num_frames, **changes):
    """Frames of a sequence, each with a person and void, which are objects 1 and 255."""
    masks = {"inst": frame(0).seg} | changes
    return [frame(number, name, **masks) for number in range(num_frames)]


def exported(place, out, layout, **more):
    """Export one place or several; return the report."""
    places = [place] if isinstance(place, str) else place
    return export_sets(places, ExportOptions(out=out, layout=layout, **more))


def files(folder):
    """The content of every file below a folder, the marker included, by its path."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def names(folder):
    """The names of what lies directly in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())


def picture(path):
    """The values of a PNG."""
    with Image.open(path) as image:
        return np.asarray(image)


def raw_facts(**changes):
    """The facts of a sound frame, as the JSON of a tar, with other values."""
    facts = json.loads(frame(0).facts.to_json())
    return json.dumps(facts | changes).encode()


def hostile_set(folder, members, name="bad", shown_as=None):
    """Write a set whose hashes are all right and whose members are called as given.

    Its `.idx` calls the one sample `shown_as`, None for its name in the tar.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tar = folder / f"{name}-000000.tar"
    with tarfile.open(tar, "w") as archive:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    rows = {}
    with tarfile.open(tar) as archive:
        for row in archive:
            key, field = split_member(row.name)
            key = shown_as or key
            rows.setdefault(key, []).append(f"{field} {row.offset_data} {row.size} {key}.{field}")
    lines = [" ".join(words) for words in rows.values()]
    idx = "\n".join([f"v1.2 {len(lines)}", *lines, ""]).encode()
    tar.with_suffix(".idx").write_bytes(idx)
    shard = ShardInfo(
        url=tar.name,
        nsamples=len(lines),
        filesize=tar.stat().st_size,
        sha256=hashlib.sha256(tar.read_bytes()).hexdigest(),
        idx_sha256=hashlib.sha256(idx).hexdigest(),
        class_pixels={},
        class_frames={},
    )
    made = ShardIndex(name=name, dataset="davis", split="train", shards=(shard,))
    Path(index_path(str(folder), name)).write_bytes(made.to_json())
    return f"{folder}/{name}"
