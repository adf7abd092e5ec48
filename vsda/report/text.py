"""How numbers are printed on the page."""

DECIMALS = 1
"""With which points are printed; runs that print alike are alike."""

DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def points_text(points: float | None) -> str:
    """Return points as they are printed, a dash for None."""
    return DASH if points is None else f"{points:.{DECIMALS}f}"


def signed_text(points: float | None) -> str:
    """Return a difference with its sign (a true minus), a dash for None."""
    if points is None:
        return DASH
    rounded = round(points, DECIMALS)
    return "±0.0" if rounded == 0 else f"{rounded:+.{DECIMALS}f}".replace("-", _MINUS)


def mean_text(mean: float, deviation: float | None) -> str:
    """Return a mean in points, with its deviation where it has one."""
    spread = "" if deviation is None else f" ± {points_text(deviation)}"
    return f"{points_text(mean)}{spread}"


def range_text(bounds: tuple[float, float]) -> str:
    """Return the low and the high end of a range in points."""
    low, high = (points_text(bound).replace("-", _MINUS) for bound in bounds)
    return f"{low} to {high}"


def share_text(share: float) -> str:
    """Return a share in [0, 1] as per cent with two significant digits."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.{1 if share < 0.0995 else 0}f} %"


def axis_text(number: float) -> str:
    """Return a number as an axis shows it, in few letters: 20k for 20000, 5e-4 for 0.0005."""
    if abs(number) >= 1e6:
        return f"{number / 1e6:g}M"
    if abs(number) >= 1000:
        return f"{number / 1000:g}k"
    if 0 < abs(number) < 0.01:
        mantissa, exponent = f"{number:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{number:g}"
