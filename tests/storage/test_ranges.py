"""Pieces of files on URLs, and what happens while a server is in trouble."""

import threading
from concurrent.futures import wait

import pytest

from tests.places import memory  # noqa: F401  fixture
from tests.troubled import short_pauses, troubled  # noqa: F401  fixtures
from vsda.errors import VsdaError
from vsda.storage import RemoteFiles, exists, file_size, write_atomic
from vsda.storage.ranges import AT_ONCE

DATA = bytes(range(256)) * 8


@pytest.fixture
def server(tmp_path, troubled, short_pauses):  # noqa: F811
    (tmp_path / "a.tar").write_bytes(DATA)
    return troubled(tmp_path)


@pytest.fixture(params=["memory", "http", "s3"])
def place(request, server, memory, s3):  # noqa: F811
    """The same file in remote places of all kinds."""
    if request.param == "http":
        return f"{server.url}/a.tar"
    place = {"memory": memory, "s3": s3}[request.param] + "/a.tar"
    write_atomic(place, DATA)
    return place


def test_pieces_and_sizes_come_from_places_of_all_kinds(place):
    files = RemoteFiles()
    pieces = [files.start_read(place, offset, 7) for offset in (0, 900, 2041)]
    assert [piece.result() for piece in pieces] == [DATA[:7], DATA[900:907], DATA[2041:]]
    assert files.start_read(place, 2040, 100).result() == DATA[2040:]
    assert files.start_file(place, 5000).result() == DATA
    assert files.start_file(place, 50).result() == DATA[:50]
    assert files.start_size(place).result() == len(DATA)


def test_a_missing_file_is_none_or_an_error_that_names_it(place):
    files, missing = RemoteFiles(), f"{place}-missing"
    assert files.start_file(missing, 50).result() is None
    assert files.start_size(missing).result() is None
    with pytest.raises(VsdaError, match=f"^{missing}: cannot be read: "):
        files.start_read(missing, 0, 5).result()


def test_requests_are_under_way_together_but_not_more_than_a_server_bears(server):
    server.meeting = threading.Barrier(AT_ONCE)  # each waits until so many are there
    files = RemoteFiles()
    pieces = [files.start_read(f"{server.url}/a.tar", at, 1) for at in range(2 * AT_ONCE)]
    assert b"".join(piece.result() for piece in pieces) == DATA[: 2 * AT_ONCE]
    server.meeting = threading.Barrier(AT_ONCE + 1)
    pieces = [files.start_read(f"{server.url}/a.tar", at, 1) for at in range(2 * AT_ONCE)]
    assert not wait(pieces, timeout=0.5).done
    server.meeting.abort()


@pytest.mark.parametrize("trouble", [500, 503, 429, "drop", "cut", "short"])
def test_a_request_is_made_again_while_a_server_is_in_trouble(server, trouble):
    server.troubles = [trouble, trouble]
    assert RemoteFiles().start_read(f"{server.url}/a.tar", 10, 90).result() == DATA[10:100]
    assert len(server.requests) == 3


@pytest.mark.parametrize("trouble", [500, 503, "drop"])
def test_sizes_are_asked_for_again_too(server, trouble):
    server.troubles = [trouble, trouble]  # HEAD and GET: fsspec tries both
    assert RemoteFiles().start_size(f"{server.url}/a.tar").result() == len(DATA)


def test_an_answer_that_does_not_come_is_given_up_and_asked_for_again(server, monkeypatch):
    monkeypatch.setattr("vsda.storage.ranges._ANSWER_S", 0.3)
    server.troubles = ["hang"]
    assert RemoteFiles().start_read(f"{server.url}/a.tar", 10, 90).result() == DATA[10:100]


@pytest.mark.parametrize(
    ("trouble", "message"), [(503, "503, "), ("drop", ""), ("cut", ""), ("hang", "TimeoutError")]
)
def test_a_server_that_stays_in_trouble_is_told_with_what_to_do(
    server, monkeypatch, trouble, message
):
    monkeypatch.setattr("vsda.storage.ranges._ANSWER_S", 0.3)
    server.lasting = trouble
    place = f"{server.url}/a.tar"
    with pytest.raises(
        VsdaError,
        match=f"^{place}: cannot be read: {message}.*; check its address and the network, then run",
    ):
        RemoteFiles().start_read(place, 10, 90).result()


@pytest.mark.parametrize("status", [403, 410])
def test_what_will_not_pass_is_not_asked_for_again(server, status):
    server.lasting = status
    with pytest.raises(VsdaError, match=f"cannot be read: {status}"):
        RemoteFiles().start_read(f"{server.url}/a.tar", 10, 90).result()
    assert len(server.requests) == 1


def test_a_server_that_ignores_ranges_gives_the_whole_file_at_once(server):
    server.lasting = "whole"
    assert RemoteFiles().start_read(f"{server.url}/a.tar", 10, 90).result() == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", [500, 503, "drop"])
def test_a_file_of_a_server_in_trouble_is_not_missing(server, trouble):
    server.lasting = trouble
    for look in (exists, file_size):
        with pytest.raises(VsdaError, match=r"a\.tar: cannot be reached: .*; check its address"):
            look(f"{server.url}/a.tar")
    for start in (RemoteFiles().start_size, lambda place: RemoteFiles().start_file(place, 9)):
        with pytest.raises(VsdaError, match=r"a\.tar: cannot be read: .*; check its address"):
            start(f"{server.url}/a.tar").result()


def test_an_s3_server_that_is_gone_is_told_within_bounds(other_s3, short_pauses):  # noqa: F811
    other_s3(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(VsdaError, match="s3://bucket/x: cannot be read: Could not connect"):
        RemoteFiles().start_read("s3://bucket/x", 0, 5).result(timeout=60)
