"""Small sets of shards made by code, and places on URLs to put them."""

import http.server
import io
import threading
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from vsda.sample import FrameFacts, Sample, legal_key
from vsda.shards.index import ShardIndex, ShardSet, index_path
from vsda.shards.write import write_shard
from vsda.storage import write_atomic

HEIGHT_PX, WIDTH_PX = 4, 6


def jpeg(number, height_px=HEIGHT_PX, width_px=WIDTH_PX):
    picture = np.full((height_px, width_px, 3), 20 * number % 256, dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG")
    return data.getvalue()


def frame(number, sequence="bear", **changes):
    """A frame whose mask has 24 pixels: one row of person, 2 pixels of void, else background."""
    seg = np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.uint8)
    seg[1] = 1
    seg[3, :2] = 255
    facts = FrameFacts(
        dataset="davis",
        split="train",
        sequence=sequence,
        frame=f"{number:05d}",
        frame_index=number,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        labelled=True,
        classes=(1,),
    )
    key = legal_key("davis", sequence or "still", f"{number:05d}")
    values = {"key": key, "jpg": jpeg(number), "seg": seg, "inst": seg // 255, "facts": facts}
    return Sample(**values | changes)


def make_set(folder, shards, name="davis-train", **fields):
    """Write each list of samples as one shard, and the index."""
    infos = tuple(
        write_shard(Path(folder) / f"{name}-{number:06d}.tar", samples)
        for number, samples in enumerate(shards)
    )
    index = ShardIndex(name=name, dataset="davis", split="train", shards=infos, **fields)
    write_atomic(Path(index_path(str(folder), name)), index.to_json())
    return ShardSet(index, str(folder))


@pytest.fixture
def davis(tmp_path):
    """Three shards of two, three and one frames; the third frame has no masks."""
    return make_set(
        tmp_path,
        [
            [frame(0), frame(1)],
            [frame(0, "cows", seg=None, inst=None), frame(1, "cows"), frame(5, "cows")],
            [frame(7, "dog-agility")],
        ],
        settings={"remap": "coco"},
        outcomes={"ok": 6, "left-out": 2},
        notes=("a note",),
    )


@pytest.fixture
def memory(request):
    """A folder of fsspec's memory file system."""
    filesystem = fsspec.filesystem("memory")
    folder = f"/{request.node.name}"
    filesystem.mkdirs(folder, exist_ok=True)
    yield f"memory:/{folder}"
    filesystem.rm(folder, recursive=True)


def copy_files(source, target):
    """Copy the files of a local folder to a URL."""
    for path in Path(source).iterdir():
        with fsspec.open(f"{target}/{path.name}", "wb") as file:
            file.write(path.read_bytes())


class _RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and, unlike its parent, single ranges of them."""

    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        wanted = self.headers.get("Range") if self.server.answers_ranges else None
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        data = path.read_bytes()
        piece = data[int(first) : int(last) + 1 if last else None]
        self.send_response(206)
        self.send_header("Content-Length", str(len(piece)))
        end = int(first) + len(piece) - 1
        self.send_header("Content-Range", f"bytes {first}-{end}/{len(data)}")
        self.end_headers()
        self.wfile.write(piece)


@pytest.fixture
def serve():
    """Serve a folder over HTTP; returns its URL."""
    servers = []

    def start(folder, answers_ranges=True):
        def handler(*arguments):
            return _RangeHandler(*arguments, directory=str(folder))

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.answers_ranges = answers_ranges
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def flipped(data, bit):
    """Return `data` with one bit turned."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def cuts(num_bytes):
    """Return every length at a block boundary of a tar and one inside each block."""
    return [*range(0, num_bytes, 512), *range(200, num_bytes, 512)]
