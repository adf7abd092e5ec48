from dataclasses import replace
from pathlib import Path

import pytest

from tests.acquire.made_videos import make_world
from tests.fetch.conftest import small_disk
from vsda.acquire.options import AcquireOptions, Content, DecodeLimits, Manners, Source

__all__ = ["small_disk"]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Eight videos in rows, seven of them in a mirror."""
    return make_world(tmp_path_factory.mktemp("ytbb"))


@pytest.fixture
def options(world, tmp_path):
    """Options for that world; shards of three videos, nothing waits."""

    def build(**changes):
        content = Content(
            classes="all",
            span="annotated",
            short_side_px=None,
            jpeg_quality=90,
            seed=0,
            videos_per_shard=3,
            decoder="decord",
        )
        base = AcquireOptions(
            annotations=world / "rows.csv",
            split="train",
            out=str(tmp_path / "out"),
            content=content,
            source=Source(mirror=str(world / "videos")),
            manners=Manners(
                videos_per_hour=None,
                attempts=2,
                backoff_s=0.0,
                pause_s=0.1,
                max_pauses=1,
                outage_after=20,
            ),
            limits=DecodeLimits(base_s=60, per_span_s=10, memory_bytes=4 * 10**9),
            num_workers=2,
        )
        content_changes = {
            name: changes.pop(name) for name in list(changes) if hasattr(content, name)
        }
        return replace(base, content=replace(content, **content_changes), **changes)

    return build


def published(folder):
    """Return the bytes of a finished set by name, and see that nothing else is left."""
    files = {path.name: path for path in Path(folder).iterdir()}
    left = {name for name in files if name.startswith(".") or name.endswith(".part")}
    assert not left, left
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if path.suffix in {".tar", ".idx", ".md"} or name.endswith(".index.json")
    }
