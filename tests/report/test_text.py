import pytest

from vsda.report.text import axis_text, mean_text, points_text, share_text, signed_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "\N{EN DASH}"), (0.0, "0.0"), (54.04, "54.0"), (100.0, "100.0")],
)
def test_points_have_one_decimal(value, text):
    assert points_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10.75, "+10.8"),
        (-4.46, "\N{MINUS SIGN}4.5"),
        (0.04, "±0.0"),
        (-0.04, "±0.0"),
        (None, "\N{EN DASH}"),
    ],
)
def test_differences_carry_their_sign(value, text):
    assert signed_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0 %"), (0.0004, "under 0.1 %"), (0.0123, "1.2 %"), (0.0996, "10 %"), (0.84, "84 %")],
)
def test_shares_have_two_digits_at_most(value, text):
    assert share_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.25, "0.25"),
        (0.0005, "5e-4"),
        (-0.00025, "-2.5e-4"),
        (750.0, "750"),
        (20000.0, "20k"),
        (1.5e6, "1.5M"),
    ],
)
def test_axis_numbers_are_short(value, text):
    assert axis_text(value) == text


def test_mean_shows_its_deviation_if_it_has_one():
    assert mean_text(20.04, 3.06) == "20.0 ± 3.1"
    assert mean_text(20.04, None) == "20.0"
