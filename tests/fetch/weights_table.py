"""A table of weights whose files are small enough to be served by a test."""

import hashlib
import json
import random
import struct
from pathlib import Path

from vsda.manifests import weights, weights_sources


def safetensors_bytes(num_bytes):
    """Return a file of safetensors with noise as its values, `num_bytes` long."""
    size_bytes = num_bytes - 100
    row = {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}
    header = json.dumps({"a": row}).ljust(92).encode()
    return struct.pack("<Q", len(header)) + header + random.Random(3).randbytes(size_bytes)


FILES = {
    "swin.pth": random.Random(1).randbytes(300_000),
    "resnet-cafe.pth": random.Random(2).randbytes(40_000),
    "hub.safetensors": safetensors_bytes(20_000),
}
NAMES = {"swin": "swin.pth", "resnet": "resnet-cafe.pth", "hub": "hub.safetensors"}
"""Of `swin` all is known, of `resnet` the first digits of its digest, of `hub` nothing."""

KNOWN = {
    "swin.pth": (str(len(FILES["swin.pth"])), hashlib.sha256(FILES["swin.pth"]).hexdigest()),
    "resnet-cafe.pth": ("-", hashlib.sha256(FILES["resnet-cafe.pth"]).hexdigest()[:8] + "..."),
    "hub.safetensors": ("-", "-"),
}


def write_table(path: Path) -> Path:
    """Write the table of the three files, whose authors' server cannot be reached."""
    rows = [weights._COLUMNS]
    for name, file in NAMES.items():
        url = f"http://127.0.0.1:9/{file}"
        rows.append((name, "swin_upernet", "authors", file, url, *KNOWN[file], "ADE20k", "-"))
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


def use_table(path: Path) -> None:
    """Let this process read the table at `path` in place of its own, for good."""
    weights.manifest_path = lambda *_: path
    weights_sources.cache_clear()


def serve(folder: Path) -> Path:
    """Write the files into `folder`, for a server or as a mirror."""
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder
