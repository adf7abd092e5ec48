"""Real child processes that hang, crash and grow; none outlives its call or its caller."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.video import sandbox_jobs as jobs
from vsda.errors import ItemError, Outcome, ShardError, VsdaError
from vsda.video.sandbox import _idle_servers, close_servers, run_limited

MIB = 1 << 20


def limited(function, argument=None, timeout_s=60, memory_bytes=1024 * MIB):
    return run_limited(function, argument, timeout_s=timeout_s, memory_bytes=memory_bytes)


def error_of(function, argument=None, **limits):
    with pytest.raises(ItemError) as caught:
        limited(function, argument, **limits)
    return caught.value


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def is_running(pid):
    return state_of(pid) not in {None, "Z"}


def num_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_result_comes_back():
    assert limited(jobs.double, 21) == 42


def test_a_big_result_comes_back_whole():
    assert len(limited(jobs.big, 40 * MIB)) == 40 * MIB


def test_every_call_has_a_process_of_its_own():
    assert len({limited(jobs.my_pid) for _ in range(3)} - {os.getpid()}) == 3


def test_an_endless_loop_is_stopped_at_the_time_limit():
    start = time.monotonic()
    error = error_of(jobs.loop_forever, timeout_s=0.5)
    assert time.monotonic() - start < 5
    assert error.outcome is Outcome.HUNG
    assert str(error) == (
        "loop_forever gave no answer within 0.5 s and was stopped; its last words: still decoding"
    )


def test_an_abort_is_a_crash_with_its_last_words():
    error = error_of(jobs.abort)
    assert error.outcome is Outcome.CRASHED
    assert str(error) == (
        "abort was killed by SIGABRT; its last words: assertion failed in the decoder"
    )


def test_a_segmentation_fault_is_a_crash():
    error = error_of(jobs.segfault)
    assert (error.outcome, str(error)) == (Outcome.CRASHED, "segfault was killed by SIGSEGV")


def test_an_unforeseen_exception_is_a_crash_that_names_it():
    error = error_of(jobs.mistake)
    assert error.outcome is Outcome.CRASHED
    assert str(error).startswith("mistake ended with 1 and without an answer; its last words: ")
    assert str(error).endswith("KeyError: 'width'")


def test_an_early_exit_is_a_crash():
    error = error_of(jobs.exit_early)
    assert error.outcome is Outcome.CRASHED
    assert str(error) == "exit_early ended with 0 and without an answer"


def test_a_result_that_cannot_be_sent_is_a_crash():
    assert "Can't pickle" in str(error_of(jobs.unpicklable))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
def test_growth_is_stopped_at_the_memory_limit():
    error = error_of(jobs.grow, memory_bytes=200 * MIB)
    assert error.outcome is Outcome.OUT_OF_MEMORY
    assert " MiB of memory, more than 200 and was stopped" in str(error)
    assert 200 <= int(str(error).split()[2]) < 500


def test_memory_below_the_limit_may_be_used():
    assert limited(jobs.grow_slowly_to, 200 * MIB, memory_bytes=600 * MIB) == 200 * MIB


def test_a_memory_error_counts_as_too_much_memory():
    error = error_of(jobs.raise_memory_error)
    assert error.outcome is Outcome.OUT_OF_MEMORY
    assert str(error) == "raise_memory_error got no more memory"


def test_an_item_error_comes_back_as_it_was():
    error = error_of(jobs.fail)
    assert (error.outcome, str(error)) == (Outcome.TOO_SHORT, "clip.mp4: 3 frames, expected 30")


def test_other_errors_of_the_user_come_back_as_they_were():
    with pytest.raises(ShardError, match="shard 7 is damaged"):
        limited(jobs.fail_otherwise)


def test_a_full_disk_comes_back_as_it_was():
    with pytest.raises(OSError, match="No space left") as caught:
        limited(jobs.full_disk)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == "/data/clip.tar"


def test_another_error_of_the_system_is_a_crash():
    assert error_of(jobs.no_such_file).outcome is Outcome.CRASHED


def test_a_flood_of_messages_stops_nothing():
    assert limited(jobs.talk_much, 5000) == "done"


def test_the_child_has_no_input():
    assert limited(jobs.read_stdin) == ""


def test_a_call_inside_a_call_works():
    assert limited(jobs.nested, 3) == 6


def test_after_each_failure_the_next_call_works():
    for function in (jobs.loop_forever, jobs.segfault, jobs.mistake):
        error_of(function, timeout_s=0.2)
        assert limited(jobs.double, 1) == 2


def test_what_a_hanging_child_started_dies_with_it(tmp_path):
    note = tmp_path / "pids"
    assert error_of(jobs.start_and_loop, note, timeout_s=1.5).outcome is Outcome.HUNG
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_what_a_child_leaves_behind_is_ended(tmp_path):
    note = tmp_path / "pid"
    limited(jobs.start_and_return, note)
    wait_until(lambda: not is_running(int(note.read_text())))


def test_two_hundred_calls_leave_no_descriptor_and_no_process():
    limited(jobs.double, 0)
    before = num_descriptors()
    for number in range(200):
        assert limited(jobs.double, number) == 2 * number
    error_of(jobs.segfault)
    assert num_descriptors() == before
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    states = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in children
    ]
    assert "Z" not in states


def test_killed_servers_leave_no_descriptor():
    close_servers()
    before = num_descriptors()
    for _ in range(3):
        limited(jobs.double, 1)
        close_servers()
    assert num_descriptors() == before


def test_a_server_that_was_killed_is_replaced():
    server_pid = int(limited(jobs.my_parent))
    os.kill(server_pid, signal.SIGKILL)
    wait_until(lambda: not is_running(server_pid))
    assert limited(jobs.double, 4) == 8


def test_a_server_that_dies_between_the_look_at_it_and_the_call_is_replaced(monkeypatch):
    server_pid = int(limited(jobs.my_parent))
    os.kill(server_pid, signal.SIGKILL)
    wait_until(lambda: not is_running(server_pid))
    (server,) = _idle_servers
    monkeypatch.setattr(server.process, "poll", lambda: None)  # as if it had died a moment later
    before = num_descriptors()
    assert limited(jobs.double, 4) == 8
    assert num_descriptors() == before


def test_a_server_that_dies_when_it_reads_the_call_is_replaced():
    server_pid = int(limited(jobs.my_parent))
    os.kill(server_pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (server_pid, signal.SIGKILL))
    killer.start()
    assert limited(jobs.double, 4) == 8
    killer.join()
    assert int(limited(jobs.my_parent)) != server_pid


def test_a_server_that_does_not_start_is_a_fault_of_the_machine(tmp_path, monkeypatch):
    close_servers()
    (tmp_path / "av.py").write_text("raise RuntimeError('libva.so.2: wrong version')")
    before = num_descriptors()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        with pytest.raises(VsdaError) as caught:
            limited(jobs.double, 4)
    assert not isinstance(caught.value, ItemError)
    assert str(caught.value).startswith(
        f"{sys.executable}: the process in which double would run does not start on this machine; "
        "its last words: "
    )
    assert "libva.so.2: wrong version; mend that" in str(caught.value)
    assert num_descriptors() == before
    assert limited(jobs.double, 4) == 8


def test_a_server_killed_during_a_call_takes_the_child_with_it(tmp_path):
    note = tmp_path / "pids"

    def kill():
        wait_until(lambda: note.exists() and len(note.read_text().split()) == 2)
        os.kill(int(note.read_text().split()[0]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    error = error_of(jobs.note_parent_and_loop, note)
    killer.join()
    assert error.outcome is Outcome.CRASHED
    assert str(error).startswith("the server process of note_parent_and_loop died")
    wait_until(lambda: not is_running(int(note.read_text().split()[1])))


def test_calls_from_two_threads_run_at_the_same_time(tmp_path):
    results = []
    threads = [
        threading.Thread(
            target=lambda mark=mark: results.append(limited(jobs.meet, (tmp_path, mark)))
        )
        for mark in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["a", "b"]


def call_from_daemon(connection):
    connection.send(limited(jobs.double, 5))


def test_it_works_inside_a_daemonic_worker():
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=call_from_daemon, args=(theirs,), daemon=True)
    process.start()
    assert ours.poll(60)
    assert ours.recv() == 10
    process.join()


IMPORTS = """
import os, sys
from pathlib import Path
from tests.video import sandbox_jobs as jobs
from vsda.video.sandbox import close_servers, run_limited
"""


def start_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", IMPORTS + code, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_child_dies_when_its_caller_is_killed(tmp_path):
    note = tmp_path / "pids"
    code = (
        "run_limited(jobs.start_and_loop, Path(sys.argv[1]), timeout_s=600, memory_bytes=1 << 30)"
    )
    with start_python(code, note) as caller:
        wait_until(lambda: note.exists() and len(note.read_text().split()) == 2, seconds=60)
        caller.kill()
    pids = [int(pid) for pid in note.read_text().split()]
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_a_fork_of_the_caller_has_a_server_of_its_own():
    code = """
def show_server():
    print(run_limited(jobs.my_parent, None, timeout_s=60, memory_bytes=1 << 30), flush=True)
show_server()
if os.fork() == 0:
    show_server()
    close_servers()
    os._exit(0)
os.wait()
show_server()
"""
    with start_python(code) as caller:
        parents, forks, parents_again = caller.stdout.read().split()
    assert caller.returncode == 0
    assert parents == parents_again != forks


def test_a_caller_that_ends_leaves_no_server():
    code = "print(run_limited(jobs.my_parent, None, timeout_s=60, memory_bytes=1 << 30))"
    with start_python(code) as caller:
        server_pid = int(caller.stdout.read())
    assert caller.returncode == 0
    wait_until(lambda: not is_running(server_pid))
