"""Colours in linear light (float, 1.0 = white), and the curve to display values (sRGB, 8 bit)."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Linear = NDArray[np.float32]
"""(..., 3) linear light, RGB, 1.0 = white; nothing is clipped before `encode`."""
Display = NDArray[np.uint8]
"""(..., 3) sRGB, RGB."""

_LEVELS = 1 << 16  # fine enough that every step of the table is below one display value


def encode(light: Linear) -> Display:
    """Return linear light as sRGB display values, clipped to black and white (IEC 61966-2-1)."""
    index = np.clip(light * np.float32(_LEVELS - 1) + np.float32(0.5), 0, _LEVELS - 1)
    display: Display = _TO_DISPLAY[index.astype(np.uint16)]
    return display


@lru_cache(maxsize=64)
def hsv(hue_turns: float, saturation: float, value: float) -> Linear:
    """Return the linear light (3,) of a colour; the array is shared and cannot be written to.

    Args:
        hue_turns: Around the colour circle, 0 and 1 red, 1/3 green, 2/3 blue.
        saturation: In [0, 1].
        value: Display brightness of the strongest channel, in [0, 1].
    """
    sector = (hue_turns * 6 + np.array([0.0, 4.0, 2.0])) % 6
    wheel = np.clip(np.abs(sector - 3) - 1, 0, 1)
    light = _srgb_to_linear(value * (1 - saturation * (1 - wheel))).astype(np.float32)
    light.setflags(write=False)
    return light


def _srgb_to_linear(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, curve)


_TO_DISPLAY: Display = np.rint(_linear_to_srgb(np.arange(_LEVELS) / (_LEVELS - 1)) * 255).astype(
    np.uint8
)
