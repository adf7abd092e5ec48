"""Numbers in words."""

from vsda.gap.discrepancy import Discrepancy
from vsda.gap.discriminator import Verdict
from vsda.gap.remarks import remarks
from vsda.gap.result import Distance, GapResult, NetworkResult, SetFacts, TapResult
from vsda.gap.separability import Separability


def made(distance, discriminator, *, groups=40, interval=0.1):
    probe = Separability(
        distance=distance,
        low=distance - interval,
        high=distance + interval,
        accuracy=0.5 + distance / 4,
        num_images=groups,
        num_videos=groups,
    )
    both = Distance(probe=probe, mmd=Discrepancy(squared=0.0, null_deviation=0.1, p_value=0.5))
    tap = TapResult(channels=8, stride_px=4, tokens=both, frames=both, classes={}, class_probe=None)
    verdict = Verdict(
        tap="patch",
        judges="features",
        first=discriminator,
        second=discriminator,
        accuracy=discriminator,
    )
    network = NetworkResult(
        name="run",
        step=9,
        weights="last step",
        at_px=32,
        taps={"patch": tap},
        looks_at="patch",
        discriminator=verdict,
        no_classes="",
        picture="run.png",
    )
    facts = SetFacts(name="set", place=".", index_sha256="", frames=99, groups=groups)
    return remarks(
        GapResult(
            images=facts,
            videos=facts,
            is_control=False,
            tokens_per_frame=4,
            seed=0,
            tap_side="after-norm",
            networks=(network,),
        )
    )


def test_fooled_discriminator_beside_a_probe_that_is_not_is_no_evidence():
    assert made(1.28, 0.5) == [
        "run: the run's own discriminator at patch is right in 50 %, a fresh linear probe of the "
        "tokens there in 82 %: that it is fooled is no evidence that the domains are alike to it"
    ]


def test_probe_that_finds_nothing_either_is_told():
    alike, nothing = made(0.02, 0.52)
    assert "does no better there: what is left of the gap, if anything, is not linear" in alike
    assert nothing.startswith("run: no linear probe tells the domains apart at patch")


def test_discriminator_that_is_not_fooled_is_told():
    assert made(1.6, 0.85) == [
        "run: the run's own discriminator at patch is right in 85 %: it still tells the domains "
        "apart, as a fresh linear probe of the tokens does in 90 %"
    ]


def test_few_groups_are_told():
    assert (
        sum("intervals are too narrow with so few" in each for each in made(1, 0.9, groups=4)) == 2
    )
