"""Runs on sets of URLs: the same batches as on this machine, whatever the cache keeps."""

import pickle

import pytest
import torch

from tests.made_sets import make_images, make_sample, make_set, make_videos
from tests.places import serve  # noqa: F401  fixture
from tests.shards.frames import copy_files
from tests.training.small import DOMAIN, small_recipe
from vsda.errors import VsdaError
from vsda.shards.cache import Cache
from vsda.stream.domains import Place, stream_domains
from vsda.training.inputs import open_inputs

GIB = 1 << 30


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A folder with a set for each stream."""
    folder = tmp_path_factory.mktemp("sets")
    make_images(folder, 13)
    make_videos(folder, 5)
    frames = [make_sample(i, size_px=32, sequence="bear") for i in range(4)]
    make_set(folder, "labelled", frames)
    return str(folder)


def opened(folder, cache=None, **settings):
    names = {"images": "images", "videos": "videos", "labelled_videos": "labelled"}
    places = {stream: (f"{folder}/{name}",) for stream, name in names.items()}
    recipe = small_recipe(**places, adversarial=DOMAIN, steps=7, **settings)
    return recipe, open_inputs(recipe, cache)


def batches(recipe, inputs, start_step=0):
    place = Place(start_step=start_step)
    return list(stream_domains(recipe, inputs.classes, inputs.domains(), place))


def same(one, other):
    parts = [(getattr(one, name), getattr(other, name)) for name in ("images", "videos")]
    parts.append((one.labelled_videos, other.labelled_videos))
    return all(
        torch.equal(a.pictures, b.pictures)
        and (a.masks is b.masks is None or torch.equal(a.masks, b.masks))
        for a, b in parts
    )


@pytest.mark.parametrize(
    ("workers", "max_bytes"), [(0, None), (0, GIB), (1, GIB), (2, GIB), (2, 16 * 8192)]
)
def test_batches_are_those_of_this_machine_at_any_step(local, serve, tmp_path, workers, max_bytes):  # noqa: F811
    cache = None if max_bytes is None else Cache(tmp_path / "cache", max_bytes)
    expected = batches(*opened(local))
    recipe, inputs = opened(serve(local), cache, workers=workers)
    for start_step in (0, 3):  # the second time from what the cache has kept
        found = batches(recipe, inputs, start_step)
        assert len(found) == 7 - start_step
        assert all(map(same, found, expected[start_step:]))


def test_sets_on_an_object_store_are_read_through_the_cache(local, s3, tmp_path):
    copy_files(local, s3)
    recipe, inputs = opened(s3, Cache(tmp_path / "cache", GIB), workers=1)
    expected = batches(*opened(local))
    assert all(map(same, batches(recipe, inputs), expected))
    assert list((tmp_path / "cache").glob("*/*-*"))


def test_sets_on_this_machine_have_no_cache(local, tmp_path):
    _, inputs = opened(local, Cache(tmp_path / "cache", GIB))
    assert inputs.cache is None
    assert not (tmp_path / "cache").exists()


def test_a_cache_smaller_than_the_sets_on_urls_keeps_a_share_of_them(local, serve, tmp_path):  # noqa: F811
    url = serve(local)
    _, inputs = opened(url, Cache(tmp_path / "cache", GIB))
    assert inputs.cache == Cache(tmp_path / "cache", GIB)
    sizes = [info.filesize for sets in inputs.sets().values() for info in sets[0].index.shards]
    _, inputs = opened(url, Cache(tmp_path / "cache", sum(sizes) // 2))
    assert inputs.cache.share == pytest.approx(0.45, abs=0.001)


def test_a_set_that_is_read_twice_counts_once(local, serve, tmp_path):  # noqa: F811
    place = f"{serve(local)}/images"
    cache = Cache(tmp_path / "cache", 30_000)
    once = open_inputs(small_recipe(images=(place,)), cache)
    twice = open_inputs(small_recipe(images=(place, place)), cache)
    assert once.cache == twice.cache
    assert 0 < once.cache.share < 1


def test_a_cache_that_cannot_be_written_ends_the_run_before_it_starts(local, serve, tmp_path):  # noqa: F811
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VsdaError, match="file/cache: cannot keep what is read from URLs: Not a"):
        opened(serve(local), Cache(tmp_path / "file" / "cache", GIB))


def test_the_cache_is_no_part_of_what_makes_two_runs_the_same(local, serve, tmp_path):  # noqa: F811
    url = serve(local)
    _, inputs = opened(url, Cache(tmp_path / "cache", GIB))
    assert inputs.identity() == opened(url)[1].identity()
    assert pickle.loads(pickle.dumps(inputs)).cache == inputs.cache
