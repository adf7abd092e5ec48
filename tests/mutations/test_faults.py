"""The list of planted faults fits the code that it speaks of."""

import pytest

from tests.mutations.faults import ROOT, read_faults


@pytest.mark.parametrize("fault", read_faults(), ids=lambda fault: fault.name)
def test_fault_can_be_planted_and_has_tests(fault):
    sound = (ROOT / fault.file).read_text()
    assert fault.planted(sound) != sound
    for test in fault.tests:
        assert (ROOT / test.partition("::")[0]).exists()


def test_names_are_unique():
    names = [fault.name for fault in read_faults()]
    assert len(names) == len(set(names))
