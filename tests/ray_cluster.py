"""A real Ray cluster on this machine for tests: each node a group of processes that can be killed.

What Ray needs of the environment is set while the cluster runs, so commands that a test starts
reach it too.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START_S = 60
STOP_S = 10

_DIE_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
)


class RayNode:
    """One node: `ray start` in the foreground, and all that it started."""

    def __init__(self, log, options, environment):
        ray_start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        self._log = log
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _DIE_WITH_PARENT, *ray_start, "--num-cpus=1", *options],
                env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
                cwd=log.parent,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    def wait_until_up(self):
        end = time.monotonic() + START_S
        while "Ray runtime started" not in self._log.read_text():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    def raylet_pid(self):
        """Return the process whose end is the node's end."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            name, _, fields = stat.read_text().partition("(")[2].rpartition(")")
            if name == "raylet" and int(fields.split()[2]) == self._process.pid:
                return int(stat.parent.name)
        raise AssertionError("no raylet")

    def stop(self):
        """Let the node say goodbye, so that the cluster knows at once, and see to its end."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self.kill()

    def kill(self):
        """Kill all processes at once, as where a machine loses its power."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class RayCluster:
    """A head with one CPU, and more such nodes as asked for."""

    def __init__(self, folder):
        self._folder = folder
        self._nodes = []
        self.address = f"{_own_address()}:{_free_port()}"
        port = self.address.rpartition(":")[2]
        client_port = f"--ray-client-server-port={_free_port()}"
        head = ["--head", f"--port={port}", client_port, "--include-dashboard=false"]
        self._start([*head, f"--temp-dir={folder}"], {})

    def add_node(self, **environment):
        return self._start([f"--address={self.address}"], environment)

    def close(self):
        for node in reversed(self._nodes):
            node.kill()

    def _start(self, options, environment):
        log = self._folder / f"node-{len(self._nodes)}.log"
        node = RayNode(log, [*options, "--object-store-memory=100000000"], environment)
        self._nodes.append(node)
        node.wait_until_up()
        return node


@pytest.fixture(scope="session")
def ray_cluster():
    """A running cluster of one node."""
    folder = Path(tempfile.mkdtemp(prefix="r-", dir="/tmp"))  # Ray's socket paths must be short
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_period_ms": "1000",  # a dead node is found after seconds
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        pytest.importorskip("ray")  # only now, as it reads its environment when it is imported
        cluster = None
        try:
            cluster = RayCluster(folder)
            yield cluster
        finally:
            if cluster is not None:
                cluster.close()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def second_node(ray_cluster):
    """A second node, gone after the test."""
    node = ray_cluster.add_node()
    yield node
    node.stop()


def _own_address():
    """Return the address that Ray takes for this machine, even where it is told 127.0.0.1."""
    import ray

    return ray.util.get_node_ip_address()


def _free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]
