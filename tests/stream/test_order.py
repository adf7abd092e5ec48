"""The order of a stream."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vsda.stream.order import StreamOrder

LENGTHS = st.integers(1, 40)
BATCHES = st.integers(1, 16)


def order(length, batch_size, **settings):
    return StreamOrder(
        length=length, batch_size=batch_size, **({"seed": 0, "stream": 0} | settings)
    )


@given(LENGTHS, BATCHES)
def test_every_epoch_is_a_permutation_of_the_whole_set(length, batch_size):
    draws = []
    step = 0
    while len(draws) < 3 * length:
        draws += order(length, batch_size).batch(step)
        step += 1
    for epoch in range(3):
        positions = [draw.position for draw in draws[epoch * length : (epoch + 1) * length]]
        assert sorted(positions) == list(range(length))


@given(LENGTHS, BATCHES, st.integers(2, 4))
def test_ranks_share_one_sequence_of_draws(length, batch_size, world_size):
    ranks = [order(length, batch_size, rank=r, world_size=world_size) for r in range(world_size)]
    together = [draw for step in range(3) for each in ranks for draw in each.batch(step)]
    alone = [
        draw for step in range(3) for draw in order(length, batch_size * world_size).batch(step)
    ]
    assert together == alone


def test_a_step_does_not_depend_on_where_a_run_started():
    one = order(13, 4)
    assert list(one.batches(0, 20))[7:] == list(one.batches(7, 20))


def test_seeds_and_streams_have_orders_of_their_own():
    def first(**settings):
        return tuple(draw.position for draw in order(100, 50, **settings).batch(0))

    assert len({first(), first(seed=1), first(stream=1), first()}) == 3


def test_epochs_differ():
    first, second = ([draw.position for draw in order(100, 100).batch(step)] for step in (0, 1))
    assert first != second


def test_a_set_smaller_than_a_batch_repeats_evenly():
    counts = Counter(draw.position for draw in order(3, 12).batch(0))
    assert counts == {0: 4, 1: 4, 2: 4}
