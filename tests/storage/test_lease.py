import json
import logging
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest

from tests.places import memory, picky  # noqa: F401  fixtures
from vsda.errors import VsdaError
from vsda.storage import exclusive, exists, lease, list_names, modified_ns, read_bytes, write_atomic
from vsda.storage.lease import Holder


@pytest.fixture(params=["memory", "s3"])
def lock(request, memory, s3):  # noqa: F811
    """The place of a lock on a URL."""
    return f"{ {'memory': memory, 's3': s3}[request.param] }/.set.lock"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(lease, "_SETTLE_S", 0.2)


def foreign(**facts):
    """A holder on another machine."""
    there = {"host": "far", "machine": "far away", "pid": 7, "since": "noon"}
    return replace(Holder.this_process(), **there | facts)


def age(lock, seconds):
    """Make a file of fsspec's memory `seconds` older."""
    filesystem, path = fsspec.core.url_to_fs(lock)
    filesystem.store[path].modified -= timedelta(seconds=seconds)


def whole(lock):
    """Return the content of a lease that its holder's thread may be reading at this moment.

    A file of fsspec's memory has one position, which all of its readers move.
    """
    filesystem, path = fsspec.core.url_to_fs(lock)
    return filesystem.store[path].getvalue() if "memory" in lock else read_bytes(lock)


def test_a_second_writer_is_told_who_writes(lock):
    def enter_twice():
        with exclusive(lock), exclusive(lock):
            pytest.fail("two writers at once")

    with pytest.raises(VsdaError, match=r"/\.set\.lock: another process is writing here") as error:
        enter_twice()
    assert f"(process {os.getpid()} on " in str(error.value)
    assert "wait for it, or choose another --out" in str(error.value)
    assert "run again 120 s after its death, or delete this file" in str(error.value)


def test_the_lease_is_gone_after_the_block_and_after_an_error(lock):
    def fail():
        with exclusive(lock):
            assert exists(lock)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with exclusive(lock):
        pass
    assert not exists(lock)
    assert list_names(lock.rpartition("/")[0]) == []


def test_of_many_writers_that_start_at_once_one_goes_on(lock):
    start, end = threading.Barrier(8), threading.Event()

    def enter(_):
        start.wait()
        try:
            with exclusive(lock):
                return end.wait(20)
        except VsdaError:
            return False

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(enter, number) for number in range(8)]
        while sum(one.done() for one in running) < 7:
            end.wait(0.05)
        end.set()
        assert sum(one.result() for one in running) == 1


def test_a_lease_that_was_written_lately_is_respected_whatever_it_says(lock):
    for content in (foreign().to_json(), b"", b"no json", b"[]", b"{}"):
        write_atomic(lock, content)
        with pytest.raises(VsdaError, match="another process is writing here"), exclusive(lock):
            pytest.fail("two writers at once")
        assert read_bytes(lock) == content
    with pytest.raises(VsdaError, match=r"\(it says not which\)"), exclusive(lock):
        pytest.fail("two writers at once")


@pytest.mark.parametrize(("seconds", "is_free"), [(110, False), (130, True)])
def test_a_lease_is_taken_over_two_minutes_after_its_last_sign_of_life(
    memory,  # noqa: F811
    seconds,
    is_free,
):
    lock = f"{memory}/.set.lock"
    write_atomic(lock, foreign().to_json())
    age(lock, seconds)
    if is_free:
        with exclusive(lock):
            assert json.loads(read_bytes(lock))["pid"] == os.getpid()
        assert not exists(lock)
    else:
        with pytest.raises(VsdaError, match="process 7 on far since noon"), exclusive(lock):
            pytest.fail("two writers at once")


def test_of_two_that_take_over_one_lease_at_once_one_goes_on(lock, monkeypatch):
    both_saw_it, real_look = threading.Barrier(2), lease._refuse_if_alive

    def look(url):
        real_look(url)
        both_saw_it.wait()

    monkeypatch.setattr(lease, "_refuse_if_alive", look)
    monkeypatch.setattr(lease, "STALE_S", -1)
    monkeypatch.setattr(lease, "_SETTLE_S", 1.5)  # a loaded machine is slow to write both
    write_atomic(lock, foreign().to_json())
    refused = threading.Event()

    def enter(_):
        try:
            with exclusive(lock):
                return refused.wait(20)
        except VsdaError:
            refused.set()
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(enter, range(2))) == [False, True]


def test_a_lease_made_after_the_look_for_one_is_not_overwritten(lock, monkeypatch):
    looks = iter([False])
    monkeypatch.setattr(lease, "exists", lambda url: next(looks, True))
    other = foreign().to_json()
    write_atomic(lock, other)
    with pytest.raises(VsdaError, match="process 7 on far since noon"), exclusive(lock):
        pytest.fail("two writers at once")
    assert read_bytes(lock) == other


_DIE = """
import os, signal, sys
from vsda.storage import exclusive
with exclusive(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_lease_of_a_dead_process_of_this_machine_does_not_hold(s3):
    lock = f"{s3}/.set.lock"
    process = subprocess.run([sys.executable, "-c", _DIE, lock], check=False)
    assert process.returncode == -signal.SIGKILL
    assert exists(lock)
    with exclusive(lock) as check:
        check()
    assert not exists(lock)


def test_a_living_process_of_this_machine_and_a_namesake_elsewhere_are_not_dead():
    here = Holder.this_process()
    assert not here.is_dead()
    assert not replace(here, pid=1).is_dead()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert replace(here, pid=process.pid).is_dead()
    assert not replace(here, pid=process.pid, machine="another container").is_dead()


def test_the_holder_writes_the_lease_again_and_again(lock, monkeypatch):
    monkeypatch.setattr(lease, "REFRESH_S", 0.05)
    seen = set()
    with exclusive(lock):
        content = whole(lock)
        while len(seen) < 2:
            seen.add(modified_ns(lock))
            assert whole(lock) == content


def test_a_holder_learns_that_it_lost_the_lease_and_leaves_that_of_the_other(lock, monkeypatch):
    monkeypatch.setattr(lease, "REFRESH_S", 0.05)
    lost, two_refreshes, real_check = threading.Event(), threading.Barrier(2), lease.Lease.check

    def check_when_lost(holder):
        """Look no earlier than the lease is lost: a look just before it would be a race."""
        assert lost.wait(20)
        if threading.current_thread() is not threading.main_thread():
            with suppress(threading.BrokenBarrierError):  # at the end nobody counts any more
                two_refreshes.wait(20)
        real_check(holder)

    monkeypatch.setattr(lease.Lease, "check", check_when_lost)
    other = foreign().to_json()
    with exclusive(lock) as check:
        write_atomic(lock, other)
        lost.set()
        with pytest.raises(VsdaError, match="process 7 on far since noon has taken over"):
            check()
        two_refreshes.wait(20)
        two_refreshes.wait(20)  # the first refresh is over, and has written nothing
        assert read_bytes(lock) == other
        two_refreshes.abort()
    assert read_bytes(lock) == other


def test_a_place_without_locks_warns_and_still_sees_an_earlier_writer(picky, caplog):  # noqa: F811
    lock = f"{picky}/.set.lock"
    with caplog.at_level(logging.WARNING), exclusive(lock):
        assert "/.set.lock: this kind of place has no locks; make sure that" in caplog.text
        with pytest.raises(VsdaError, match="another process is writing here"), exclusive(lock):
            pytest.fail("two writers at once")
    assert not exists(lock)


def test_a_server_that_cannot_be_reached_is_told(other_s3):
    other_s3(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(VsdaError, match="lock: cannot be read: Could not connect"):
        exclusive("s3://bucket/lock").__enter__()


def test_a_missing_bucket_is_told(s3):
    with pytest.raises(VsdaError, match=r"lock: cannot be written: .*; make the bucket first"):
        exclusive("s3://none/lock").__enter__()


def test_a_lock_on_this_machine_is_never_lost(tmp_path: Path):
    with exclusive(tmp_path / "lock") as check:
        (tmp_path / "lock").write_text("somebody else")
        check()
