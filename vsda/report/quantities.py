"""What the logged quantities are called on the page, and what their curves tell a newcomer."""

import re
from typing import NamedTuple

CLUSTER = "cluster_source_share_"
_CLASS = "validation_iou_"


class Quantity(NamedTuple):
    """A logged quantity in words.

    Attributes:
        title: Heading of its chart.
        meaning: What it is, and what a good and a bad curve look like.
        is_main: Its chart stands among those shown first.
    """

    title: str
    meaning: str
    is_main: bool = True


_KNOWN = {
    "loss_segmentation": Quantity(
        "Segmentation loss, images",
        "How far the answers are from the labels of the images. Good: falls, then flattens. Bad: "
        "climbs again.",
    ),
    "validation_miou": Quantity(
        "Mean IoU on the validation sets, points",
        "The score, taken while training. Good: rises, then flattens. Bad: falls towards the end.",
    ),
    "train_miou": Quantity(
        "Mean IoU of a batch, points",
        "The score on pictures that are being learnt. Far above the scores at the top of this "
        "page: much of it is learnt by heart.",
    ),
    "loss_adversarial": Quantity(
        "Adversarial loss",
        "What the discriminator pays for its mistakes. Near 0 it is always right; well above "
        "ln 2 = 0.69 it is worse than a coin.",
    ),
    "accuracy_source": Quantity(
        "Discriminator: images told right",
        "Share of image tokens that it takes for images. Near 0.5 here and in the next chart: it "
        "guesses. Near 1 in both: the domains are far apart. Near 1 in one and 0 in the other: it "
        "gives one answer to all.",
    ),
    "accuracy_target": Quantity(
        "Discriminator: frames told right",
        "Share of tokens of video frames that it takes for frames; to be read with the chart "
        "before.",
    ),
    "accuracy_same": Quantity(
        "Discriminator: same-domain pairs",
        "Share of pairs of tokens from one domain that it recognises as such. Near 0.5 here and in "
        "the next chart: it guesses. Near 1 in both: the domains are far apart.",
    ),
    "accuracy_cross": Quantity(
        "Discriminator: cross-domain pairs",
        "Share of pairs of an image token and a frame token that it recognises as such; to be read "
        "with the chart before.",
    ),
    "gradient_ratio": Quantity(
        "Adversarial over segmentation gradient",
        "How hard the discriminator pulls at the network, beside the labels. Near 0: it is not "
        "felt. Far above 1: little else is felt.",
    ),
    "loss_unlabelled": Quantity(
        "Loss of unlabelled frames",
        "How unsure the network is of them (entropy), or how far its answers to a changed view are "
        "from its teacher's. Before its weight. Falling alone shows no success: it falls, too, "
        "where all frames are taken for background.",
    ),
    "teacher_confidence": Quantity(
        "Teacher: mean confidence",
        "The probability that the running average of the network gives to its answers to frames.",
    ),
    "pseudo_label_share": Quantity(
        "Teacher: share of sure pixels",
        "Pixels of frames above unlabelled.confidence. Good: grows. Near 0: nothing is taught.",
    ),
    "pseudo_object_share": Quantity(
        "Teacher: share of objects",
        "Pixels of frames that it takes for anything but background. Bad: sinks to 0, when it "
        "teaches background alone.",
    ),
    "skipped_steps": Quantity(
        "Steps skipped so far",
        "A step whose loss or gradient is not finite changes nothing. Good: no such curve at all.",
    ),
    "data_wait": Quantity(
        "Share of the time spent waiting for data",
        "Good: near 0. Above 0.3 the device idles much of the time.",
    ),
    "loss": Quantity("Total loss", "All losses, weighted and added up.", False),
    "loss_auxiliary": Quantity(
        "Auxiliary loss", "The segmentation loss of the second, shallower output.", False
    ),
    "loss_consistency": Quantity(
        "Loss of neighbouring frames",
        "How far the network moves from one frame of a clip to the next, where it is sure in one "
        "of them. Before its weight.",
        False,
    ),
    "learning_rate": Quantity("Learning rate", "As the schedule sets it.", False),
    "gradient_norm": Quantity(
        "Gradient norm, network", "Before clipping. Bad: sudden peaks, steady growth.", False
    ),
    "discriminator_gradient_norm": Quantity(
        "Gradient norm, discriminator", "Before clipping. Near 0: it has stopped learning.", False
    ),
    "loss_scale": Quantity(
        "Loss scale of 16 bits", "Halved at each overflow. Bad: falls and falls.", False
    ),
    "damaged_samples": Quantity(
        "Damaged samples so far", "Samples that could not be read and were replaced.", False
    ),
    "images_per_s": Quantity("Images per second", "Speed; the higher, the better.", False),
    "step_ms": Quantity("Time of a step, ms", "Speed; the lower, the better.", False),
    "memory_bytes": Quantity("Peak memory, GiB", "The most that was in use at once.", False),
    "num_valid_clusters": Quantity(
        "Clusters with pairs",
        "Clusters that hold tokens of both domains. At 0 the clustered loss teaches nothing.",
        False,
    ),
}
"""In the order of the page; what is not among them comes last, by name."""


def quantity(name: str) -> Quantity:
    """Return what is known about a logged quantity; of an unknown one its name."""
    if name in _KNOWN:
        return _KNOWN[name]
    if name.startswith(CLUSTER):
        title = f"Cluster {name.removeprefix(CLUSTER)}: share of image tokens"
        return Quantity(title, "Near 0 or 1 the cluster holds one domain only.", False)
    if name.startswith(_CLASS):
        title = f"IoU of {name.removeprefix(_CLASS)} on the validation sets, points"
        return Quantity(title, "The score of one class, taken while training.", False)
    return Quantity(name, "", False)


def place(name: str) -> tuple[int, list[int | str]]:
    """Return where a quantity stands: as they are listed, then by name with numbers as numbers."""
    position = list(_KNOWN).index(name) if name in _KNOWN else len(_KNOWN)
    words = re.split(r"(\d+)", name)
    return position, [int(word) if word.isdecimal() else word for word in words]
