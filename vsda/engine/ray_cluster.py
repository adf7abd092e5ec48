"""Connect to a Ray cluster, or start one on this machine, without Ray's own messages.

Ray prints to stdout, asks about usage statistics and replaces the handler of SIGTERM; none of that
is for a command whose stdout is its result.
"""

import importlib
import logging
import os
import pathlib
import platform
import re
import secrets
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from vsda import __version__
from vsda.errors import UsageError, VsdaError

logger = logging.getLogger(__name__)

_REACH_S = 10.0
_ANSWER_S = 60.0
"""A node that is asked for the first time starts a process; on slow disks that takes long."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # else news of lost nodes are printed to stdout
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning about accelerators
}


def connect(address: str | None, num_cpus: int | None) -> ModuleType:
    """Return the module `ray`, connected.

    Args:
        address: `host:port`, `auto`, or None to start Ray on this machine.
        num_cpus: How many CPUs Ray gets where it is started here; None for all.

    Raises:
        UsageError: An address of another form.
        VsdaError: Ray is not installed, or there is no cluster at the address.
    """
    _check_address(address)
    _set_environment(starts_ray=address is None)
    ray = _import_ray()
    if address is None:
        options = {"address": "local", "num_cpus": num_cpus, "include_dashboard": False}
    else:
        options = {"address": address}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise VsdaError(
            f"no Ray cluster can be used at {address or 'this machine'}: {last_line(error)}"
        ) from error
    finally:
        if signal.getsignal(signal.SIGTERM) is not before:
            signal.signal(signal.SIGTERM, before)
    return ray


def check_nodes(ray: ModuleType, needs: Sequence[Path]) -> None:
    """Check that all nodes with CPUs have this vsda, and the files and folders of `needs`.

    Raises:
        VsdaError: One has not.
    """
    paths = [str(path.absolute()) for path in needs]
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    probe = ray.remote(num_cpus=0, max_retries=0)(_make_probe())
    strategy = importlib.import_module("ray.util.scheduling_strategies")
    on_node = strategy.NodeAffinitySchedulingStrategy
    answers = {
        f"{node['NodeManagerHostname']}/{node['NodeID'][:8]}": probe.options(
            scheduling_strategy=on_node(node["NodeID"], soft=False)
        ).remote(paths)
        for node in nodes
    }
    for name, answer in answers.items():
        try:
            version, missing = ray.get(answer, timeout=_ANSWER_S)
        except ray.exceptions.RayError as error:  # such as a node that dies just now
            logger.warning("Ray node %s does not say its vsda: %s", name, last_line(error))
        else:
            _check_version(name, version)
            _check_shared(name, missing)


def _check_address(address: str | None) -> None:
    """Find a wrong address at once; Ray takes a minute and tells it in a hundred lines."""
    if address in {None, "auto"}:
        return
    match = re.fullmatch(r"\[?([^/\[\]]+)\]?:(\d{1,5})", address or "")
    if match is None:
        raise UsageError(
            f"--address {address}: expected host:port of the head of a Ray cluster (its own port, "
            "6379 if not set otherwise), or auto on a machine of the cluster"
        )
    try:
        socket.create_connection((match[1], int(match[2])), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        raise VsdaError(
            f"--address {address}: no Ray cluster answers there: {error}; start its head with "
            "'ray start --head --port PORT'"
        ) from error


def _set_environment(*, starts_ray: bool) -> None:
    """Set what Ray reads when it is imported, where the user has not."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if starts_ray and "RAY_AUTH_MODE" not in os.environ:
        # Ray would leave a token in the home folder, which later clusters would then ask for
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _import_ray() -> ModuleType:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise VsdaError(
            "--engine ray needs the package ray: pip install 'vsda[ray]', here and on every node"
        ) from error


def _make_probe() -> Callable[[list[str]], tuple[str | None, list[str]]]:
    """Return a function that travels whole, as a node may have no vsda to find it in."""

    def look_around(paths: list[str]) -> tuple[str | None, list[str]]:
        missing = [path for path in paths if not pathlib.Path(path).exists()]
        try:
            return importlib.import_module("vsda").__version__, missing
        except ImportError:
            return None, missing

    return look_around


def _check_version(node: str, found: str | None) -> None:
    if found is None:
        raise VsdaError(
            f"Ray node {node}: vsda is not installed there; install vsda {__version__} for "
            f"Python {platform.python_version()} on every node"
        )
    if found != __version__:
        raise VsdaError(
            f"Ray node {node}: has vsda {found}, this machine {__version__}; install the same "
            "version on every node"
        )


def _check_shared(node: str, missing: list[str]) -> None:
    if missing:
        raise VsdaError(
            f"Ray node {node}: has no {missing[0]}; all nodes must share it under this path, or "
            "give a URL"
        )


def last_line(error: BaseException) -> str:
    """Return the line of an error of Ray's that says what happened; the others are a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
