"""What a network says about the frames of a set."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.stream.made_clips import coded, frames, numbers, opened, stills
from tests.training.small import NETWORKS, small_recipe
from vsda.errors import ShardError
from vsda.evaluation.evaluate import evaluate
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.predict import class_indices, predict_set
from vsda.evaluation.trained import TrainedNetwork
from vsda.models.network import Level, SegmentationNetwork, Tap
from vsda.stream.clips import labelled_positions
from vsda.stream.transforms import IMAGE_MEAN, IMAGE_STD, decode_resized, normalise
from vsda.taxonomy import class_set
from vsda.training.build import build_network
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train

CLASSES = class_set("person,dog")


class Witness(SegmentationNetwork):
    """Says of each frame of a clip which frame the clip starts with and how many it has."""

    classifiers = ()
    num_classes = 250

    def __init__(self, clip_frames):
        super().__init__()
        self.taps = {"stage1": Tap(channels=1, stride_px=1)}
        self.clip_frames = clip_frames
        self.seen = []

    def encode(self, pictures, until=None):
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
        found = torch.tensor(numbers((pictures * std + mean) * 255))
        self.seen.append(found.shape)
        told = 10 * found[:, :1] + found.shape[1] if self.clip_frames else found
        code = told.expand(found.shape)[..., None, None, None]
        return {"stage1": Level(code, code)}

    def decode(self, levels, size):
        codes = levels["stage1"].raw.flatten()
        one_hot = nn.functional.one_hot(codes, self.num_classes).float()
        return one_hot[..., None, None].expand(-1, -1, *size)


def witness(clip_frames=4, **settings):
    network = NETWORKS["video_swin_upernet"] | {"clip_frames": clip_frames}
    recipe = small_recipe(network=network if clip_frames else NETWORKS["swin_upernet"], **settings)
    return TrainedNetwork(network=Witness(clip_frames), recipe=recipe, classes=CLASSES, step=0)


def told(trained, shards, positions=None):
    """Return for each key (first frame of its clip, frames of its clip), in the order yielded."""
    positions = labelled_positions(shards) if positions is None else positions
    found = {}
    for one in predict_set(trained, shards, positions, "cpu"):
        (value,) = np.unique(one.predicted)
        found[one.key] = divmod(int(value), 10)
    return found


def keys(sequence, positions):
    return [f"made/{sequence}/{position:05d}" for position in positions]


def test_each_frame_is_predicted_in_its_own_clip(tmp_path):
    shards = opened(tmp_path, frames("bear", 10), [*frames("cows", 3), *stills(2)])
    found = told(witness(), shards)
    starts = dict(zip(keys("bear", range(10)), [0] * 4 + [4] * 4 + [6] * 2, strict=True))
    assert found == (
        {key: (start, 4) for key, start in starts.items()}
        | dict.fromkeys(keys("cows", range(3)), (0, 3))
        | {key: (number, 1) for number, key in enumerate(keys("stills", range(2)))}
    )
    assert list(found) == [entry.key for entry in shards.entries]


def test_only_clips_with_a_mask_are_run_and_frames_without_one_are_neighbours(tmp_path):
    trained = witness()
    shards = opened(tmp_path, frames("bear", 14, labelled={5, 13}))
    assert told(trained, shards) == dict(zip(keys("bear", [5, 13]), [(4, 4), (10, 4)], strict=True))
    assert trained.network.seen == [(2, 4)]


def test_clips_have_the_stride_that_was_trained(tmp_path):
    found = told(witness(clip_frames=2, clip_stride=2), opened(tmp_path, frames("bear", 6)))
    assert [found[key] for key in keys("bear", range(6))] == [
        (0, 2),
        (1, 2),
        (0, 2),
        (1, 2),
        (2, 2),
        (3, 2),
    ]


@pytest.mark.parametrize("clip_frames", [4, None])
def test_the_size_of_a_batch_changes_nothing(tmp_path, monkeypatch, clip_frames):
    shards = opened(tmp_path, frames("bear", 18), [*frames("cows", 3), *stills(5)])
    trained = witness(clip_frames)
    expected = told(trained, shards)
    assert max(shape[0] for shape in trained.network.seen) == (4 if clip_frames else 16)
    for size in (1, 7, 1000):
        monkeypatch.setattr("vsda.evaluation.predict._BATCH_FRAMES", size)
        assert told(trained, shards) == expected


def test_single_pictures_are_predicted_in_the_order_given(tmp_path):
    shards = opened(tmp_path, frames("bear", 18))
    trained = witness(None)
    order = [*range(17, -1, -1)]
    assert list(told(trained, shards, order)) == keys("bear", order)
    assert trained.network.seen == [(16,), (2,)]


def test_a_prediction_has_the_size_of_its_own_mask(tmp_path):
    samples = [coded(0), coded(1, size_px=48)]
    shapes = [
        (one.truth.shape, one.predicted.shape, one.sequence)
        for one in predict_set(witness(), opened(tmp_path, samples), range(2), "cpu")
    ]
    assert shapes == [((32, 32), (32, 32), "bear"), ((48, 48), (48, 48), "bear")]


def test_a_wanted_frame_without_a_mask_is_refused(tmp_path):
    shards = opened(tmp_path, frames("bear", 4, labelled={0}))
    with pytest.raises(ShardError, match=r"made/bear/00002 has no seg\.png"):
        told(witness(), shards, [0, 2])


def test_a_damaged_frame_is_named(tmp_path):
    samples = frames("bear", 4)
    samples[2] = replace(samples[2], jpg=samples[2].jpg[:300])
    with pytest.raises(ShardError, match=r"made/bear/00002: an image .* cannot be decoded"):
        told(witness(), opened(tmp_path, samples))


@pytest.mark.parametrize("image_padding", ["zeros", "none"])
def test_video_swin_sees_the_clips_as_they_are_cut(tmp_path, image_padding):
    settings = NETWORKS["video_swin_upernet"] | {"image_padding": image_padding}
    recipe = small_recipe(network=settings)
    network = build_network(recipe, 3).eval()
    trained = TrainedNetwork(network=network, recipe=recipe, classes=CLASSES, step=0)
    shards = opened(tmp_path, frames("bear", 6), [*frames("cows", 3), *stills(1)])
    found = list(predict_set(trained, shards, range(10), "cpu"))
    pictures = normalise(
        torch.stack([decode_resized(shards.read(n, ("jpg",))["jpg"], 32) for n in range(10)])
    )
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(pictures[None, 0:4])[0],
                network(pictures[None, 2:6])[0, 2:],
                network(pictures[None, 6:9])[0],
                network(pictures[None, 9:])[0],
            ]
        )
    assert len({one.predicted.tobytes() for one in found}) == len(found)  # frames tell apart
    for one, scores in zip(found, logits, strict=True):
        assert np.array_equal(one.predicted, class_indices(scores, (32, 32)))


def test_a_run_of_a_clip_network_is_judged_on_frames_and_stills(tmp_path):
    bear = frames("bear", 6, labelled={1, 5})
    opened(tmp_path / "data", stills(4), name="images")
    videos = opened(tmp_path / "data", bear, frames("cows", 3), name="videos")
    recipe = small_recipe(
        network=NETWORKS["video_swin_upernet"],
        images=(str(tmp_path / "data" / "images"),),
        labelled_videos=(str(tmp_path / "data" / "videos"),),
        steps=2,
    )
    run_dir = tmp_path / "run"
    train(recipe, open_inputs(recipe), RunOptions(run_dir=run_dir))
    scores = evaluate(run_dir, videos.shard_set, EvaluationOptions())
    assert {name: video["num_frames"] for name, video in scores["videos"].items()} == {
        "bear": 2,
        "cows": 3,
    }
    assert sum(scores["pixels"].values()) == 5 * 32 * 32
    images = opened(tmp_path / "more", stills(3), name="stills")
    assert evaluate(run_dir, images.shard_set, EvaluationOptions())["num_frames"] == 3


def test_logits_are_resized_by_the_centres_of_their_pixels():
    """The border lies a third of the way from the third centre; with corners aligned, at 12."""
    logits = torch.zeros(2, 1, 4)
    logits[1, 0] = torch.tensor([-1.0, -1.0, -1.0, 2.0])
    assert class_indices(logits, (1, 16)).tolist() == [[0] * 11 + [1] * 5]


@pytest.mark.parametrize("num_scores", [1, 2, 12, 256])
def test_the_first_of_equally_high_classes_is_the_best(num_scores):
    logits = torch.randint(-2, 2, (num_scores, 24, 40)).float()  # with many ties
    logits[:, 0, :4] = -torch.inf
    found = class_indices(logits, (24, 40))
    assert found.dtype == np.uint8
    assert np.array_equal(found, logits.argmax(dim=0).numpy())
