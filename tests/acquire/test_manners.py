from vsda.acquire.manners import Circuit, Gate, Pace
from vsda.acquire.options import Manners
from vsda.errors import Outcome

MANNERS = Manners(
    videos_per_hour=250.0,
    attempts=3,
    backoff_s=10.0,
    pause_s=100.0,
    max_pauses=2,
    outage_after=4,
)


def test_the_pace_keeps_to_the_hour_on_average():
    pace, now = Pace(250.0), 0.0
    for _ in range(1000):
        now += pace.wait_s(now)
        pace.asked(now)
    assert abs(1000 / (now / 3600) - 250) < 5


def test_the_pace_varies_from_one_request_to_the_next():
    pace, waits = Pace(3600.0), set()
    for now in range(10):
        pace.asked(float(now))
        waits.add(pace.wait_s(float(now)))
    assert len(waits) == 10
    assert all(0.75 <= wait <= 1.25 for wait in waits)


def test_without_a_rate_nobody_waits():
    pace = Pace(None)
    pace.asked(5.0)
    assert pace.wait_s(5.0) == 0.0


def test_a_new_circuit_is_open():
    assert Circuit(MANNERS).gate(0.0) is Gate.OPEN


def test_throttling_shuts_the_circuit_for_the_whole_pause_and_then_lets_one_through():
    circuit = Circuit(MANNERS)
    assert circuit.heard(Outcome.THROTTLED, 10.0)
    assert circuit.gate(109.9) is Gate.SHUT
    assert circuit.wait_s(60.0) == 50.0
    assert circuit.gate(110.0) is Gate.ONE


def test_what_was_under_way_neither_opens_the_circuit_nor_lengthens_the_pause():
    circuit = Circuit(MANNERS)
    circuit.heard(Outcome.THROTTLED, 10.0)
    assert not circuit.heard(Outcome.OK, 20.0)
    assert circuit.heard(Outcome.THROTTLED, 30.0)
    assert circuit.gate(109.0) is Gate.SHUT
    assert circuit.gate(110.0) is Gate.ONE


def test_a_video_after_the_pause_opens_the_circuit_for_all():
    circuit = Circuit(MANNERS)
    circuit.heard(Outcome.THROTTLED, 0.0)
    assert not circuit.heard(Outcome.GONE, 100.0)
    assert circuit.gate(100.0) is Gate.OPEN


def test_pauses_in_a_row_stop_the_run():
    circuit = Circuit(MANNERS)
    for now in (0.0, 100.0):
        circuit.heard(Outcome.THROTTLED, now)
        assert circuit.gate(now) is Gate.SHUT
    circuit.heard(Outcome.THROTTLED, 200.0)
    assert circuit.gate(200.0) is Gate.STOPPED
    assert circuit.stopped_by is Outcome.THROTTLED


def test_a_video_between_them_makes_pauses_count_anew():
    circuit = Circuit(MANNERS)
    for now in range(0, 1000, 200):
        circuit.heard(Outcome.THROTTLED, float(now))
        circuit.heard(Outcome.OK, now + 100.0)
    assert circuit.gate(2000.0) is Gate.OPEN


def test_a_bot_check_stops_the_run_at_once_and_the_first_cause_is_told():
    circuit = Circuit(MANNERS)
    assert circuit.heard(Outcome.BOT_CHECK, 0.0)
    circuit.heard(Outcome.DISK_FULL, 1.0)
    assert circuit.gate(0.0) is Gate.STOPPED
    assert circuit.stopped_by is Outcome.BOT_CHECK


def test_failures_on_the_way_in_a_row_count_as_throttling():
    circuit = Circuit(MANNERS)
    assert [circuit.heard(Outcome.NETWORK, float(now)) for now in range(4)] == [
        False,
        False,
        False,
        True,
    ]
    assert circuit.gate(4.0) is Gate.SHUT


def test_after_such_a_pause_one_failure_is_enough_for_the_next():
    circuit = Circuit(MANNERS)
    for now in range(4):
        circuit.heard(Outcome.NETWORK, float(now))
    assert circuit.heard(Outcome.NETWORK, 200.0)
    assert circuit.gate(200.0) is Gate.SHUT


def test_failures_on_the_way_with_others_between_them_do_not_count():
    circuit = Circuit(MANNERS)
    for now in range(20):
        assert not circuit.heard(Outcome.NETWORK, float(now))
        assert not circuit.heard(Outcome.GONE, now + 0.5)


def test_what_was_asked_for_before_a_pause_says_nothing_after_it():
    circuit = Circuit(MANNERS)
    circuit.heard(Outcome.THROTTLED, 10.0)
    assert not circuit.heard(Outcome.OK, 120.0, asked_at=9.0)
    assert circuit.gate(120.0) is Gate.ONE


def test_a_long_row_of_odd_answers_pauses_the_run_and_then_stops_it():
    circuit = Circuit(MANNERS)
    told = [circuit.heard(Outcome.UNKNOWN_REPLY, float(now)) for now in range(20)]
    assert told == [False] * 19 + [True]
    assert circuit.heard(Outcome.UNAVAILABLE, 200.0)
    assert circuit.heard(Outcome.UNKNOWN_REPLY, 400.0)
    assert circuit.stopped_by is Outcome.UNKNOWN_REPLY


def test_odd_answers_between_good_ones_do_not_count():
    circuit = Circuit(MANNERS)
    for now in range(50):
        assert not circuit.heard(Outcome.UNAVAILABLE, float(now))
        if now % 10 == 0:
            circuit.heard(Outcome.OK, now + 0.5)
