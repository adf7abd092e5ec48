"""What video has and photographs lack, put into labelled pictures: blur, light, noise, compression.

A picture is taken anew, in the order in which light goes: through the lens and over the time that
the shutter is open, with less light and of another colour, onto a sensor that counts it, and then
through a scaler and a codec. Up to the sensor all of it happens in linear light, by formulas of
sRGB (IEC 61966-2-1) and of photography.

The made-up world (`vsda synth`) has gaps of these kinds and shares no code with this file: that
what is learned from this file's faults helps against that file's is a finding only as long as both
are written independently.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import next_fast_len
from torch import Tensor

Pixels = NDArray[np.uint8]
Light = NDArray[np.float32]

_NUM_KINDS = 8
_LEVELS = 65_536
"""Of linear light, on its way back to 8 bits: a fine twentieth of the darkest of the 256 steps."""
_READ_NOISE = 0.01
"""Share of white at which the sensor's own noise equals that of the light."""
_REACH_DEVIATIONS = 3.0
"""Where the Gaussian of a defocus is cut off."""
_SHARP_PX = 0.01
"""Deviation of a Gaussian of which nothing reaches a neighbour."""


def _linear(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear light in [0, 1] of sRGB values in [0, 1]."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sRGB values of linear light, both in [0, 1]."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


_LIGHT = _linear(np.arange(256) / 255).astype(np.float32)
_PIXELS = np.rint(255 * _encoded(np.arange(_LEVELS) / (_LEVELS - 1))).astype(np.uint8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Artefacts:
    """How strong each may be, and how often it occurs; see `AugmentationSettings` of the recipe."""

    artefact_probability: float = 0.5
    gain_stops: float = 0.0
    cast_stops: float = 0.0
    falloff_stops: float = 0.0
    noise: float = 0.0
    defocus_px: float = 0.0
    motion_px: float = 0.0
    shrink: float = 1.0
    compression: int = 0

    @property
    def occur(self) -> bool:
        """Tell whether there are any."""
        return self.artefact_probability > 0 and self != Artefacts(
            artefact_probability=self.artefact_probability
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """How one sample is taken anew.

    Attributes:
        gain_stops: Of brightness; negative is darker.
        cast_stops: Of red over blue.
        falloff_stops: Of brightness, from the dark edge to the bright one.
        falloff_angle: Towards the bright edge, in radians, clockwise from the right.
        noise: Deviation of a white pixel, as a share of white.
        defocus_px: Deviation of the Gaussian.
        motion_px: Length of the line that a point becomes.
        motion_angle: Of that line.
        shrink: Factor by which it is scaled down, and up again.
        quality: Of the JPEG; 100 for none.
        noise_seed: Of the noise, which differs from frame to frame.
    """

    gain_stops: float = 0.0
    cast_stops: float = 0.0
    falloff_stops: float = 0.0
    falloff_angle: float = 0.0
    noise: float = 0.0
    defocus_px: float = 0.0
    motion_px: float = 0.0
    motion_angle: float = 0.0
    shrink: float = 1.0
    quality: int = 100
    noise_seed: int = 0

    @property
    def changes_light(self) -> bool:
        """Tell whether anything happens in linear light."""
        illumination = (self.gain_stops, self.cast_stops, self.falloff_stops)
        return any((*illumination, self.noise, self.defocus_px, self.motion_px))


def draw_exposure(artefacts: Artefacts, generator: np.random.Generator) -> Exposure:
    """Return a random exposure, of as many draws whatever the settings are."""
    occurs = generator.random(_NUM_KINDS) < artefacts.artefact_probability
    shares = generator.random(_NUM_KINDS)
    falloff_angle, motion_angle = generator.uniform(0, 2 * math.pi, size=2)
    noise_seed = int(generator.integers(2**63))
    shares[0] = 1.25 * shares[0] - 1  # light is rather lacking than too much
    shares[1] = 2 * shares[1] - 1
    gain, cast, falloff, noise, defocus, motion, shrink, compression = map(float, shares * occurs)
    return Exposure(
        gain_stops=gain * artefacts.gain_stops,
        cast_stops=cast * artefacts.cast_stops,
        falloff_stops=falloff * artefacts.falloff_stops,
        falloff_angle=falloff_angle,
        noise=noise * artefacts.noise,
        defocus_px=defocus * artefacts.defocus_px,
        motion_px=motion * artefacts.motion_px,
        motion_angle=motion_angle,
        shrink=1 + shrink * (artefacts.shrink - 1),
        quality=100 - round(compression * artefacts.compression),
        noise_seed=noise_seed,
    )


def expose(frames: Pixels, exposure: Exposure) -> None:
    """Take `frames` anew, in place: all of them alike, but for the noise.

    Args:
        frames: (T, S, S, 3) sRGB.
        exposure: How.
    """
    noise = torch.Generator().manual_seed(exposure.noise_seed)
    for frame in frames:
        if exposure.changes_light:
            light = _LIGHT.take(frame.transpose(2, 0, 1))
            if exposure.motion_px or exposure.defocus_px:
                light = _through_lens(light, exposure)
            _illuminate(light, exposure)
            if exposure.noise:
                _count(light, exposure.noise, noise)
            np.clip(light, 0, 1, out=light)
            light *= _LEVELS - 1
            frame[:] = _PIXELS.take(light.astype(np.int32)).transpose(1, 2, 0)
        if exposure.shrink > 1:
            frame[:] = _through_scaler(frame, exposure.shrink)
        if exposure.quality < 100:
            frame[:] = _through_codec(frame, exposure.quality)


def _through_lens(light: Light, exposure: Exposure) -> Light:
    """Return (3, S, S) light, blurred by motion and defocus; what is at its edge goes on outside.

    By Fourier transforms, which take as long for a wide blur as for a narrow one.
    """
    point = torch.from_numpy(_point(exposure))
    reach, sides = len(point) // 2, light.shape[1:]
    padded = torch.nn.functional.pad(torch.from_numpy(light), (reach,) * 4, mode="replicate")
    shape = [next_fast_len(side, real=True) for side in padded.shape[1:]]
    waves = torch.fft.rfft2(padded, s=shape) * torch.fft.rfft2(point, s=shape)
    seen = tuple(slice(2 * reach, 2 * reach + side) for side in sides)
    blurred: Light = torch.fft.irfft2(waves, s=shape)[:, *seen].contiguous().numpy()
    return blurred


def _point(exposure: Exposure) -> Light:
    """Return what becomes of one bright point, (K, K) with K odd; its sum is 1.

    It moves evenly along a line, where each place between pixels is shared by the four around it,
    and is then spread by a Gaussian.
    """
    length, deviation = exposure.motion_px, exposure.defocus_px
    reach = math.ceil(length / 2 + _REACH_DEVIATIONS * deviation)
    pixels = np.arange(-reach, reach + 1)[:, None]
    along = np.linspace(-length / 2, length / 2, 2 * math.ceil(length) + 1)
    rows, columns = (
        np.maximum(1 - np.abs(pixels - along * part), 0)
        for part in (math.sin(exposure.motion_angle), math.cos(exposure.motion_angle))
    )
    spread = np.exp(-(((pixels - pixels.T) / max(deviation, _SHARP_PX)) ** 2) / 2)
    point = spread @ rows @ columns.T @ spread.T
    kernel: Light = (point / point.sum()).astype(np.float32)
    return kernel


def _illuminate(light: Light, exposure: Exposure) -> None:
    """Change the brightness of (3, S, S) light, over the picture and in each colour."""
    if exposure.gain_stops or exposure.cast_stops:
        half = exposure.cast_stops / 2
        gains = np.exp2(exposure.gain_stops + np.array([half, 0, -half]))
        light *= gains.astype(np.float32)[:, None, None]
    if exposure.falloff_stops:
        right, down = math.cos(exposure.falloff_angle), math.sin(exposure.falloff_angle)
        stops = exposure.falloff_stops / (abs(right) + abs(down))  # from corner to corner
        rows, columns = (np.linspace(-0.5, 0.5, length) for length in light.shape[1:])
        light *= np.exp2(stops * down * rows).astype(np.float32)[:, None]
        light *= np.exp2(stops * right * columns).astype(np.float32)


def _count(light: Light, noise: float, generator: torch.Generator) -> None:
    """Add what a sensor adds: the variance of a count is its mean, and reading adds a little."""
    drawn: Light = torch.randn(light.shape, generator=generator).numpy()
    drawn *= np.sqrt(light + np.float32(_READ_NOISE))
    drawn *= np.float32(noise)
    light += drawn


def _through_scaler(frame: Pixels, factor: float) -> Pixels:
    """Return (S, S, 3) pixels scaled down and up again, bilinearly, as encoded values."""
    picture = torch.from_numpy(frame).permute(2, 0, 1)[None]
    size = frame.shape[:2]
    smaller = _scaled(picture, tuple(max(1, round(side / factor)) for side in size))
    pixels: Pixels = _scaled(smaller, size)[0].permute(1, 2, 0).numpy()
    return pixels


def _scaled(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    return torch.nn.functional.interpolate(
        picture, size=size, mode="bilinear", antialias=True, align_corners=False
    )


def _through_codec(frame: Pixels, quality: int) -> Pixels:
    """Return (S, S, 3) pixels after a JPEG with half of the chroma's resolution, as video has it.

    H.264 takes 11 ms a picture, whatever its size, as each needs an encoder of its own; this takes
    0.2 ms for 64 px and 1.3 ms for 256. Its blocks of 8 x 8 and what it does to frequencies are of
    the same kind as those of a video's first frame.
    """
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(buffer))
