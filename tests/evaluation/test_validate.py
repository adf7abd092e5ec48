"""A network judged while it trains."""

import dataclasses
import math

import pytest
import torch

from tests.made_runs import make_run
from tests.made_sets import make_images, make_sample, make_set, make_videos
from tests.training.small import NETWORKS, small_recipe
from vsda.errors import RecipeError, ShardError
from vsda.evaluation.evaluate import evaluate
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.trained import open_run
from vsda.evaluation.validate import open_validator, uses_target_labels
from vsda.shards.index import open_set
from vsda.taxonomy import class_set
from vsda.training.validation import SCORE

CLASSES = class_set("person,dog")
CPU = torch.device("cpu")


def opened(*sets, network="swin_upernet", **settings):
    places = tuple(f"{each.folder}/{each.index.name}" for each in sets)
    recipe = small_recipe(
        network=NETWORKS[network], images=places[:1], validation=places, **settings
    )
    return open_validator(recipe, CLASSES, CPU)


def video_set(folder, lengths=(24, 24)):
    """Write sequences of so many labelled frames."""
    samples = [
        make_sample(100 * number + i, size_px=32, sequence=f"clip{number}")
        for number, length in enumerate(lengths)
        for i in range(length)
    ]
    return make_set(folder, "videos", samples)


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize(
    ("network", "make"),
    [("swin_upernet", lambda folder: make_images(folder, 40)), ("video_swin_upernet", video_set)],
)
def test_it_counts_what_evaluate_counts_on_any_number_of_ranks(tmp_path, network, make, world_size):
    shard_set = make(tmp_path / "shards")
    make_run(tmp_path / "run", network)
    scores = evaluate(tmp_path / "run", shard_set, EvaluationOptions())
    trained = open_run(tmp_path / "run").network
    validator = opened(shard_set, network=network)
    counts = [validator.count(trained, rank, world_size) for rank in range(world_size)]
    assert all(int(count.sum()) > 0 for count in counts)
    total = sum(counts)
    assert (total.dtype, total.device) == (torch.int64, CPU)
    assert total.tolist() == scores["confusion"]
    found = validator.scores(total)
    assert found[SCORE] == scores["mean_iou"]
    assert found["validation_iou_dog"] == scores["iou"]["dog"]


def test_ranks_without_a_batch_count_nothing(tmp_path):
    validator = opened(make_images(tmp_path, 3))
    network = open_network()
    counts = [validator.count(network, rank, 4) for rank in range(4)]
    assert sorted(int(count.sum()) for count in counts) == [0, 0, 0, 3 * 32 * 32]


def open_network():
    return make_network("swin_upernet")


def make_network(name):
    from vsda.training.build import build_network

    return build_network(small_recipe(network=NETWORKS[name]), 3)


def test_several_sets_are_counted_together(tmp_path):
    images, videos = make_images(tmp_path / "a", 5), make_videos(tmp_path / "b", 3)
    network = open_network()
    both = opened(images, videos).count(network, 0, 1)
    assert torch.equal(both, sum(opened(each).count(network, 0, 1) for each in (images, videos)))


def judged(validator):
    """Return the positions of the frames that are judged, by set."""
    found = {}
    for number, batch in validator._batches:
        found.setdefault(number, []).extend(place for cut in batch for place in cut.kept)
    return found


def test_few_samples_are_spread_evenly_over_the_sets(tmp_path):
    images, videos = make_images(tmp_path / "a", 13), make_videos(tmp_path / "b", 7)
    validator = opened(images, videos, validation_samples=5)
    assert judged(validator) == {0: [0, 4, 9], 1: [1, 6]}
    assert validator.num_frames == 5


def test_a_clip_network_is_judged_on_whole_clips(tmp_path):
    shard_set = video_set(tmp_path, lengths=(8, 8, 8, 8))
    validator = opened(shard_set, network="video_swin_upernet", validation_samples=11)
    (positions,) = judged(validator).values()
    assert positions == [*range(4), *range(28, 32)]


def test_one_clip_is_judged_however_few_samples_are_asked_for(tmp_path):
    validator = opened(video_set(tmp_path), network="video_swin_upernet", validation_samples=1)
    assert validator.num_frames == 4


def test_the_network_is_left_in_its_modes_and_the_random_stream_where_it_was(tmp_path):
    validator = opened(make_images(tmp_path, 3))
    network = open_network().train()
    network.decoder.fpn_bottleneck.bn.eval()
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    counted = validator.count(network, 0, 1)
    assert [module.training for module in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(counted, validator.count(network.eval(), 0, 1))


def test_a_network_that_fails_is_left_in_its_modes_too(tmp_path):
    shard_set = make_images(tmp_path, 3)
    validator = opened(shard_set)
    (tmp_path / "images-000001.tar").unlink()
    network = open_network().train()
    with pytest.raises(ShardError, match="missing"):
        validator.count(network, 0, 1)
    assert all(module.training for module in network.modules())


def test_a_class_that_the_truth_lacks_has_no_score(tmp_path):
    validator = opened(make_images(tmp_path, 3))
    scores = validator.scores(torch.tensor([[6, 2, 0], [1, 1, 0], [0, 0, 0]]))
    assert scores == {
        SCORE: pytest.approx((6 / 9 + 1 / 4) / 2),
        "validation_iou_background": pytest.approx(6 / 9),
        "validation_iou_person": pytest.approx(1 / 4),
    }
    assert math.isnan(validator.scores(torch.zeros(3, 3, dtype=torch.int64))[SCORE])


def test_a_set_without_labels_is_refused(tmp_path):
    bare = [dataclasses.replace(make_sample(0, size_px=32, sequence=None), seg=None)]
    with pytest.raises(ShardError, match=r"has no seg\.png; prepare --remap coco"):
        opened(make_set(tmp_path, "bare", bare))


def test_a_set_prepared_without_a_class_of_the_run_is_refused(tmp_path):
    samples = [make_sample(0, size_px=32, sequence=None)]
    with pytest.raises(RecipeError, match=r"prepared without \['dog'\]"):
        opened(make_set(tmp_path, "fewer", samples, classes=["person"]))


def of_dataset(shard_set, folder, dataset):
    """Write a set's index anew, as of another dataset, and return its place."""
    index = dataclasses.replace(shard_set.index, dataset=dataset)
    (folder / f"{index.name}.index.json").write_bytes(index.to_json())
    return f"{folder}/{index.name}"


class TestTargetLabels:
    @pytest.fixture
    def places(self, tmp_path):
        """Places of images and videos, of the dataset that they are trained on and of another."""
        kinds = {"images": make_images, "videos": make_videos}
        return {
            (kind, dataset): of_dataset(make(tmp_path / dataset), tmp_path / dataset, dataset)
            for kind, make in kinds.items()
            for dataset in ("one", "other")
        }

    def uses(self, places, validation, **settings):
        recipe = small_recipe(
            images=(places["images", "one"],), videos=(places["videos", "one"],), **settings
        )
        return uses_target_labels(recipe, [open_set(places[validation])])

    def test_images_of_the_labelled_dataset_are_none(self, places):
        assert not self.uses(places, ("images", "one"))

    def test_videos_are_where_only_images_are_labelled(self, places):
        assert self.uses(places, ("videos", "one"))

    def test_images_of_another_dataset_are(self, places):
        assert self.uses(places, ("images", "other"))

    def test_videos_are_none_where_videos_of_their_dataset_are_labelled(self, places):
        labelled = {"labelled_videos": (places["videos", "one"],)}
        assert not self.uses(places, ("videos", "one"), **labelled)
        assert self.uses(places, ("videos", "other"), **labelled)

    def test_images_are_where_the_run_does_not_see_their_labels(self, places):
        settings = {"labelled_videos": (places["videos", "one"],), "image_labels": False}
        assert self.uses(places, ("images", "one"), **settings)

    def test_the_validator_says_it(self, places):
        recipe = small_recipe(
            images=(places["images", "one"],), validation=(places["videos", "one"],)
        )
        assert open_validator(recipe, CLASSES, CPU).uses_target_labels
