"""The tokens of every network, and its own discriminator."""

import numpy as np
import pytest
import torch

from tests.gap.made_tokens import make_clips, make_stills
from tests.made_runs import make_run
from tests.training.small import CLUSTERED, DOMAIN, NETWORKS, small_objective, small_recipe
from vsda.evaluation.trained import TrainedNetwork
from vsda.gap.collect import Sampling, cell_classes, collect
from vsda.gap.discriminator import opponent_of
from vsda.gap.frames import draw_compared
from vsda.gap.networks import Measured, open_measured
from vsda.stream.transforms import decode_resized, normalise
from vsda.taxonomy import IGNORE_INDEX, class_set

CLASSES = class_set("person,dog")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return draw_compared(make_stills(folder, 4), make_clips(folder, 4, 3), 8, 0)


def sampling(**settings):
    return Sampling(
        **({"tokens": 5, "side": "after-norm", "classes": CLASSES, "seed": 0} | settings)
    )


def with_opponent(**settings):
    """A small network with a discriminator, neither of them trained."""
    objective = small_objective(**settings).eval()
    recipe = small_recipe(**settings)
    trained = TrainedNetwork(network=objective.network, recipe=recipe, classes=CLASSES, step=0)
    return Measured(
        name="made", trained=trained, opponent=opponent_of(objective.adversarial, objective.view)
    )


def picture(frames, number):
    data = frames.shards.read(int(frames.positions[number]), ("jpg",))["jpg"]
    return normalise(decode_resized(data, 32)[None])


@pytest.mark.parametrize("network", [*NETWORKS])
def test_tokens_are_those_of_the_network(network, compared, tmp_path):
    make_run(tmp_path / "run", network)
    run = open_measured(tmp_path / "run")
    found, verdict = collect(run, compared, sampling())
    assert verdict is None
    assert list(found) == list(run.trained.network.taps)
    images = compared.images
    with torch.inference_mode():
        levels = run.trained.network.encode(torch.cat([picture(images, n) for n in range(4)]))
    for tap, taken in found.items():
        channels = run.trained.network.taps[tap].channels
        assert taken.frames.features.shape == (4 + 8, channels)
        expected = levels[tap].normed.mean(dim=(1, 2))
        torch.testing.assert_close(taken.frames.features[:4], expected, atol=1e-4, rtol=1e-3)
        flat = levels[tap].normed[0].flatten(0, 1)
        of_first = taken.places.features[taken.places.groups == 0]
        assert len(of_first) == min(5, len(flat))
        away = (of_first[:, None] - flat[None]).abs().amax(dim=2)
        assert away.amin(dim=1).max() < 1e-3


def test_groups_and_domains_are_those_of_the_frames(compared, tmp_path):
    make_run(tmp_path / "run")
    found, _ = collect(open_measured(tmp_path / "run"), compared, sampling())
    frames = found["patch"].frames
    assert frames.domains.tolist() == [0] * 4 + [1] * 8
    assert frames.groups.tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7]


def test_frame_of_a_clip_is_the_one_that_was_drawn(compared, tmp_path):
    make_run(tmp_path / "run", "video_swin_upernet")
    run = open_measured(tmp_path / "run")
    found, _ = collect(run, compared, sampling())
    videos = compared.videos
    for number, position in enumerate(videos.positions.tolist()):
        with torch.inference_mode():
            alone = run.trained.network.encode(picture(videos, number), until="patch")
        expected = alone["patch"].normed.mean(dim=(0, 1, 2))
        torch.testing.assert_close(
            found["patch"].frames.features[4 + number], expected, msg=str(position)
        )


def test_side_of_the_norm_is_chosen(compared, tmp_path):
    make_run(tmp_path / "run")
    run = open_measured(tmp_path / "run")
    before, after, both = (
        collect(run, compared, sampling(side=each))[0]["patch"].places.features
        for each in ("before-norm", "after-norm", "both")
    )
    assert torch.equal(both, torch.cat((before, after), dim=-1))
    assert not torch.allclose(before, after)
    norm = run.trained.network.encoder.features[0][2]
    torch.testing.assert_close(norm(before).detach(), after)


def test_labels_are_left_unread_where_they_are_not_wanted(compared, tmp_path):
    make_run(tmp_path / "run")
    found, _ = collect(open_measured(tmp_path / "run"), compared, sampling(classes=None))
    assert not len(found["patch"].of_classes)
    assert (found["patch"].places.classes == IGNORE_INDEX).all()


def test_class_of_a_cell_is_the_one_that_dominates_it():
    mask = np.full((5, 8), IGNORE_INDEX, dtype=np.uint8)
    mask[:4, :4] = 2
    mask[0, :4] = 1  # a quarter of the first cell
    mask[:4, 4:] = 1
    mask[:3, 4:6] = 0  # more than a quarter of the second one
    mask[4] = 1  # a cell with one row inside of the picture
    assert cell_classes(mask, 4).tolist() == [[2, 255], [255, 255]]


def test_discriminator_of_features_is_asked_as_in_training(compared):
    run = with_opponent(adversarial=DOMAIN)
    _, verdict = collect(run, compared, sampling())
    discriminator = run.opponent.loss.discriminator
    right = []
    for frames, wanted in ((compared.images, True), (compared.videos, False)):
        with torch.inference_mode():
            patches = torch.cat(
                [
                    run.trained.network.encode(picture(frames, n), until="patch")["patch"].normed
                    for n in range(len(frames.positions))
                ]
            )
            right.append(((discriminator(patches) > 0) == wanted).float().mean().item())
    assert (verdict.first, verdict.second) == pytest.approx(tuple(right))
    assert verdict.accuracy == pytest.approx(sum(right) / 2)
    assert (verdict.tap, verdict.judges) == ("patch", "features")


@pytest.mark.parametrize("placement", ["patch", "stage2", "global"])
@pytest.mark.parametrize("loss", [DOMAIN, CLUSTERED | {"clusters": 2}])
def test_discriminator_is_asked_at_every_placement(placement, loss, compared):
    run = with_opponent(adversarial=loss | {"placement": placement})
    _, verdict = collect(run, compared, sampling())
    if placement == "global" and loss is not DOMAIN:
        assert verdict is None  # bright and dark frames have clusters of their own: no pairs
        return
    assert verdict.tap == ("patch" if placement == "patch" else "stage2")
    assert verdict.judges == ("features" if loss is DOMAIN else "pairs")
    assert 0 <= verdict.accuracy <= 1


def test_centroids_of_the_run_stay_as_they_are(compared):
    run = with_opponent(adversarial=CLUSTERED)
    before = {name: value.clone() for name, value in run.opponent.loss.state_dict().items()}
    collect(run, compared, sampling())
    for name, value in run.opponent.loss.state_dict().items():
        assert torch.equal(value, before[name])


def test_discriminators_of_clips_are_asked(compared):
    network = NETWORKS["video_swin_upernet"]
    settings = DOMAIN | {"discriminator": "patchgan3d", "conv_channels": 4}
    run = with_opponent(network=network | {"patch_size": 2}, adversarial=settings)
    _, verdict = collect(run, compared, sampling())
    assert 0 <= verdict.accuracy <= 1
