"""Several looks at one picture."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.made_runs import make_run
from tests.stream.made_clips import coded, frames, opened
from tests.training.small import NETWORKS, small_recipe
from vsda.errors import UsageError
from vsda.evaluation.predict import batches_of, best_classes, cuts_of, predict_batches
from vsda.evaluation.trained import open_run
from vsda.evaluation.views import Views, probabilities, window_starts
from vsda.models.network import Level, SegmentationNetwork
from vsda.stream.clips import ReadFrame
from vsda.stream.transforms import normalise
from vsda.training.build import build_network

SIZE_PX = 32


class Pixelwise(SegmentationNetwork):
    """Says of each pixel what it is worth, wherever the window lies; counts its calls."""

    classifiers = ()
    num_classes = 3

    def __init__(self):
        super().__init__()
        self.seen = []

    def encode(self, pictures, until=None):
        self.seen.append(tuple(pictures.shape))
        return {"stage1": Level(pictures, pictures)}

    def decode(self, levels, size):
        return levels["stage1"].raw


class Lopsided(Pixelwise):
    """Sees class 1 in the left half of what it is shown."""

    def decode(self, levels, size):
        pictures = levels["stage1"].raw
        logits = torch.zeros_like(pictures)
        logits[:, 1, :, : size[1] // 2] = 1.0
        return logits


def frame(width_px, height_px, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=90)
    return ReadFrame("made/bear/00000", {"jpg": data.getvalue()})


def looked_at(network, views, *clips):
    pictures = [views.pictures(clip, SIZE_PX) for clip in clips]
    with torch.inference_mode():
        return views.logits(network, pictures, SIZE_PX)


@pytest.mark.parametrize(
    ("length_px", "window_px", "starts"),
    [
        (32, 32, [0]),
        (20, 32, [0]),
        (33, 32, [0, 1]),
        (53, 32, [0, 21]),
        (57, 32, [0, 12, 25]),
        (96, 32, [0, 16, 32, 48, 64]),
        (57, None, [0]),
    ],
)
def test_windows_go_from_edge_to_edge(length_px, window_px, starts):
    assert window_starts(length_px, window_px) == starts


def test_windows_add_up_to_what_a_pixelwise_network_says_of_the_whole():
    picture, whole = frame(85, 48), Views(slide=True)
    network = Pixelwise()
    ((maps,),) = looked_at(network, whole, [picture])
    assert maps.shape == (1, 3, 32, 57)
    assert network.seen == [(1, 3, 32, 32)] * 3
    (scaled,) = whole.pictures([picture], SIZE_PX)
    torch.testing.assert_close(maps, normalise(scaled))


@pytest.mark.parametrize("name", ["swin_upernet", "video_swin_upernet"])
@pytest.mark.parametrize("size_px", [48, 150])
def test_a_window_that_is_the_whole_picture_changes_no_bit(name, size_px):
    network = build_network(small_recipe(network=NETWORKS[name]), 3).eval()
    clip = [frame(size_px, size_px, seed) for seed in range(2 if network.clip_frames else 1)]
    ((plain,),) = looked_at(network, Views(), clip)
    ((slid,),) = looked_at(network, Views(slide=True), clip)
    assert torch.equal(plain, slid)


def test_pictures_of_several_shapes_go_through_the_network_apart():
    network = Pixelwise()
    clips = [[frame(64, 32)], [frame(32, 64)], [frame(96, 48)]]
    found = looked_at(network, Views(slide=True), *clips)
    assert [each[0].shape[-2:] for each in found] == [(32, 64), (64, 32), (32, 64)]
    alone = [looked_at(network, Views(slide=True), clip)[0][0] for clip in clips]
    for (one,), other in zip(found, alone, strict=True):
        assert torch.equal(one, other)


def test_each_scale_is_seen_plain_and_mirrored():
    network = Pixelwise()
    ((*maps,),) = looked_at(network, Views(scales=(0.5, 1.0), flip=True), [frame(40, 40)])
    assert [each.shape[-1] for each in maps] == [16, 16, 32, 32]
    assert network.seen == [(1, 3, 16, 16)] * 2 + [(1, 3, 32, 32)] * 2
    for plain, mirrored in zip(maps[::2], maps[1::2], strict=True):
        assert torch.equal(plain, mirrored)  # turned back, as a pixelwise network says the same


def test_mirrored_views_make_a_network_even_handed():
    """What it takes the left half of every picture for is one half of the mean on both sides."""
    picture = frame(32, 32)
    ((maps,),) = looked_at(Lopsided(), Views(), [picture])
    (both,) = looked_at(Lopsided(), Views(flip=True), [picture])
    assert best_classes([maps[0]], (1, 4)).tolist() == [[1, 1, 0, 0]]
    found = probabilities([each[0] for each in both], (32, 32))
    torch.testing.assert_close(found, found.flip(-1))
    torch.testing.assert_close(found.sum(dim=0), torch.ones(32, 32))


def test_probabilities_are_averaged_not_logits():
    """One view is nearly sure of class 1, two prefer class 0 a little: logits would give 1."""
    sure = torch.tensor([0.0, 12.0]).view(2, 1, 1)
    unsure = torch.tensor([1.5, 0.0]).view(2, 1, 1)
    maps = [sure, unsure, unsure]
    assert best_classes(maps, (1, 1)).tolist() == [[0]]
    assert best_classes([sum(maps)], (1, 1)).tolist() == [[1]]


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, 1.0), (9.0,), (float("nan"),)])
def test_scales_without_a_sense_are_refused(scales):
    with pytest.raises(UsageError, match="expected different numbers above 0"):
        Views(scales=scales)


@pytest.mark.parametrize("name", ["swin_upernet", "video_swin_upernet"])
def test_sets_are_predicted_with_all_views_together(tmp_path, name):
    make_run(tmp_path / "run", name)
    trained = open_run(tmp_path / "run")
    shards = opened(tmp_path, [*frames("bear", 5), coded(5, size_px=48)])
    batches = list(batches_of(trained.recipe, cuts_of(trained.recipe, shards, range(6))))
    views = Views(scales=(0.75, 1.0, 1.5), flip=True, slide=True)
    found = list(predict_batches(trained, shards, batches, torch.device("cpu"), views))
    assert [one.predicted.shape for one in found] == [(32, 32)] * 5 + [(48, 48)]
    assert [one.frame_index for one in found] == list(range(6))
