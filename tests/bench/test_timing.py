"""Works take turns, and their summaries are those of the rounds."""

import time

import pytest

from vsda.bench.timing import ratio, take_turns, timing


def test_works_take_turns_and_each_begins_a_round_in_its_turn():
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "abc"}
    take_turns(works, 3, "test")
    assert "".join(calls) == "abc" + "bca" + "cab" + "abc"


def test_first_round_is_not_counted():
    naps = iter([0.2, 0.0, 0.0])
    rounds = take_turns({"a": lambda: time.sleep(next(naps))}, 2, "test")
    assert len(rounds["a"]) == 2
    assert max(rounds["a"]) < 200


def test_times_are_milliseconds():
    (took_ms,) = take_turns({"a": lambda: time.sleep(0.02)}, 1, "test")["a"]
    assert 20 <= took_ms < 2000


def test_timing_is_the_quartiles_and_the_fastest():
    found = timing([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (found.low_ms, found.median_ms, found.high_ms) == (2, 3, 4)
    assert (found.fastest_ms, found.num_rounds) == (1, 5)


def test_timing_of_one_round_is_that_round():
    found = timing([7.0])
    assert {found.low_ms, found.median_ms, found.high_ms, found.fastest_ms} == {7}


def test_ratio_is_that_of_the_medians_and_its_spread_that_of_the_rounds():
    # The rounds by themselves: 2, 2, 8; the medians: 60 and 20.
    found = ratio([20.0, 60.0, 160.0], [10.0, 30.0, 20.0])
    assert found.of_medians == 3
    assert (found.low, found.high) == (2, 5)


def test_ratio_needs_the_same_rounds():
    with pytest.raises(ValueError, match="longer"):
        ratio([1.0], [1.0, 2.0])
