"""What the numbers mean, in words: one function for each thing that is easily misread."""

from collections.abc import Callable

from vsda.gap.discriminator import Verdict
from vsda.gap.networks import START_SUFFIX
from vsda.gap.result import GapResult, NetworkResult, SetFacts
from vsda.gap.separability import Separability

_FEW_GROUPS = 10
_NEAR_CHANCE = 0.1
"""A discriminator that is right less than this above one half of the time is at chance."""


def remarks(result: GapResult) -> list[str]:
    """Return sentences about a measurement, those about both sets first."""
    found = [_few(each) for each in (result.images, result.videos)]
    found.append(_control(result))
    for network in result.networks:
        found += [find(network) for find in _ABOUT_NETWORK]
        found.append(_since_start(result, network))
    return [each for each in found if each]


def _few(facts: SetFacts) -> str:
    if facts.groups >= _FEW_GROUPS:
        return ""
    return (
        f"{facts.name} has {facts.groups} sequences and single pictures among the {facts.frames} "
        "frames taken: intervals are too narrow with so few of them"
    )


def _control(result: GapResult) -> str:
    if not result.is_control:
        return ""
    return (
        f"{result.images.name} was given twice, so that one half of it is compared with the other: "
        "what is found here is found without any gap"
    )


def _fooled(network: NetworkResult) -> str:
    """Tell a fooled discriminator from features that are alike."""
    verdict = network.discriminator
    if verdict is None:
        return ""
    probe = network.taps[verdict.tap].tokens.probe
    if verdict.accuracy >= 0.5 + _NEAR_CHANCE:
        return f"{_right(network, verdict)}: it still tells the domains apart{_beside(probe)}"
    if probe.low > 0:
        return (
            f"{_right(network, verdict)}, a fresh linear probe of the tokens there in "
            f"{_percent(probe.accuracy)}: that it is fooled is no evidence that the domains are "
            "alike to it"
        )
    return (
        f"{_right(network, verdict)}, and a fresh linear probe of the tokens does no better there: "
        "what is left of the gap, if anything, is not linear"
    )


def _right(network: NetworkResult, verdict: Verdict) -> str:
    of_pairs = " of pairs" if verdict.judges == "pairs" else ""
    return (
        f"{network.name}: the run's own discriminator at {verdict.tap} is right in "
        f"{_percent(verdict.accuracy)}{of_pairs}"
    )


def _beside(probe: Separability) -> str:
    return f", as a fresh linear probe of the tokens does in {_percent(probe.accuracy)}"


def _no_gap(network: NetworkResult) -> str:
    """Name the taps where nothing can be told apart."""
    alike = [
        tap
        for tap, found in network.taps.items()
        if found.tokens.probe.low <= 0 and found.frames.probe.low <= 0
    ]
    if not alike:
        return ""
    return (
        f"{network.name}: no linear probe tells the domains apart at {', '.join(alike)}: an "
        "adversarial loss there has little to work with"
    )


def _no_classes(network: NetworkResult) -> str:
    if not network.no_classes:
        return ""
    return f"{network.name}: nothing about classes, as labels are missing: {network.no_classes}"


def _since_start(result: GapResult, network: NetworkResult) -> str:
    """Say what training has changed where the run's adversarial loss looks, or at the end."""
    starts = {each.name: each for each in result.networks}
    before = starts.get(f"{network.name}{START_SUFFIX}")
    if before is None:
        return ""
    tap = network.looks_at or list(network.taps)[-1]
    old, new = (each.taps[tap].tokens.probe for each in (before, network))
    is_clear = new.high < old.low or new.low > old.high
    text = (
        f"{network.name}: training took the tokens' distance at {tap} from {old.distance:.2f} to "
        f"{new.distance:.2f}" + ("" if is_clear else ", which is within both intervals")
    )
    probes = [each.taps[tap].class_probe for each in (before, network)]
    if probes[0] is None or probes[1] is None:
        return text
    return (
        f"{text}; classes learnt from images there are found on video in "
        f"{_percent(probes[1].on_videos)}, before in {_percent(probes[0].on_videos)}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


_ABOUT_NETWORK: tuple[Callable[[NetworkResult], str], ...] = (_no_classes, _fooled, _no_gap)
