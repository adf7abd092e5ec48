"""One scene -> the frames and masks of an image or a video, as a camera hands them over."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsda.synth.colour import Display
from vsda.synth.gaps import send, take
from vsda.synth.render import Renderer
from vsda.synth.scene import Draw, Scene, SceneId, make_scene
from vsda.synth.styles import IMAGE_STYLE, Style


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Frames with exact labels.

    Attributes:
        scene: What they show.
        frames: (T, H, W, 3) sRGB.
        objects: (T, H, W), 0 background, i the i-th thing of the scene counted from 1.
    """

    scene: Scene
    frames: Display
    objects: NDArray[np.uint8]


def make_image(scene_id: SceneId, size_px: int, classes: Collection[str] = ()) -> Clip:
    """Return an image as a clip of one frame: sharp, still, well lit.

    It shows `classes` alone, or all of them where that is empty.
    """
    return _make(scene_id, IMAGE_STYLE, (0.0,), size_px, classes)


def make_video(
    scene_id: SceneId, style: Style, num_frames: int, size_px: int, classes: Collection[str] = ()
) -> Clip:
    """Return a video that differs from images by `style`, taken at its full strength.

    It shows `classes` alone, or all of them where that is empty.
    """
    times = tuple(index - (num_frames - 1) / 2 for index in range(num_frames))
    return _make(scene_id, style, times, size_px, classes)


def _make(
    scene_id: SceneId,
    style: Style,
    times: tuple[float, ...],
    size_px: int,
    classes: Collection[str],
) -> Clip:
    scene = make_scene(scene_id, style, classes)
    reach_frames = max(map(abs, times)) + style.shutter_share / 2
    renderer = Renderer(scene, size_px, reach_frames)
    pictures = [renderer.render(time, style.shutter_share) for time in times]
    light = np.stack([picture.light for picture in pictures])
    frames = send(take(light, style, scene_id.generator(Draw.CAMERA)), style)
    return Clip(
        scene=scene, frames=frames, objects=np.stack([picture.objects for picture in pictures])
    )
