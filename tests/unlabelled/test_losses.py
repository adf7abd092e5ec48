"""What a loss of frames shows to whom."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from tests.training.small import NETWORKS, WEIGHTS, random_batch, small_recipe
from vsda.models.batch_norm import batch_norm_statistics
from vsda.stream.domains import Part
from vsda.stream.transforms import normalise
from vsda.training.build import build_network
from vsda.unlabelled import Consistency, EntropyLoss, Frames, Photometric, TeacherLoss
from vsda.unlabelled.entropy import entropy_loss
from vsda.unlabelled.prediction import predicted
from vsda.unlabelled.teacher import pseudo_labels

STILL = {"drop_path_rate": 0.0}


def network_of(name="swin_upernet"):
    """Return a network without anything random in it."""
    still = STILL if "swin" in name else {}
    network = build_network(small_recipe(network=NETWORKS[name] | still), 3)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    return network.train()


def frames_of(teacher, *, clip_frames=None, size_px=32, **more):
    batch = random_batch(size_px=size_px, clip_frames=clip_frames)
    return Frames(
        pictures=batch.videos.pictures,
        teacher=copy.deepcopy(teacher).eval(),
        class_weights=torch.tensor(WEIGHTS.values),
        generator=torch.Generator().manual_seed(0),
        labelled=batch.images,
        **more,
    )


def seen_by(network, act):
    """Return the normalised pictures that `network` encodes while `act` is done."""
    seen = []
    encode = network.encode
    network.encode = lambda pictures, until=None: seen.append(pictures) or encode(pictures, until)
    act()
    return seen


def test_entropy_is_that_of_the_frames_as_they_are():
    network = network_of().eval()
    frames = random_batch().videos.pictures
    terms = EntropyLoss()(network, Frames(pictures=frames))
    expected = entropy_loss(network(normalise(frames)))
    assert terms.loss.item() == pytest.approx(expected.item())
    assert terms.scalars["loss_unlabelled"] == terms.loss.detach()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss", [EntropyLoss(), TeacherLoss(confidence=0.0, mixes=True)])
def test_gradients_reach_encoder_and_decoder_of_every_network_and_never_the_teacher(name, loss):
    network = network_of(name)
    clip_frames = network.clip_frames
    frames = frames_of(network, clip_frames=clip_frames, size_px=64)
    terms = loss(network, frames)
    terms.loss.backward()
    moved = {key.split(".")[0] for key, each in network.named_parameters() if each.grad is not None}
    assert {"encoder", "decoder"} <= moved
    assert all(each.grad is None for each in frames.teacher.parameters())
    assert all(not value.requires_grad and value.dim() == 0 for value in terms.scalars.values())


def test_the_teacher_sees_frames_as_they_are_and_the_student_another_view():
    network = network_of()
    frames = frames_of(network)
    loss = TeacherLoss(view=Photometric(brightness=0.4, noise=0.1))
    by_student = []
    by_teacher = seen_by(
        frames.teacher,
        lambda: by_student.extend(seen_by(network, lambda: loss(network, frames))),
    )
    assert len(by_teacher) == len(by_student) == 1
    assert torch.equal(by_teacher[0], normalise(frames.pictures))
    assert by_student[0].shape == by_teacher[0].shape
    assert not torch.equal(by_student[0], by_teacher[0])


def test_without_another_view_a_copy_of_the_student_teaches_it_its_own_answers():
    network = network_of().eval()
    frames = frames_of(network)
    terms = TeacherLoss(confidence=0.0)(network, frames)
    logits = network(normalise(frames.pictures))
    answers = logits.argmax(1)
    weights = torch.tensor(WEIGHTS.values)
    expected = functional.cross_entropy(logits, answers, weight=weights)
    assert terms.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    confidence = logits.softmax(1).amax(1).mean().item()
    assert terms.scalars["teacher_confidence"].item() == pytest.approx(confidence, rel=1e-5)
    assert terms.scalars["pseudo_label_share"] == 1
    objects = (answers > 0).float().mean().item()
    assert terms.scalars["pseudo_object_share"].item() == pytest.approx(objects)


def test_where_the_teacher_is_sure_of_nothing_only_pasted_pixels_count():
    network = network_of()
    frames = frames_of(network)
    assert TeacherLoss(confidence=1.0)(network, frames).loss == 0
    assert TeacherLoss(confidence=1.0, mixes=True)(network, frames).loss > 0


def test_what_is_pasted_has_its_own_colours_and_labels():
    """Over black frames colour tells what comes from an image."""
    network = network_of()
    masks = torch.randint(0, 3, (4, 32, 32), dtype=torch.uint8)
    pictures = (masks[:, None] + 1).expand(4, 3, 32, 32) * 50
    labelled = Part(pictures, masks)
    frames = replace(frames_of(network), pictures=torch.zeros_like(pictures), labelled=labelled)
    terms = []
    loss = TeacherLoss(confidence=1.0, mixes=True)
    (student,) = seen_by(network, lambda: terms.append(loss(network, frames)))
    pasted = (student != normalise(frames.pictures)).all(dim=1)
    expected = normalise(pictures)
    assert torch.equal(student.movedim(1, -1)[pasted], expected.movedim(1, -1)[pasted])
    assert all(0 < share < 1 for share in pasted.float().mean(dim=(1, 2)))
    classes = masks.long().where(pasted, pseudo_labels(frames.teacher, frames.pictures).classes)
    with batch_norm_statistics(network, "running"):
        logits = network(student)
    counted = functional.cross_entropy(
        logits, classes, weight=frames.class_weights, reduction="none"
    )[pasted]
    by_hand = counted.sum() / frames.class_weights[classes].sum()
    assert terms[0].loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


@pytest.mark.parametrize("loss", [EntropyLoss, TeacherLoss])
def test_neighbours_of_a_clip_add_their_part(loss):
    network = network_of("video_swin_upernet")
    found = {}
    for weight in (None, 0.5):
        frames = frames_of(network, clip_frames=4, size_px=64)
        logits = predicted(network, frames.pictures, "running").detach()
        middle = float(logits.softmax(dim=2).amax(dim=2).median())
        consistency = weight and Consistency(weight=weight, confidence=middle)
        found[weight] = loss(consistency=consistency)(network, frames)
    terms = found[0.5]
    assert terms.scalars["loss_consistency"] > 0
    total = terms.scalars["loss_unlabelled"] + 0.5 * terms.scalars["loss_consistency"]
    assert terms.loss.item() == pytest.approx(total.item(), rel=1e-5)
    assert found[None].loss.item() == pytest.approx(
        terms.scalars["loss_unlabelled"].item(), rel=1e-5
    )


@pytest.mark.parametrize("statistics", ["running", "batch", "tracked"])
def test_frames_leave_running_averages_alone_unless_asked(statistics):
    network = network_of("deeplabv3")
    before = {name: value.clone() for name, value in network.named_buffers()}
    frames = frames_of(network, size_px=64)
    for loss in (EntropyLoss(statistics=statistics), TeacherLoss(statistics=statistics)):
        loss(network, frames)
    kept = [torch.equal(value, before[name]) for name, value in network.named_buffers()]
    assert all(kept) == (statistics != "tracked")
    assert all(module.training for module in network.modules())


def test_a_teacher_that_is_not_there_is_missed():
    with pytest.raises(ValueError, match="expected a teacher"):
        TeacherLoss()(network_of(), Frames(pictures=random_batch().videos.pictures))
