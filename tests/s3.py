"""An S3 server on this machine, for tests that write to and read from `s3://`."""

import http.server
import logging
import threading
from contextlib import suppress

import pytest

BUCKET = "bucket"


@pytest.fixture(scope="session")
def s3_environment():
    """The variables by which every process finds an S3 server with an empty bucket."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it reports every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    server.stop()


@pytest.fixture
def s3(s3_environment, monkeypatch, tmp_path_factory):
    """An empty folder `s3://bucket/...` for this process and those that it starts."""
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    filesystem = _filesystem()
    if not filesystem.exists(BUCKET):
        filesystem.mkdir(BUCKET)
    folder = f"{BUCKET}/{tmp_path_factory.mktemp('s3').name}"
    yield f"s3://{folder}"
    if filesystem.exists(folder):
        filesystem.rm(folder, recursive=True)


@pytest.fixture
def other_s3(s3, monkeypatch):
    """Let this process, and those that it starts, find another S3 server or none."""
    import s3fs

    def change(**variables):
        for name, value in variables.items():
            if value is None:
                monkeypatch.delenv(name)
            else:
                monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()

    yield change
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def denying_server():
    """The address of an S3 server that lets nobody do anything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # a client asks whether to go on before it sends a body

        def log_message(self, *arguments):
            """Say nothing."""

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def s3_objects(folder):
    """Return the content of every object below `s3://...`, by its name there."""
    filesystem, inner = _filesystem(), folder.removeprefix("s3://")
    found = {}
    for path in filesystem.find(inner):
        with suppress(FileNotFoundError):  # another process has deleted it since
            found[path.removeprefix(f"{inner}/")] = filesystem.cat_file(path)
    return found


def _filesystem():
    import fsspec

    return fsspec.filesystem("s3", use_listings_cache=False)
