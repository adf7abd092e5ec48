"""A server on this machine that fails as told, and remembers what it was asked."""

import contextlib
import http.server
import threading
from pathlib import Path

import pytest


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with files and ranges of them, or with the next of its server's troubles."""

    def log_message(self, *arguments):
        """Say nothing."""

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def _answer(self, with_body):
        state = self.server.state
        trouble = state.asked(self.command, self.path)
        path = Path(state.folder) / self.path.lstrip("/")
        if isinstance(trouble, int) or not path.is_file():
            self._send(trouble or 404, b"", {})
        elif trouble == "drop":
            self.connection.close()
        else:
            data, status, headers = path.read_bytes(), 200, {}
            if (wanted := self.headers.get("Range")) is not None and trouble != "whole":
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                data, status = data[int(first) : int(last) + 1], 206
                headers = {"Content-Range": f"bytes {first}-{last}/*"}
            if trouble == "cut":
                headers["Content-Length"] = str(len(data))
                data = data[: len(data) // 2]
            elif trouble == "short":
                data = data[: len(data) // 2]
            self._send(status, data, headers, with_body=with_body)

    def _send(self, status, data, headers, *, with_body=True):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(data)


class Troubled:
    """What a server is to do, and what it did.

    Attributes:
        url: Where it answers.
        folder: What it serves.
        troubles: What to do with the next requests that `hits` accepts, one after another: a status
            such as 503; `drop` the connection; `cut` the body, or send a `short` one that says so;
            send the `whole` file; `hang`; None to answer. After the last, it answers.
        lasting: A trouble for all requests that `hits` accepts, when `troubles` is empty.
        meeting: Requests that `hits` accepts wait until so many are there.
        requests: Method and path of each request so far.
    """

    def __init__(self, folder):
        self.folder, self.url = folder, ""
        self.troubles, self.lasting, self.meeting = [], None, None
        self.requests = []
        self.hits = lambda method, path: path.endswith(".tar")
        self.stopped = threading.Event()

    def asked(self, method, path):
        self.requests.append((method, path.lstrip("/")))
        if not self.hits(method, path):
            return None
        if self.meeting is not None:
            self.meeting.wait(timeout=20)
        trouble = self.troubles.pop(0) if self.troubles else self.lasting
        if trouble == "hang":
            self.stopped.wait(60)
            return "drop"
        return trouble


@pytest.fixture
def troubled():
    """Serve a folder over HTTP; returns a `Troubled`."""
    servers = []

    def start(folder):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.state = Troubled(folder)
        server.state.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server.state

    yield start
    for server in servers:
        server.state.stopped.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def short_pauses(monkeypatch):
    """Failed requests are repeated three times, at once."""
    monkeypatch.setattr("vsda.storage.ranges.PAUSES_S", (0.01, 0.01, 0.01))
