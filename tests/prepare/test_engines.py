import sys

import pytest

from tests.fake_worlds import davis_of_many_shards, snapshot
from vsda.errors import ExitCode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cluster's fixture is Linux's")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A DAVIS of five shards."""
    return davis_of_many_shards(tmp_path_factory.mktemp("world") / "davis").root


def test_a_ray_cluster_writes_the_same_bytes_also_from_relative_paths(
    vsda, root, ray_cluster, tmp_path
):
    options = ["--root", root, "--split", "train", "--shard-mb", 1]
    here = vsda("prepare", "davis", *options, "--out", "here", "--workers", 1)
    there = vsda(
        *("prepare", "davis", *options, "--out", "there"),
        *("--engine", "ray", "--address", ray_cluster.address),
    )
    assert here.stdout == there.stdout.replace("there/", "here/")
    assert there.stderr == here.stderr
    assert len(list((tmp_path / "there").glob("*.tar"))) == 5
    assert snapshot(tmp_path / "there") == snapshot(tmp_path / "here")


def test_a_node_that_does_not_see_the_dataset_is_told(vsda, ray_cluster, root, tmp_path):
    from vsda.engine.ray import RayEngine
    from vsda.errors import VsdaError

    message = f"^Ray node .*: has no {tmp_path}/nowhere; all nodes must share it under this path"
    with pytest.raises(VsdaError, match=message):
        RayEngine(len, None, ray_cluster.address, [root, tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "rya"], "unknown --engine 'rya'. Did you mean 'ray'? Known: local, ray."),
        (["--address", "head:6379"], "--address head:6379: is for --engine ray"),
    ],
)
def test_an_engine_that_cannot_be_is_told(vsda, root, options, message):
    done = vsda("prepare", "davis", "--root", root, *options, code=ExitCode.USAGE)
    assert message in done.stderr
