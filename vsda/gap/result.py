"""What was measured, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vsda.gap.classes import ClassProbe
from vsda.gap.discrepancy import Discrepancy
from vsda.gap.discriminator import Verdict
from vsda.gap.separability import Separability

Weights = Literal["average", "last step", "start"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Distance:
    """How far apart the domains' tokens are, or their frames."""

    probe: Separability
    mmd: Discrepancy


@dataclass(frozen=True, kw_only=True, slots=True)
class TapResult:
    """The domains at one tap.

    Attributes:
        channels: Width of its tokens.
        stride_px: Side of a token's cell in the picture.
        tokens: Of single places of the map.
        frames: Of means over each frame's map.
        classes: Separability of the tokens of each class that both domains show often enough.
        class_probe: How well classes are told apart; None with fewer than two of them.
    """

    channels: int
    stride_px: int
    tokens: Distance
    frames: Distance
    classes: Mapping[str, Separability]
    class_probe: ClassProbe | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkResult:
    """One network.

    Attributes:
        name: That of its run, or of the run's start.
        step: Steps of training behind it.
        weights: Which.
        at_px: Side of the squares that it saw.
        taps: From shallow to deep; the last one is the encoder's end.
        looks_at: Tap of the run's adversarial loss; None in a run without.
        discriminator: What the run's own says; None of a run without, and of a start.
        no_classes: Why there is nothing about classes; empty where there is.
        picture: File name of the picture of its tokens.
    """

    name: str
    step: int
    weights: Weights
    at_px: int
    taps: Mapping[str, TapResult]
    looks_at: str | None
    discriminator: Verdict | None
    no_classes: str
    picture: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SetFacts:
    """One of the sets, and what was taken of it.

    Attributes:
        name: Of the set.
        place: Folder or URL.
        index_sha256: Of its index, which holds the hashes of its files.
        frames: Number of pictures or frames taken.
        groups: Number of sequences and single pictures that they are from.
    """

    name: str
    place: str
    index_sha256: str
    frames: int
    groups: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GapResult:
    """The gap between two sets inside of several networks.

    Attributes:
        images: The first set.
        videos: The second one.
        is_control: Both are the same set, of which each got one half.
        tokens_per_frame: Places taken of each map.
        seed: Of all draws.
        tap_side: `after-norm`, `before-norm` or `both`: where features were taken.
        networks: In the order given, each run's start before it.
    """

    images: SetFacts
    videos: SetFacts
    is_control: bool
    tokens_per_frame: int
    seed: int
    tap_side: str
    networks: tuple[NetworkResult, ...]
