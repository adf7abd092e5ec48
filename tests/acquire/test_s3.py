"""The same set on an object store: same bytes, one writer, and nothing lost by a kill."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tests.acquire.conftest import published
from tests.acquire.made_videos import make_video, youtube_id
from tests.s3 import s3_objects
from vsda.acquire.run import acquire
from vsda.errors import VsdaError
from vsda.shards.index import open_set
from vsda.shards.verify import verify


def objects(place):
    """Return the objects of a finished set, without its report, and see that nothing is left."""
    found = s3_objects(place)
    assert not [name for name in found if name.startswith(".") or ".part" in name]
    return {name: data for name, data in found.items() if not name.endswith(".report.jsonl")}


def test_a_bucket_gets_the_bytes_that_a_folder_gets(options, s3):
    acquire(options())
    acquire(options(out=s3))
    assert objects(s3) == published(options().out)
    assert verify(open_set(f"{s3}/ytbb-train")) == []


def test_a_video_that_comes_back_replaces_its_shard_in_the_bucket(options, s3, world, tmp_path):
    acquire(options(out=s3))
    mirror = tmp_path / "fuller"
    shutil.copytree(world / "videos", mirror)
    make_video(mirror / f"{youtube_id(3)}.mp4", 3, 60)
    source = replace(options().source, mirror=str(mirror))
    acquire(options(out=s3, source=source))
    acquire(options(source=source))
    assert objects(s3) == published(options().out)


def test_a_mirror_may_be_a_bucket(options, s3, world):
    from vsda.storage import copy_there

    for path in (world / "videos").iterdir():
        copy_there(path, f"{s3}/mirror/{path.name}")
    acquire(options())
    acquire(
        options(out=options().out + "-2", source=replace(options().source, mirror=f"{s3}/mirror"))
    )
    assert published(options().out + "-2") == published(options().out)


def test_a_second_writer_is_refused_on_a_bucket(options, s3):
    from vsda.acquire.layout import Layout
    from vsda.storage import exclusive

    with exclusive(Layout(s3, "train").lock), pytest.raises(VsdaError, match="writing"):
        acquire(options(out=s3))


def test_a_run_that_is_killed_is_finished_by_the_next(options, s3, world):
    acquire(options())
    arguments = [
        *("fetch", "ytbb", "--annotations", world / "rows.csv", "--mirror", world / "videos"),
        *("--classes", "all", "--short-side", 0, "--videos-per-shard", 3, "--out", s3),
    ]
    command = [sys.executable, "-m", "vsda", *map(str, arguments)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    while not [name for name in s3_objects(s3) if name.endswith(".json") and "pieces" in name]:
        time.sleep(0.1)
        assert process.poll() is None
    process.kill()
    process.wait()
    _forget_lease(s3)
    acquire(options(out=s3))
    assert objects(s3) == published(options().out)


def _forget_lease(place):
    """What a user does who knows that the writer is dead and does not want to wait."""
    from vsda.acquire.layout import Layout
    from vsda.storage import remove

    remove(Layout(place, "train").lock, missing_ok=True)
