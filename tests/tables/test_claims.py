"""Claims are read, and judged by differences paired over seeds."""

import pytest

from vsda.errors import RecipeError
from vsda.recipes.tables import TableClaim
from vsda.tables.claims import Verdict, judge, read_claim


def claim(says, source="s", ceiling="c", **more):
    return read_claim(TableClaim(says=says, **more), on="video", source=source, ceiling=ceiling)


def verdict(says, points, **more):
    return judge(claim(says, **more), points, "video").verdict


def seeds(*values):
    return dict(enumerate(values))


LOW, HIGH = seeds(30.0, 34.0, 32.0), seeds(40.1, 44.0, 41.9)


def test_more_is_judged_by_the_pairs_not_by_the_spread_of_the_rows():
    points = {"a": seeds(31.0, 51.1, 40.9), "b": seeds(30.0, 50.0, 40.0)}
    assert verdict("a > b", points) is Verdict.HOLDS
    assert verdict("b > a", points) is Verdict.FAILS


def test_what_an_interval_around_nothing_cannot_tell_is_noise():
    points = {"a": seeds(30.0, 34.0), "b": seeds(32.0, 31.0)}
    assert verdict("a > b", points) is Verdict.NOISE


def test_one_seed_cannot_tell_and_says_so():
    found = judge(claim("a > b"), {"a": {0: 50.0}, "b": {0: 10.0, 1: 12.0}}, "video")
    assert (found.verdict, found.why, found.estimate.mean) == (Verdict.OPEN, "one seed", 40.0)


def test_rows_without_results_are_named():
    found = judge(claim("a > b"), {"a": LOW}, "video")
    assert (found.verdict, found.why) == (Verdict.OPEN, "no result of b")
    apart = judge(claim("a > b"), {"a": {0: 1.0}, "b": {1: 1.0}}, "video")
    assert apart.why == "no seed in common"


def test_a_margin_moves_what_counts_as_more():
    points = {"a": LOW, "b": HIGH}
    assert verdict("b > a", points, by_points=9.0) is Verdict.HOLDS
    assert verdict("b > a", points, by_points=10.0) is Verdict.NOISE
    assert verdict("b > a", points, by_points=12.0) is Verdict.FAILS
    assert verdict("a > b", points, by_points=-11.0) is Verdict.HOLDS


def test_alike_needs_the_whole_interval_within_the_margin():
    close = {"a": seeds(30.0, 34.0, 32.0), "b": seeds(30.1, 34.0, 31.9)}
    assert verdict("a ~ b", close) is Verdict.HOLDS
    assert verdict("a ~ b", close, by_points=0.05) is Verdict.NOISE
    assert verdict("a ~ b", {"a": LOW, "b": HIGH}) is Verdict.FAILS


def test_closing_a_share_of_the_gap():
    points = {"s": seeds(20.0, 22.0), "c": seeds(60.0, 62.0), "a": seeds(52.1, 53.9)}
    assert verdict("a closes 70 %", points) is Verdict.HOLDS
    assert verdict("a closes 80 %", points) is Verdict.NOISE
    assert verdict("a closes 95%", points) is Verdict.FAILS
    assert claim("a closes 70 %").rows == ("a", "s", "c")


@pytest.mark.parametrize("says", ["a>b", "a", "a < b", "a closes all", "a > b > c"])
def test_other_sentences_are_refused(says):
    with pytest.raises(RecipeError, match=r"expected `A > B`, `A ~ B` or `A closes 80 %`"):
        claim(says)


def test_a_share_needs_source_and_ceiling():
    with pytest.raises(RecipeError, match="no `source` or no `ceiling`"):
        claim("a closes 80 %", ceiling="")
