"""Ways to make batches do the same work, and their figures belong together."""

import gc
import warnings
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
import torch

from tests.made_sets import make_images, make_videos
from vsda.bench.stream import Plan, measure
from vsda.bench.stream_pictures import KINDS, Kind, from_set, made_up, store
from vsda.bench.stream_ways import LIMIT, WAYS, YARDSTICKS, Job
from vsda.errors import UsageError
from vsda.shards.read import iterate_samples

SIZE_PX, BATCH = 32, 4
SMALL = Kind(name="small", width_px=48, height_px=40, quality=90, grain=2)
NAMES = [way.name for way in (*WAYS, *YARDSTICKS)]


pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True, scope="module")
def left_open():
    """The bare library leaves tars open: they are closed here, not in the midst of other tests."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


@pytest.fixture
def stored(tmp_path):
    return store(made_up(SMALL, 8), "small", tmp_path / "stored")


def job(stored, *, labelled=True):
    return Job(stored=stored, labelled=labelled, size_px=SIZE_PX, batch=BATCH)


def drawn(way, stored, number=24):
    """Return pictures and masks of the first batches of a way, side by side."""
    batches = [tuple(batch) for batch in islice(way.batches(job(stored), 0), number)]
    pictures, masks = (torch.cat(each) for each in zip(*batches, strict=True))
    return pictures, masks


class TestWays:
    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_every_way_makes_batches_of_the_same_kind(self, way, stored):
        pictures, masks = next(way.batches(job(stored), 0))
        assert pictures.shape == (BATCH, 3, SIZE_PX, SIZE_PX)
        assert masks.shape == (BATCH, SIZE_PX, SIZE_PX)
        assert pictures.dtype == masks.dtype == torch.uint8

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_without_masks_there_are_pictures_alone(self, way, stored):
        found = next(way.batches(job(stored, labelled=False), 0))
        pictures = found if isinstance(found, torch.Tensor) else found[0]
        assert isinstance(found, torch.Tensor) or len(found) == 1
        assert pictures.shape == (BATCH, 3, SIZE_PX, SIZE_PX)

    @pytest.mark.parametrize("way", WAYS[1:], ids=lambda way: way.name)
    def test_all_ways_show_the_same_pictures_and_classes(self, way, stored):
        ours, others = drawn(WAYS[0], stored), drawn(way, stored)
        for picture, mask in zip(*others, strict=True):
            differences = (ours[0].int() - picture.int()).abs().amax(dim=(1, 2, 3))
            nearest = int(differences.argmin())
            assert differences[nearest] <= 2
            assert (ours[1][nearest] != mask).float().mean() < 0.05

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_all_pictures_are_drawn(self, way, stored):
        pictures, _ = drawn(way, stored)
        counts = Counter(each.contiguous().numpy().tobytes() for each in pictures)
        assert len(counts) == 8

    @pytest.mark.parametrize("way", YARDSTICKS, ids=lambda way: way.name)
    def test_decoding_alone_goes_on_without_end(self, way, stored):
        assert len(list(islice(way.batches(job(stored), 0), 9))) == 9


class TestPictures:
    def test_made_up_pictures_are_the_same_each_time(self):
        assert [each.jpg for each in made_up(SMALL, 2)] == [each.jpg for each in made_up(SMALL, 2)]

    @pytest.mark.parametrize(
        ("kind", "bytes_of_photographs"), [*zip(KINDS, (21e3, 167e3), strict=True)]
    )
    def test_made_up_pictures_are_as_large_as_photographs(self, kind, bytes_of_photographs):
        sizes = [len(sample.jpg) for sample in made_up(kind, 2)]
        assert sum(sizes) / 2 == pytest.approx(bytes_of_photographs, rel=0.1)

    def test_pictures_and_masks_of_all_forms_are_the_same(self, stored):
        samples = list(iterate_samples(stored.shards))
        assert [path.read_bytes() for path in stored.jpegs] == [each.jpg for each in samples]
        assert len(stored.masks) == len(samples) == stored.facts.number == 8
        assert stored.facts.mask_bytes > 0

    def test_pictures_of_a_set_have_masks_only_where_all_of_them_do(self, tmp_path):
        samples = from_set(make_images(tmp_path, 9), 6)
        assert len(samples) == 6
        assert store(samples, "all", tmp_path / "all").masks
        mixed = [replace(samples[0], seg=None), *samples[1:]]
        assert not store(mixed, "mixed", tmp_path / "mixed").masks

    def test_too_few_pictures_are_refused(self, tmp_path):
        with pytest.raises(UsageError, match="tiny: 3 pictures, expected 4 or more"):
            store(made_up(SMALL, 3), "tiny", tmp_path)


class TestMeasure:
    def measured(self, tmp_path, **settings):
        make_videos(tmp_path, 9)
        plan = Plan(pictures=8, size_px=16, batch=4, rounds=2, shards=f"{tmp_path}/videos")
        return measure(replace(plan, **settings))

    def test_every_way_has_its_figures_with_masks_and_without(self, tmp_path):
        found = self.measured(tmp_path)
        assert [result.labelled for result in found.results] == [True, False]
        for result in found.results:
            assert [row.name for row in result.rows] == NAMES
            assert all(row.low <= row.per_core <= row.high for row in result.rows)
            assert all(row.with_workers is None for row in result.rows)
            assert {row.name: row.of_limit for row in result.rows}[LIMIT.name] == 1
            assert result.pictures.number == 8
        assert found.num_cores >= 1
        assert set(found.versions) >= {"torch", "pillow", "webdataset"}

    def test_threads_are_as_many_afterwards_as_before(self, tmp_path):
        before = torch.get_num_threads()
        self.measured(tmp_path, rounds=1)
        assert torch.get_num_threads() == before

    def test_with_workers_every_way_has_a_rate_and_decoding_alone_has_none(self, tmp_path):
        found = self.measured(tmp_path, rounds=1, workers=1)
        for result in found.results:
            rates = {row.name: row.with_workers for row in result.rows}
            assert all(rates.pop(way.name) is None for way in YARDSTICKS)
            assert all(rate > 0 for rate in rates.values())
