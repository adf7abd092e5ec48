"""What a panel shows, and that making one leaves a network as it was."""

import numpy as np
import pytest
import torch

from tests.training.small import NETWORKS, random_batch, small_recipe
from vsda.palette import class_colour, overlay
from vsda.stream.domains import Batch, Part
from vsda.stream.transforms import normalise
from vsda.taxonomy import class_set
from vsda.training.build import build_network
from vsda.training.panels import panel, predict_panel

CLASSES = class_set("person,dog")
PERSON, DOG = CLASSES.ids
CELL, LEFT, TOP = 192, 12, 32
"""Side of a cell, and where the first one lies."""
STEP, GROUP_STEP = CELL + 4, CELL + 20


def grey(count, *clip):
    return torch.full((count, *clip, 3, 32, 32), 90, dtype=torch.uint8)


def mask(count, value, *clip):
    return torch.full((count, *clip, 32, 32), value, dtype=torch.uint8)


def cell(pixels, left, row=0):
    top = TOP + row * STEP
    return pixels[top : top + CELL, left : left + CELL]


def drawn(coco_id):
    image = np.full((CELL, CELL, 3), 90, dtype=np.uint8)
    return overlay(image, np.full((CELL, CELL), coco_id, dtype=np.uint8), 0.6)


def has_colour(pixels, coco_id):
    """Tell whether the legend, the lowest stripe of a panel, has the colour of a class."""
    return bool((pixels[-22:] == class_colour(coco_id)).all(axis=-1).any())


def test_a_row_has_image_truth_and_prediction_then_frame_and_prediction():
    batch = Batch(images=Part(grey(1), mask(1, 1)), videos=Part(grey(1)))
    pixels = panel(batch, {"images": mask(1, 2), "videos": mask(1, 0)}, CLASSES)
    assert pixels.dtype == np.uint8
    assert (cell(pixels, LEFT) == 90).all()
    np.testing.assert_array_equal(cell(pixels, LEFT + STEP), drawn(PERSON))
    np.testing.assert_array_equal(cell(pixels, LEFT + 2 * STEP), drawn(DOG))
    frame = LEFT + 2 * STEP + GROUP_STEP
    assert (cell(pixels, frame) == 90).all()
    np.testing.assert_array_equal(cell(pixels, frame + STEP), drawn(0))
    assert pixels.shape[1] == frame + STEP + CELL + LEFT


def test_labelled_videos_have_their_truth():
    batch = Batch(labelled_videos=Part(grey(1), mask(1, 1)))
    pixels = panel(batch, {"labelled_videos": mask(1, 2)}, CLASSES)
    np.testing.assert_array_equal(cell(pixels, LEFT + STEP), drawn(PERSON))
    np.testing.assert_array_equal(cell(pixels, LEFT + 2 * STEP), drawn(DOG))


def test_images_without_labels_have_no_truth():
    pixels = panel(Batch(images=Part(grey(1))), {"images": mask(1, 1)}, CLASSES)
    np.testing.assert_array_equal(cell(pixels, LEFT + STEP), drawn(PERSON))
    assert pixels.shape[1] == LEFT + STEP + CELL + LEFT


def test_the_legend_names_what_occurs():
    batch = Batch(images=Part(grey(1), mask(1, 1)))
    pixels = panel(batch, {"images": mask(1, 0)}, CLASSES)
    assert has_colour(pixels, PERSON)
    assert not has_colour(pixels, DOG)
    assert not has_colour(pixels, 255)


def test_pixels_without_a_label_are_hatched_and_named():
    batch = Batch(images=Part(grey(1), mask(1, 255)))
    pixels = panel(batch, {"images": mask(1, 0)}, CLASSES)
    np.testing.assert_array_equal(cell(pixels, LEFT + STEP), drawn(255))
    assert has_colour(pixels, 255)


def test_of_clips_the_first_frame_is_shown():
    pictures, masks = grey(1, 3), mask(1, 2, 3)
    pictures[:, 1:], masks[:, 1:] = 200, 0
    batch = Batch(labelled_videos=Part(pictures, masks))
    pixels = panel(batch, {"labelled_videos": mask(1, 1)}, CLASSES)
    assert (cell(pixels, LEFT) == 90).all()
    np.testing.assert_array_equal(cell(pixels, LEFT + STEP), drawn(DOG))


def test_a_batch_without_predictions_is_a_mistake():
    with pytest.raises(ValueError, match="expected predictions of a kind that the batch has"):
        panel(Batch(videos=Part(grey(1))), {}, CLASSES)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_panel_shows_at_most_four_samples_of_each_kind(name):
    network = build_network(small_recipe(network=NETWORKS[name]), 3)
    batch = random_batch(clip_frames=network.clip_frames, labelled=True)
    batch = Batch(
        images=Part(batch.images.pictures.repeat_interleave(2, 0)),  # 8 of them
        videos=batch.videos,
        labelled_videos=batch.labelled_videos,
    )
    pixels = predict_panel(network, batch, CLASSES)
    legend = 22 + 12
    assert pixels.shape[0] == TOP + 4 * STEP + legend
    assert pixels.shape[1] == 2 * LEFT + 7 * CELL + 4 * 4 + 2 * 20


def test_the_prediction_is_that_of_evaluation():
    torch.manual_seed(0)
    network = build_network(small_recipe(), 3)
    batch = random_batch()
    pixels = predict_panel(network, batch, CLASSES)
    network.eval()
    indices = network(normalise(batch.images.pictures)).argmax(dim=1).to(torch.uint8)
    np.testing.assert_array_equal(
        cell(pixels, LEFT + 2 * STEP),
        cell(panel(batch, {"images": indices}, CLASSES), LEFT + 2 * STEP),
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_panel_leaves_the_network_and_the_random_stream_as_they_were(name):
    network = build_network(small_recipe(network=NETWORKS[name]), 3).train()
    first = next(network.children()).eval()  # a part that stays frozen
    modes = [module.training for module in network.modules()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    stream = torch.get_rng_state()

    predict_panel(network, random_batch(clip_frames=network.clip_frames), CLASSES)

    assert not first.training
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_still_learns_after_a_panel():
    """What a network keeps from a prediction must be fit for a gradient."""
    network = build_network(small_recipe(), 3).train()
    batch = random_batch()
    predict_panel(network, batch, CLASSES)
    network(normalise(batch.images.pictures)).sum().backward()
    assert any(parameter.grad is not None for parameter in network.parameters())


def test_a_network_that_fails_is_back_in_training():
    network = build_network(small_recipe(), 3).train()
    with pytest.raises(RuntimeError):
        predict_panel(network, Batch(images=Part(torch.zeros(2, 5, 8, 8))), CLASSES)
    assert network.training
