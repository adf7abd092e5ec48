"""Functions for workers, and ways to look at the processes of this machine."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from vsda.errors import FetchError, ShardError, UnknownNameError

ROOT = Path(__file__).parents[2]


class PageError(FetchError):
    """An error whose constructor wants more than its message."""

    def __init__(self, status, page):
        super().__init__(f"{page}: status {status}")
        self.status = status


def square_in_a_child(number):
    """Square in a process that the worker starts with `multiprocessing`."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(square, (number,))


def square(number):
    return number * number


def tell_pid(_):
    return os.getpid()


def slow_first(number):
    time.sleep(0.3 if number == 0 else 0)
    return number, os.getpid()


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def refuse_two(number):
    if number == 2:
        raise ShardError("two is refused")
    return number


def refuse_with_facts(kind):
    if kind == "page":
        raise PageError(429, "page 7")
    raise UnknownNameError("dataset", "davsi", ["davis", "coco"])


def die_at_two(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def raise_at_two(number):
    return 1 // (number - 2)


def end_as_told(how):
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        os._exit(7)
    elif how == "sys.exit":
        sys.exit(0)
    return how


def tell_pid_and_sleep(path):
    write_whole(path, os.getpid())
    time.sleep(60)


def start_a_child_and_sleep(path):
    child = subprocess.Popen(["sleep", "600"])
    write_whole(path, f"{os.getpid()} {child.pid}")
    time.sleep(60)


def start_a_child_and_hold_the_lock(path):
    child = subprocess.Popen(["sleep", "600"])
    write_whole(path, f"{os.getpid()} {child.pid}")
    ctypes.PyDLL(None).sleep(60)  # no thread of this process runs meanwhile


def leave_a_child(_):
    return subprocess.Popen(["sleep", "600"]).pid


def fork_a_child_and_die(path):
    pid = os.fork()
    if pid == 0:
        time.sleep(60)  # with the worker's own pipe open
        os._exit(0)
    write_whole(path, pid)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse_two_and_sleep_otherwise(number):
    if number == 2:
        raise ShardError("two is refused")
    time.sleep(60)


def write_whole(path, text):
    part = Path(f"{path}.part")
    part.write_text(str(text))
    part.rename(path)


def pids_in(path):
    return [int(pid) for pid in wait_for(lambda: path.is_file() and path.read_text()).split()]


def wait_for(condition, timeout_s=60):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def all_gone(pids, timeout_s=2):
    wait_for(lambda: not any(map(is_alive, pids)), timeout_s)
    return True


def start_python(call, *arguments, **options):
    """Start a Python that runs `call` with all engines and functions by name."""
    code = (
        "import sys\nfrom tests.engine.work import *\n"
        "from vsda.engine.local import *\nfrom vsda.engine.run import *\n" + call
    )
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, **options)


def where(_):
    """Return the folder and process that a task runs in, and that of the process's parent."""
    return str(Path.cwd()), os.getpid(), os.getppid()


def slow_square(number):
    time.sleep(0.3)
    return number * number


def tell_begin_and_sleep(path):
    write_whole(path, "begun")
    time.sleep(60)


def variable(name):
    return os.environ.get(name)
