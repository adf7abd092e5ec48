"""What separates the made-up videos from the made-up images.

A style is a set of settings, each the value at severity 1; see manifests/synth/styles.tsv. At
severity s every setting is s times as strong, and at 0 the videos look like the images. Light
takes this way, as in a real camera, and each step does nothing while its setting is 0:

    scene         framing         0 composed .. 1 objects anywhere, cut by the border, smaller
                  untypical       this share of the objects that have their class's typical hue
                                  lose it, and of those with its typical texture lose that, drawn
                                  apart: colour and texture say less about the class
                  repeats         this share of the objects look like one of two individuals of
                                  their class in this split, as few films show few things: same
                                  hue, saturation, brightness and texture, another pose
    exposure      shutter_share   motion blur: mean of nine or more instants, in linear light, over
                                  this share of the time between two frames; 1 is always open;
                                  above 1, up to 8, as with a slow camera or a temporal noise
                                  reduction that averages over more than one frame
    lens          blur_px         out of focus: Gaussian, standard deviation in pixels of the frame
    lamp          cast_stops      colour of the light: red against blue differ by this many stops,
                                  warm or cool by chance of the video
                  falloff_stops   brightness falls by this many stops across the frame, in a
                                  direction by chance of the video
    amplifier     gain_stops      all light times 2 ** gain_stops, +-15 % of the stops by chance of
                                  the video; negative is darker
    sensor        noise_shot      photon noise, new in every frame: standard deviation
                                  noise_shot * sqrt(light), where light 1 is white
                  noise_read      read-out noise, new in every frame: standard deviation in light
    display       (always)        clipped, sRGB curve, 8 bits; also for images
    stream        lowres_factor   the stream is that many times smaller in width and height, and is
                                  scaled up (bilinear) when shown
                  h264_crf        real H.264 at this constant rate factor, chroma at half size; at
                                  severity s > 0 it lies between 12 and this; off at 0

Masks show where objects are in the middle of the exposure; no setting but framing changes them.
Why diversity is a gap of its own: Kalogeiton, Ferrari and Schmid, "Analysing domain shift factors
between videos and images for object detection", TPAMI 2016.

Gains and noise act on linear light, not on display values, because that is where light adds up: a
gain there is no brightness slider, it also changes how strong noise and compression show.
"""

import math

import numpy as np
from PIL import Image

from vsda.synth.codec import through_h264
from vsda.synth.colour import Display, Linear, encode
from vsda.synth.styles import Style

GAIN_SPREAD = 0.15


def take(light: Linear, style: Style, rng: np.random.Generator) -> Display:
    """Return the display values (T, H, W, 3) that a camera makes of a clip's light."""
    light = _lens(light, style.blur_px)
    return encode(_sensor(_lamp(light, style, rng), style, rng))


def send(frames: Display, style: Style) -> Display:
    """Return a clip (T, H, W, 3) as it looks after its way through a video stream."""
    height, width = frames.shape[1:3]
    small = _resized(frames, *(_even(side / style.lowres_factor) for side in (height, width)))
    if style.h264_crf is not None:
        small = through_h264(small, style.h264_crf)
    return _resized(small, height, width)


def _lens(light: Linear, sigma_px: float) -> Linear:
    if sigma_px == 0:
        return light
    reach = math.ceil(3 * sigma_px)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        pad = [(reach, reach) if axis == this else (0, 0) for this in range(4)]
        padded, length = np.pad(light, pad, mode="edge"), light.shape[axis]
        light = sum(  # type: ignore[assignment]
            np.float32(weight) * padded.take(range(start, start + length), axis)
            for start, weight in enumerate(weights)
        )
    return light


def _lamp(light: Linear, style: Style, rng: np.random.Generator) -> Linear:
    """Return a clip in its own light, drawn once for all its frames.

    All draws are made whatever the style, so that two styles differ in nothing else.
    """
    gain_spread, warmth = rng.uniform(-GAIN_SPREAD, GAIN_SPREAD), rng.choice([-1.0, 1.0])
    direction = rng.uniform(0, 2 * np.pi)
    if style.gain_stops == style.cast_stops == style.falloff_stops == 0:
        return light
    height, width = light.shape[1:3]
    down, right = np.meshgrid(
        np.linspace(-0.5, 0.5, height), np.linspace(-0.5, 0.5, width), indexing="ij"
    )
    slope = style.falloff_stops * (np.cos(direction) * right + np.sin(direction) * down)
    cast = warmth * style.cast_stops * np.array([0.5, 0.0, -0.5])
    stops = style.gain_stops * (1 + gain_spread) + slope[..., None] + cast
    lit: Linear = light * np.exp2(stops).astype(np.float32)
    return lit


def _sensor(light: Linear, style: Style, rng: np.random.Generator) -> Linear:
    if style.noise_shot == 0 and style.noise_read == 0:
        return light
    variance = style.noise_shot**2 * np.maximum(light, 0) + style.noise_read**2
    noise = np.sqrt(variance) * rng.standard_normal(light.shape, dtype=np.float32)
    return (light + noise).astype(np.float32, copy=False)


def _even(side: float) -> int:
    return max(2 * round(side / 2), 2)


def _resized(frames: Display, height: int, width: int) -> Display:
    if frames.shape[1:3] == (height, width):
        return frames
    shrinks = height < frames.shape[1]
    kernel = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.stack(
        [np.asarray(Image.fromarray(frame).resize((width, height), kernel)) for frame in frames]
    )
