"""The ways in which a network looks at a picture before it decides: sizes, mirrored, in windows.

The usual way is one: the whole picture, squeezed into the square of the recipe. With several, each
view's probabilities at the size of the mask are averaged. Windows of one view overlap by a third
and more; their logits are averaged where they do, so a single window changes no bit.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional

from vsda.errors import UsageError
from vsda.models.network import SegmentationNetwork
from vsda.shards.read import decode_image
from vsda.stream.clips import ReadFrame
from vsda.stream.samples import naming
from vsda.stream.transforms import decode_resized, normalise

_STRIDE = 2 / 3
"""From one window to the next, at most, as a share of its side."""
_LARGEST_SCALE = 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """How each picture is looked at.

    Attributes:
        scales: Sides of the square that a picture is squeezed into, as multiples of the recipe's.
        flip: Look at the mirrored picture, too, at each scale.
        slide: Keep the aspect ratio, scale the shorter side to that side and let windows of the
            recipe's square go over the picture.

    Raises:
        UsageError: There is no scale, or one that is not in (0, 8] or given twice.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    slide: bool = False

    def __post_init__(self) -> None:
        is_sound = self.scales and all(0 < scale <= _LARGEST_SCALE for scale in self.scales)
        if not is_sound or len(set(self.scales)) < len(self.scales):
            given = ",".join(map(str, self.scales))
            raise UsageError(
                f"--scales {given}: expected different numbers above 0 and not above "
                f"{_LARGEST_SCALE:g}, such as 0.75,1,1.25"
            )

    def pictures(self, frames: Sequence[ReadFrame], size_px: int) -> list[Tensor]:
        """Return the frames of a clip at each scale, (t, 3, h, w) uint8.

        Args:
            frames: With their pictures; with `slide` all are scaled to the shape of the first.
            size_px: Side of the recipe's square.

        Raises:
            ShardError: A picture is not whole; the message names its sample.
        """
        sides = [max(round(size_px * scale), 1) for scale in self.scales]
        return [(_scaled if self.slide else _squeezed)(frames, side) for side in sides]

    def logits(
        self, network: SegmentationNetwork, clips: Sequence[Sequence[Tensor]], size_px: int
    ) -> list[list[Tensor]]:
        """Return for each clip its logits (t, K, h, w) by view, those of mirrored ones turned back.

        Args:
            network: On the device of the clips.
            clips: What `pictures` made of each; those of one shape go through the network together.
            size_px: Side of the windows.
        """
        by_clip: list[list[Tensor]] = [[] for _ in clips]
        for number in range(len(self.scales)):
            for places, pictures in _alike([clip[number] for clip in clips]):
                for view in self._views(network, normalise(pictures), size_px):
                    for place, maps in zip(places, view, strict=True):
                        by_clip[place].append(maps)
        return by_clip

    def _views(
        self, network: SegmentationNetwork, pictures: Tensor, size_px: int
    ) -> Iterator[Tensor]:
        side_px = size_px if self.slide else None
        yield _in_windows(network, pictures, side_px)
        if self.flip:
            yield _in_windows(network, pictures.flip(-1), side_px).flip(-1)


def probabilities(maps: Sequence[Tensor], size: tuple[int, ...]) -> Tensor:
    """Return the mean probability (K + 1, H, W) over views at `size` = (H, W).

    Args:
        maps: Logits (K + 1, h, w) of each view.
        size: In pixels.
    """
    total = resized(maps[0], size).softmax(dim=0)
    for each in maps[1:]:
        total += resized(each, size).softmax(dim=0)
    return total / len(maps)


def resized(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return logits (K + 1, h, w) at `size` = (H, W), by bilinear interpolation."""
    return functional.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0]


def window_starts(length_px: int, window_px: int | None) -> list[int]:
    """Return where windows along a side of a picture start: evenly spaced, from edge to edge.

    Args:
        length_px: Of the side.
        window_px: Of a window; None for one that is as long as the side.
    """
    room_px = 0 if window_px is None else length_px - window_px
    if window_px is None or room_px <= 0:
        return [0]
    gaps = math.ceil(room_px / max(int(window_px * _STRIDE), 1))
    return [round(room_px * number / gaps) for number in range(gaps + 1)]


def _squeezed(frames: Sequence[ReadFrame], side_px: int) -> Tensor:
    """Return the frames squeezed into squares."""
    return torch.stack(
        [_decoded(frame, lambda data: decode_resized(data, side_px)) for frame in frames]
    )


def _scaled(frames: Sequence[ReadFrame], short_px: int) -> Tensor:
    """Return the frames with their aspect ratio kept and the shorter side `short_px` long."""
    pictures = [_decoded(frame, _whole) for frame in frames]
    height_px, width_px = pictures[0].shape[1:]
    if height_px == width_px:  # the square itself, to the bit
        return _squeezed(frames, short_px)
    factor = short_px / min(height_px, width_px)
    size = (max(round(height_px * factor), 1), max(round(width_px * factor), 1))
    return torch.stack([_resampled(picture, size) for picture in pictures])


def _decoded(frame: ReadFrame, decode: Callable[[bytes], Tensor]) -> Tensor:
    with naming(frame.key):
        return decode(frame.fields["jpg"])


def _whole(data: bytes) -> Tensor:
    return torch.from_numpy(decode_image(data)).permute(2, 0, 1)


def _resampled(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a picture (3, H, W) uint8 at `size`, antialiased."""
    return functional.interpolate(
        picture[None], size=size, mode="bilinear", antialias=True, align_corners=False
    )[0]


def _alike(clips: Sequence[Tensor]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield the clips of each shape as one batch (N, t, 3, h, w), with their places."""
    places: dict[torch.Size, list[int]] = defaultdict(list)
    for place, clip in enumerate(clips):
        places[clip.shape].append(place)
    for group in places.values():
        yield group, torch.stack([clips[place] for place in group])


def _in_windows(network: SegmentationNetwork, pictures: Tensor, side_px: int | None) -> Tensor:
    """Return the logits (N, t, K, h, w) of pictures (N, t, 3, h, w); None is no windows."""
    windows = _windows(pictures.shape[-2:], side_px)
    if len(windows) == 1:
        return _forward(network, pictures)
    lead, size = pictures.shape[:2], pictures.shape[-2:]
    total = pictures.new_zeros(*lead, network.num_classes, *size)
    covered = pictures.new_zeros(size)
    for window in windows:
        total[window] += _forward(network, pictures[window])
        covered[window] += 1
    return total / covered


def _windows(size: Sequence[int], side_px: int | None) -> list[tuple[EllipsisType, slice, slice]]:
    """Return the part of (..., h, w) pictures that each window shows."""
    rows, columns = (
        [slice(start, start + (side_px or length)) for start in window_starts(length, side_px)]
        for length in size
    )
    return [(..., down, across) for down in rows for across in columns]


def _forward(network: SegmentationNetwork, clips: Tensor) -> Tensor:
    """Return the logits (N, t, K, h, w) of normalised clips (N, t, 3, h, w)."""
    if network.clip_frames is None:
        return network(clips.squeeze(1)).unsqueeze(1)  # type: ignore[no-any-return]
    return network(clips)  # type: ignore[no-any-return]
