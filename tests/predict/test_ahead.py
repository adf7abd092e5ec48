"""Work in a thread while its results are used."""

import threading
import time

import pytest

from vsda.predict.ahead import ahead


def test_items_come_in_order():
    assert list(ahead(lambda: (number for number in range(50)), 3)) == list(range(50))


def test_an_error_comes_after_the_items_before_it():
    def make():
        yield 1
        raise ValueError("broken")

    items = ahead(make, 2)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_no_more_than_the_given_number_wait():
    made = []

    def make():
        for number in range(100):
            made.append(number)
            yield number

    items = ahead(make, 3)
    next(items)
    time.sleep(0.2)
    assert len(made) <= 1 + 3 + 1  # taken, waiting, in the thread's hand
    items.close()


def test_closing_closes_the_thread_and_what_it_reads():
    closed = threading.Event()

    def make():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = ahead(make, 2)
    next(items)
    items.close()
    assert closed.wait(5)


def test_who_waits_is_asked_whether_to_go_on():
    blocked = threading.Event()

    def make():
        blocked.wait(20)
        yield 0

    def check():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(ahead(make, 1, check))
    blocked.set()
