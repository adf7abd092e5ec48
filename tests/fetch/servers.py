"""A web server on this machine whose faults a test chooses."""

import gzip
import hashlib
import http.server
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

PAGE = b"<!DOCTYPE html><html><body>404: this video does not exist</body></html>"


@dataclass
class Faults:
    """What goes wrong; the defaults are a server that does everything right.

    Attributes:
        cut_after_bytes: A body ends after so many bytes, and with it the connection...
        num_cuts: ...for the first so many bodies; None for all.
        ranges: False for a server that sends the whole file whatever is asked for.
        etag: `strong`, `weak` or `none`.
        dated: Whether there is a Last-Modified.
        stated_bytes: A Content-Length that is not true.
        sized: False for a body that ends where the connection does, without a Content-Length.
        chunked: True for a body in chunks, without a Content-Length.
        page: `status` for an honest 404; `html` for a web page with status 200; `video` for one
            that is called video/mp4.
        statuses: Answered to the first requests, one each.
        retry_after: The header of that name beside those statuses.
        hang_s: The server says nothing for so long, before each of the first `num_hangs` bodies.
        num_hangs: None for all.
        bytes_per_s: How slow it sends.
        packed: Content-Encoding: gzip, whatever the client says.
        content_range: In place of the true one.
        redirects: How often a request is sent on to the same file.
        longest_piece_bytes: A range is answered with at most so many bytes.
        content_type: In place of the true one.
    """

    cut_after_bytes: int | None = None
    num_cuts: int | None = None
    ranges: bool = True
    etag: str = "strong"
    dated: bool = True
    stated_bytes: int | None = None
    sized: bool = True
    chunked: bool = False
    page: str | None = None
    statuses: list[int] = field(default_factory=list)
    retry_after: str | None = None
    hang_s: float = 0.0
    num_hangs: int | None = None
    bytes_per_s: int | None = None
    packed: bool = False
    content_range: str | None = None
    redirects: int = 0
    longest_piece_bytes: int | None = None
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Asked:
    """One request: method, path and headers with names in lower case; and how many body bytes."""

    method: str
    path: str
    headers: dict[str, str]


class FaultyServer:
    """Serves `folder` on loopback, with `faults`; used in a `with` block.

    `asked` is the list of requests, `num_sent_bytes` the sum of all bodies. Faults may be changed
    while it runs.
    """

    def __init__(self, folder: Path, **faults: object) -> None:
        self.folder = folder
        self.faults = Faults(**faults)  # type: ignore[arg-type]
        self.asked: list[Asked] = []
        self.num_sent_bytes = 0
        self.num_bodies = 0
        self.stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.faulty = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """The address of the folder, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def paths(self) -> list[str]:
        """Return the paths of all requests, in order."""
        return [row.path for row in self.asked]

    def __enter__(self) -> "FaultyServer":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    @property
    def _faulty(self) -> FaultyServer:
        return self.server.faulty  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server, faults = self._faulty, self._faulty.faults
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.asked.append(Asked(self.command, self.path, headers))
        with suppress(BrokenPipeError, ConnectionResetError):
            if faults.statuses:
                self._refuse(faults.statuses.pop(0))
            elif faults.redirects:
                faults.redirects -= 1
                self.send_response(302)
                self.send_header("Location", f"{self.path}?again={faults.redirects}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._serve(faults)

    def _serve(self, faults: Faults) -> None:
        path = self._faulty.folder / unquote(urlsplit(self.path).path).lstrip("/")
        if faults.page == "status" or (not path.is_file() and faults.page is None):
            self._refuse(404)
        elif faults.page is not None:
            self._send_page("video/mp4" if faults.page == "video" else "text/html; charset=utf-8")
        else:
            self._send_file(path, faults)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        if self._faulty.faults.retry_after is not None:
            self.send_header("Retry-After", self._faulty.faults.retry_after)
        self.send_header("Content-Length", str(len(PAGE)))
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self._send_body(PAGE)

    def _send_page(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self._send_body(PAGE)

    def _send_file(self, path: Path, faults: Faults) -> None:
        data = path.read_bytes()
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        date = self.date_time_string(int(path.stat().st_mtime))
        start = self._first_byte(etag, date) if faults.ranges else None
        if start is not None and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = data[start or 0 :]
        if start is not None and faults.longest_piece_bytes:
            body = body[: faults.longest_piece_bytes]
        if faults.packed:
            body = gzip.compress(body)
        self.send_response(200 if start is None else 206)
        if start is not None:
            span = f"bytes {start}-{start + len(body) - 1}/{len(data)}"
            self.send_header("Content-Range", faults.content_range or span)
        self._describe(faults, etag, date, len(body))
        self._send_body(body, faults)

    def _first_byte(self, etag: str, date: str) -> int | None:
        """Return where the wanted range starts, None if the whole file is to be sent."""
        wanted = self.headers.get("Range", "")
        condition = self.headers.get("If-Range")
        if not wanted.startswith("bytes=") or condition not in {None, etag, date}:
            return None
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def _describe(self, faults: Faults, etag: str, date: str, num_bytes: int) -> None:
        self.send_header("Content-Type", faults.content_type)
        if faults.etag != "none":
            self.send_header("ETag", f"W/{etag}" if faults.etag == "weak" else etag)
        if faults.dated:
            self.send_header("Last-Modified", date)
        if faults.packed:
            self.send_header("Content-Encoding", "gzip")
        if faults.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif faults.sized:
            self.send_header("Content-Length", str(faults.stated_bytes or num_bytes))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_body(self, body: bytes, faults: Faults | None = None) -> None:
        if self.command == "HEAD":
            return
        server = self._faulty
        server.num_bodies += 1
        if faults is None:
            self._write(body)
            return
        if faults.hang_s and (faults.num_hangs is None or server.num_bodies <= faults.num_hangs):
            server.stopping.wait(faults.hang_s)
        is_cut = faults.cut_after_bytes is not None and (
            faults.num_cuts is None or server.num_bodies <= faults.num_cuts
        )
        whole = len(body)
        body = body[: faults.cut_after_bytes] if is_cut else body
        self._write_slowly(body, faults)
        if faults.chunked and len(body) == whole:
            self.wfile.write(b"0\r\n\r\n")
        if len(body) != whole or faults.stated_bytes or not faults.sized:
            self.close_connection = True

    def _write_slowly(self, body: bytes, faults: Faults) -> None:
        step = max(1, faults.bytes_per_s // 50) if faults.bytes_per_s else max(1, len(body))
        for first in range(0, len(body), step):
            piece = body[first : first + step]
            if faults.chunked:
                self.wfile.write(f"{len(piece):x}\r\n".encode())
            self._write(piece)
            if faults.chunked:
                self.wfile.write(b"\r\n")
            if faults.bytes_per_s:
                if self._faulty.stopping.is_set():
                    return
                time.sleep(0.02)

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
        self._faulty.num_sent_bytes += len(data)
