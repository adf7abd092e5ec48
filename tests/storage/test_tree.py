import http.server
import threading

import pytest

from tests.places import memory, picky  # noqa: F401  fixtures
from vsda.errors import VsdaError
from vsda.storage import (
    copy,
    copy_here,
    exists,
    list_names,
    move,
    read_bytes,
    remove,
    remove_tree,
    write_atomic,
)


@pytest.fixture(params=["path", "file-url", "memory", "picky", "s3"])
def folder(request, tmp_path, memory, picky, s3):  # noqa: F811
    """A folder of every kind that can be written to, with two files in it."""
    places = {"path": str(tmp_path), "file-url": f"file://{tmp_path}", "memory": memory}
    place = (places | {"picky": picky, "s3": s3})[request.param]
    for name in ("a", "x/b"):
        write_atomic(f"{place}/{name}", name.encode())
    return place


def test_a_file_is_removed(folder):
    remove(f"{folder}/a")
    assert list_names(folder) == ["x"]


def test_removing_a_missing_file_is_an_error_only_where_asked_for(folder):
    remove(f"{folder}/missing")
    with pytest.raises(FileNotFoundError, match="missing"):
        remove(f"{folder}/missing", missing_ok=False)


def test_a_file_moves_in_place_of_another(folder):
    move(f"{folder}/x/b", f"{folder}/a")
    assert read_bytes(f"{folder}/a") == b"x/b"
    assert not exists(f"{folder}/x/b")


def test_a_file_is_copied_in_place_of_another_and_into_a_new_folder(folder):
    copy(f"{folder}/x/b", f"{folder}/a")
    copy(f"{folder}/x/b", f"{folder}/y/c")
    assert read_bytes(f"{folder}/a") == read_bytes(f"{folder}/y/c") == b"x/b"
    assert read_bytes(f"{folder}/x/b") == b"x/b"
    assert list_names(f"{folder}/y") == ["c"]


def test_a_file_is_copied_here(folder, tmp_path):
    assert copy_here(f"{folder}/x/b", tmp_path / "here" / "b") == 3
    assert (tmp_path / "here" / "b").read_bytes() == b"x/b"
    assert list_names(tmp_path / "here") == ["b"]


def test_a_missing_file_cannot_be_copied_here(folder, tmp_path):
    with pytest.raises(VsdaError, match="missing: cannot be read: there is no such file"):
        copy_here(f"{folder}/missing", tmp_path / "here")


def test_a_folder_is_removed_and_its_namesakes_stay(folder):
    write_atomic(f"{folder}/x.old/c", b"c")
    remove_tree(f"{folder}/x")
    remove_tree(f"{folder}/missing")
    assert list_names(folder) == ["a", "x.old"]
    assert list_names(f"{folder}/x.old") == ["c"]


def test_a_folder_whose_name_looks_like_a_pattern_is_removed_alone(folder):
    write_atomic(f"{folder}/*/c", b"c")
    remove_tree(f"{folder}/*")
    assert list_names(folder) == ["a", "x"]
    assert list_names(f"{folder}/x") == ["b"]


def test_a_whole_bucket_is_never_removed(s3):
    for place in ("s3://bucket", "s3://bucket/"):
        with pytest.raises(ValueError, match="a whole bucket is never removed"):
            remove_tree(place)


def test_files_are_not_copied_between_file_systems(s3, memory):  # noqa: F811
    write_atomic(f"{s3}/a", b"a")
    with pytest.raises(ValueError, match="lie in different file systems"):
        copy(f"{s3}/a", f"{memory}/a")


def test_a_missing_file_is_not_copied(s3):
    with pytest.raises(VsdaError, match=r"/b: cannot be written: not found: .*/a"):
        copy(f"{s3}/a", f"{s3}/b")


@pytest.fixture
def cutting_server():
    """The address of a server that says 10 bytes and sends 4."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            """Say nothing."""

        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()

        def do_GET(self):
            first = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0])
            self.send_response(206)
            self.send_header("Content-Length", str(4 - first))
            self.send_header("Content-Range", f"bytes {first}-3/10")
            self.end_headers()
            self.wfile.write(b"0123"[first:])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_that_came_cut_gets_no_name(cutting_server, tmp_path):
    with pytest.raises(VsdaError, match="/a: 4 bytes came, its server says 10; run again"):
        copy_here(f"{cutting_server}/a", tmp_path / "a")
    assert list_names(tmp_path) == []
