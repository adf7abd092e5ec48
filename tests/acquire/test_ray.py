"""The same set from a Ray cluster of two nodes, also when one of them dies half-way."""

import sys
import threading
import time
from pathlib import Path

import pytest

from tests.acquire.conftest import published
from tests.acquire.made_videos import make_world
from vsda.acquire.options import Source
from vsda.acquire.run import acquire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cluster's fixture is Linux's")


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """Twenty videos."""
    return make_world(tmp_path_factory.mktemp("ray"), num_videos=20, missing=(4,))


def test_a_node_that_is_killed_half_way_changes_no_byte(
    options, larger, ray_cluster, second_node, tmp_path
):
    source = Source(mirror=str(larger / "videos"))
    acquire(options(annotations=larger / "rows.csv", source=source))
    out = tmp_path / "ray"
    killed = threading.Event()

    def kill_half_way():
        while len(list(out.glob("**/*.json"))) < 4:
            time.sleep(0.05)
        second_node.kill()
        killed.set()

    killer = threading.Thread(target=kill_half_way, daemon=True)
    killer.start()
    done = acquire(
        options(
            annotations=larger / "rows.csv",
            source=source,
            out=str(out),
            engine="ray",
            address=ray_cluster.address,
            num_workers=None,
        )
    )
    killer.join(timeout=60)
    assert killed.is_set()
    assert done.outcomes == {"gone": 1, "ok": 19}
    assert published(out) == published(Path(options().out))
