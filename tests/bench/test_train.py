"""The benchmark of training gives numbers that belong together; how large is no test."""

import pytest
import torch
from lightning_fabric import Fabric

from vsda.bench.train import (
    BARE,
    OURS,
    Plan,
    device_peak,
    measure,
    operations,
    paper_epoch,
)
from vsda.bench.train_sets import write_sets
from vsda.bench.train_ways import Job, bare, mean_step, ours
from vsda.errors import UnknownNameError
from vsda.manifests.speeds import paper_epochs, peaks
from vsda.recipes.load import find_recipe, load_recipe
from vsda.recipes.train import TrainRecipe
from vsda.shards.index import open_set
from vsda.shards.verify import verify
from vsda.training.cost import StepCost
from vsda.training.inputs import open_inputs
from vsda.training.metrics_log import read_metrics

NUM_STEPS, NUM_ROUNDS = 2, 2
SMALL = """
classes = "person,dog"
size_px = 32
batch_images = 3
batch_videos = 2
workers = 0
log_every = 10
[network]
embed_dim = 16
depths = [1, 1]
num_heads = [2, 4]
window_size = 4
decoder_channels = 16
[adversarial]
loss = "clustered"
pairs = 64
hidden = [16]
"""


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(SMALL)
    return str(path)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return write_sets(tmp_path_factory.mktemp("sets"), size_px=32)


@pytest.fixture(scope="module")
def bench(recipe_file):
    return measure([recipe_file], Plan(num_steps=NUM_STEPS, num_rounds=NUM_ROUNDS))


@pytest.fixture(scope="module")
def result(bench):
    (found,) = bench.results
    return found


@pytest.fixture
def job(recipe_file, sets):
    recipe = load_recipe(TrainRecipe, find_recipe("train", recipe_file), kind="train")
    recipe = recipe.model_copy(update={"images": sets[:1], "videos": sets[1:]})
    fabric = Fabric(accelerator="cpu", devices=1)
    return Job(recipe=recipe, inputs=open_inputs(recipe), fabric=fabric, num_steps=NUM_STEPS)


def published(name):
    return load_recipe(TrainRecipe, find_recipe("train", name), kind="train")


def test_setting_stands_beside_the_figures(result):
    setting = result.setting
    assert (setting.network, setting.size_px, setting.precision) == ("swin_upernet", 32, "32")
    assert (setting.batch_images, setting.batch_videos, setting.workers) == (3, 2, 0)
    assert (setting.loss, setting.placement) == ("clustered", "patch")
    assert (setting.num_steps, setting.num_rounds) == (NUM_STEPS, NUM_ROUNDS)
    assert setting.log_every == 10
    assert setting.multiply_adds > 1e6


def test_machine_stands_beside_the_figures(bench):
    assert bench.machine.torch_version == torch.__version__
    assert bench.process_peak_bytes > 2**27


def test_our_speed_is_that_of_the_bare_loop_times_their_ratio(result):
    rows = {row.name: row for row in result.rows}
    assert list(rows) == [OURS, BARE]
    quotient = rows[BARE].step.median_ms / rows[OURS].step.median_ms
    assert rows[OURS].of_bare.of_medians == pytest.approx(quotient)
    assert rows[BARE].of_bare is None


def test_rates_follow_from_the_step(result):
    for row in result.rows:
        assert row.step.num_rounds == NUM_ROUNDS
        assert row.images_per_s == pytest.approx(5 / (row.step.median_ms / 1e3))


def test_we_alone_wait_for_data(result):
    mine, other = result.rows
    assert 0 < mine.data_wait < 1
    assert other.data_wait is None


def test_what_is_not_known_is_left_out(result):
    assert (result.peak_format, result.paper) == (None, None)
    assert {(row.share_of_peak, row.epoch_s, row.peak_bytes) for row in result.rows} == {
        (None, None, None)
    }


def test_our_round_is_a_run_that_logs_and_ends_with_a_checkpoint(job, tmp_path):
    found = ours(job, tmp_path / "run")
    assert found.step_ms > 0
    rows = read_metrics(tmp_path / "run")
    assert [row["step"] for row in rows] == [2, 4, 5]
    assert found.data_wait == rows[1]["data_wait"]
    assert "gradient_ratio" in rows[1]
    assert list((tmp_path / "run" / "checkpoints").glob("*.pt"))


def test_bare_round_does_all_its_steps(job, monkeypatch):
    done = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self, *args: (done.append(1), step(self, *args))[1]
    )
    found = bare(job)
    assert len(done) == 2 * NUM_STEPS  # the discriminator's optimiser is another
    assert found.step_ms > 0
    assert found.data_wait is None


def test_row_counts_as_often_as_the_recipe_logs():
    assert mean_step([10.0, 14.0, 60.0], log_every=4) == 12.0 + 48.0 / 4
    assert mean_step([10.0, 10.0], log_every=50) == 10.0


def test_compiled_ways_are_compared_with_each_other(recipe_file, monkeypatch):
    monkeypatch.setattr("vsda.bench.train.ours", lambda job, _: bare_of(job, 8.0))
    monkeypatch.setattr("vsda.bench.train.bare", lambda job: bare_of(job, 4.0))
    bench = measure([recipe_file], Plan(num_rounds=1, compiles=True))
    rows = {row.name: row for row in bench.results[0].rows}
    assert list(rows) == [OURS, BARE, f"{OURS}, compiled", f"{BARE}, compiled"]
    assert [row.step.median_ms for row in rows.values()] == [8.0, 4.0, 2.0, 1.0]
    assert rows[f"{OURS}, compiled"].of_bare.of_medians == 0.5


def bare_of(job, step_ms):
    from vsda.bench.train_ways import Round

    return Round(step_ms / (4 if job.recipe.compile else 1), None, None)


def test_made_up_sets_are_whole_and_read_as_images_and_clips(sets):
    images, videos = map(open_set, sets)
    for found in (images, videos):
        assert not verify(found)
        assert found.index.num_samples == 64
    assert images.index.class_pixels
    assert not videos.index.class_pixels


def test_operations_are_two_for_a_multiply_add_and_three_passes_but_for_clustering():
    cost = StepCost(segmentation=100, unlabelled=10, teacher=0, discriminator=5, clustering=7)
    assert operations(cost) == 2 * (3 * 115 + 7)


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", "bf16-mixed", ("bf16", 989.4)),
        ("NVIDIA H100 80GB HBM3", "32", ("tf32", 494.7)),
        ("Tesla T4", "32", ("fp32", 8.1)),
        ("Tesla T4", "bf16-mixed", (None, None)),
        ("cpu", "32", (None, None)),
        ("NVIDIA H1000", "32", (None, None)),
    ],
)
def test_peak_is_that_of_the_device_and_the_format(device, precision, expected):
    assert device_peak(device, precision) == expected


def test_narrower_formats_are_never_slower():
    for peak in peaks().values():
        rates = [peak.tflops[name] for name in ("fp32", "tf32", "bf16") if name in peak.tflops]
        assert rates == sorted(rates), peak.device


def test_paper_states_epochs_of_its_network_at_its_size_alone():
    epochs = paper_epochs()
    assert paper_epoch(published("swin-patch")) == epochs["domain"]
    assert paper_epoch(published("swin-patch-clustered")) == epochs["clustered"]
    assert epochs["clustered"].seconds / epochs["domain"].seconds == pytest.approx(3.59, abs=0.01)
    assert paper_epoch(published("swin-images")) is None
    assert paper_epoch(published("demo-clustered")) is None


def test_recipe_that_does_not_exist_is_told_before_anything_is_measured(recipe_file):
    with pytest.raises(UnknownNameError, match="unknown train recipe 'smal'"):
        measure([recipe_file, "smal"])
