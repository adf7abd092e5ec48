"""Folders on URLs: fsspec's memory file system, and a server on this machine."""

import http.server
import threading
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest


@pytest.fixture
def memory(tmp_path):
    """A folder of fsspec's memory file system."""
    filesystem = fsspec.filesystem("memory")
    folder = f"/{tmp_path.name}"
    filesystem.mkdirs(folder, exist_ok=True)
    yield f"memory:/{folder}"
    filesystem.rm(folder, recursive=True)


class _RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and, unlike its parent, single ranges of them."""

    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        wanted = self.headers.get("Range") if self.server.answers_ranges else None
        path = Path(self.translate_path(self.path))
        first, _, last = (wanted or "").removeprefix("bytes=").partition("-")
        if not path.is_file() or not first or (last and int(last) < int(first)):
            super().do_GET()  # also for a range that is none, which a server has to pass over
            return
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


@pytest.fixture
def picky():
    """A folder of a file system of folders: half a file can be seen, no name is given twice."""
    from fsspec.implementations.memory import MemoryFileSystem

    class PickyFileSystem(MemoryFileSystem):
        protocol = "picky"
        store: ClassVar[dict] = {}
        pseudo_dirs: ClassVar[list] = [""]

        def mv(self, source, target, **options):
            if self.exists(target):
                raise FileExistsError(target)
            self.cp_file(source, target)
            self.rm_file(source)

        def put_file(self, path, target, **options):
            assert target.endswith(".part")
            super().put_file(path, target, **options)

        def modified(self, path):
            raise NotImplementedError

    fsspec.register_implementation("picky", PickyFileSystem, clobber=True)
    return "picky://folder"
