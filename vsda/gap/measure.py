"""The gap between two sets inside of networks: everything that is measured, as one result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsda.errors import RecipeError, ShardError
from vsda.gap.classes import class_probe, separability_by_class
from vsda.gap.collect import Sampling, TapTokens, collect
from vsda.gap.discrepancy import discrepancy
from vsda.gap.frames import Compared, Frames, draw_compared
from vsda.gap.networks import START_SUFFIX, Measured
from vsda.gap.picture import Panel, draw_picture
from vsda.gap.result import Distance, GapResult, NetworkResult, SetFacts, TapResult, Weights
from vsda.gap.separability import Held, separability
from vsda.gap.tokens import Tokens
from vsda.models.network import Side, Tap
from vsda.progress import progress
from vsda.shards.index import ShardSet
from vsda.taxonomy import BACKGROUND_ID, ClassSet
from vsda.training.inputs import check_labels, set_identity


@dataclass(frozen=True, kw_only=True, slots=True)
class GapOptions:
    """How a gap is measured.

    Attributes:
        samples: Frames of each set, at most.
        tokens: Places of each frame's map, at most.
        seed: Of all draws.
        device: Where networks run, by torch's name.
    """

    samples: int = 256
    tokens: int = 16
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """The result, and each network's picture as PNG by the file name that the result gives it."""

    result: GapResult
    pictures: Mapping[str, bytes]


def measure_gap(
    networks: Sequence[Measured], images: ShardSet, videos: ShardSet, options: GapOptions
) -> Gap:
    """Return how far apart two sets are at every tap of each network.

    All networks see the same frames. Features are taken on the side of a tap's norm where the first
    network's recipe has its discriminator look. Given the same set twice, one half of its sequences
    and single pictures is compared with the other, which shows what is found where no gap is.

    Raises:
        ShardError: A set has fewer than two sequences or single pictures, or a sample cannot be
            read.
    """
    compared = draw_compared(images, videos, options.samples, options.seed)
    tap_side = networks[0].trained.recipe.adversarial.tap
    measured = [_measure(each, compared, tap_side, options) for each in networks]
    result = GapResult(
        images=_facts(compared.images),
        videos=_facts(compared.videos),
        is_control=compared.is_control,
        tokens_per_frame=options.tokens,
        seed=options.seed,
        tap_side=tap_side,
        networks=tuple(each for each, _ in measured),
    )
    return Gap(result=result, pictures={each.picture: png for each, png in measured})


def _measure(
    network: Measured, compared: Compared, side: Side, options: GapOptions
) -> tuple[NetworkResult, bytes]:
    trained = network.trained
    classes, no_classes = _labels(compared, trained.classes)
    sampling = Sampling(
        tokens=options.tokens,
        side=side,
        classes=classes,
        seed=options.seed,
        device=options.device,
    )
    tokens, verdict = collect(network, compared, sampling)
    names = ("background", *trained.classes.names)
    taps: dict[str, TapResult] = {}
    panels: list[Panel] = []
    for tap, taken in progress(tokens.items(), f"{network.name}: probes", total=len(tokens)):
        taps[tap], held = _measure_tap(taken, trained.network.taps[tap], names, options.seed)
        panels.append(
            Panel(
                tap=tap,
                distance=taps[tap].tokens.probe.distance,
                held=held,
                tokens=taken.places,
                of_classes=taken.of_classes,
            )
        )
    result = NetworkResult(
        name=network.name,
        step=trained.step,
        weights=_weights(network),
        at_px=trained.recipe.size_px,
        taps=taps,
        looks_at=_looks_at(network),
        discriminator=verdict,
        no_classes=no_classes,
        picture=f"{network.name.replace('/', '-')}.png",
    )
    png = draw_picture(
        network.name,
        panels,
        (compared.images.shard_set.index.name, compared.videos.shard_set.index.name),
        dict(zip(names, (BACKGROUND_ID, *trained.classes.ids), strict=True)),
    )
    return result, png


def _measure_tap(
    taken: TapTokens, tap: Tap, names: Sequence[str], seed: int
) -> tuple[TapResult, Held]:
    tokens, held = _distance(taken.places, seed)
    frames, _ = _distance(taken.frames, seed)
    result = TapResult(
        channels=tap.channels,
        stride_px=tap.stride_px,
        tokens=tokens,
        frames=frames,
        classes=separability_by_class(taken.of_classes, names, seed),
        class_probe=class_probe(taken.of_classes, names, seed),
    )
    return result, held


def _distance(tokens: Tokens, seed: int) -> tuple[Distance, Held]:
    probe, held = separability(tokens, seed)
    return Distance(probe=probe, mmd=discrepancy(tokens, seed)), held


def _labels(compared: Compared, classes: ClassSet) -> tuple[ClassSet | None, str]:
    """Return the classes that both sets have labels of, or why there are none."""
    for each in (compared.images, compared.videos):
        try:
            check_labels(each.shard_set, classes)
        except (ShardError, RecipeError) as error:
            return None, str(error)
    return classes, ""


def _looks_at(network: Measured) -> str | None:
    """Return the tap of the recipe's adversarial loss, None for a recipe without."""
    recipe = network.trained.recipe
    if not recipe.is_adversarial:
        return None
    placement = recipe.adversarial.placement
    return list(network.trained.network.taps)[-1] if placement == "global" else placement


def _weights(network: Measured) -> Weights:
    if network.name.endswith(START_SUFFIX) and network.trained.checkpoint is None:
        return "start"
    return "average" if network.trained.is_average else "last step"


def _facts(frames: Frames) -> SetFacts:
    return SetFacts(
        **set_identity(frames.shard_set),
        place=frames.shard_set.folder,
        frames=len(frames.positions),
        groups=frames.num_groups,
    )
