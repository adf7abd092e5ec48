"""The numbers as rows of tables for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from vsda.gap.discrepancy import Discrepancy
from vsda.gap.result import GapResult, NetworkResult, TapResult
from vsda.gap.separability import Separability


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTable:
    """A table; all columns but the first stand to the right."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def gap_tables(result: GapResult) -> list[TextTable]:
    """Return each network's table by tap, then its classes, then all networks side by side."""
    tables = []
    for network in result.networks:
        tables.append(_by_tap(network))
        if not network.no_classes:
            tables += [_inside_classes(network), _class_probes(network)]
    if len(result.networks) > 1:
        tables.append(_side_by_side(result.networks))
    return [each for each in tables if each.rows]


def headline(result: GapResult) -> str:
    """Return what was compared, in a line."""
    images, videos = result.images, result.videos
    return (
        f"{images.frames} frames of {images.name} against {videos.frames} of {videos.name} "
        f"({images.groups} and {videos.groups} pictures or sequences), "
        f"{result.tokens_per_frame} tokens of each, {result.tap_side}"
    )


def _by_tap(network: NetworkResult) -> TextTable:
    verdict = network.discriminator
    rows = []
    for tap, found in network.taps.items():
        own = "" if verdict is None or verdict.tap != tap else _share(verdict.accuracy)
        rows.append(
            (
                tap,
                _distance(found.tokens.probe),
                _distance(found.frames.probe),
                _mmd(found.tokens.mmd),
                _mmd(found.frames.mmd),
                _share(found.tokens.probe.accuracy),
                own,
            )
        )
    what = "random or loaded weights" if network.weights == "start" else network.weights
    return TextTable(
        title=f"{network.name}: step {network.step}, {what}, {network.at_px} px",
        headings=(
            "tap",
            "PAD of tokens (95 %)",
            "PAD of frames (95 %)",
            "MMD2 of tokens (p)",
            "MMD2 of frames (p)",
            "probe right",
            "own discriminator",
        ),
        rows=tuple(rows),
    )


def _inside_classes(network: NetworkResult) -> TextTable:
    names = list(dict.fromkeys(name for tap in network.taps.values() for name in tap.classes))
    rows = [(name, *(_one_class(found, name) for found in network.taps.values())) for name in names]
    return TextTable(
        title=f"{network.name}: PAD of tokens inside of a class",
        headings=("class", *network.taps),
        rows=tuple(rows),
    )


def _class_probes(network: NetworkResult) -> TextTable:
    probes = {tap: found.class_probe for tap, found in network.taps.items()}
    rows = [
        (
            tap,
            str(len(probe.classes)),
            _share(probe.on_images),
            _share(probe.on_videos),
            _share(probe.videos_on_videos),
        )
        for tap, probe in probes.items()
        if probe is not None
    ]
    return TextTable(
        title=f"{network.name}: mean recall of a linear probe for the class of a token",
        headings=("tap", "classes", "images", "images -> video", "video"),
        rows=tuple(rows),
    )


def _side_by_side(networks: Sequence[NetworkResult]) -> TextTable:
    taps = dict.fromkeys(tap for network in networks for tap in network.taps)
    rows = [
        (
            tap,
            *(
                _distance(each.taps[tap].tokens.probe) if tap in each.taps else "-"
                for each in networks
            ),
        )
        for tap in taps
    ]
    return TextTable(
        title="PAD of tokens, side by side",
        headings=("tap", *(network.name for network in networks)),
        rows=tuple(rows),
    )


def _one_class(found: TapResult, name: str) -> str:
    return f"{found.classes[name].distance:.2f}" if name in found.classes else "-"


def _distance(found: Separability) -> str:
    return f"{found.distance:.2f} ({found.low:.2f} to {found.high:.2f})"


def _mmd(found: Discrepancy) -> str:
    return f"{found.squared:.4f} ({found.p_value:.3f})"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
