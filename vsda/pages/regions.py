"""One region of a frame as two pictures: where it is, and what it is."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_OUTLINE = (255, 221, 0)
_DIMMED = 0.38
_MARGIN = 0.25
_MIN_CROP_PX = 48


def highlight(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return `picture` with the region outlined and all else dimmed.

    Args:
        picture: (H, W, 3) RGB.
        mask: (H, W), the region.
    """
    if picture.shape != (*mask.shape, 3):
        raise ValueError(f"picture {picture.shape} and region {mask.shape} do not fit together")
    grey = picture.mean(axis=2, keepdims=True)
    shown = np.where(mask[..., None], picture, np.rint(_DIMMED * (0.5 * picture + 0.5 * grey)))
    width_px = max(max(mask.shape) // 320, 1)
    shown[_grown(mask, width_px) & ~mask] = _OUTLINE
    return shown.astype(np.uint8)


def crop(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the part of `picture` around a region, as it is; all of it for an empty region."""
    left, top, right, bottom = bounds(mask)
    margin_px = round(_MARGIN * max(right - left, bottom - top, _MIN_CROP_PX))
    rows = slice(max(top - margin_px, 0), bottom + margin_px)
    return picture[rows, max(left - margin_px, 0) : right + margin_px]


def bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a region in pixels, the last two exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, mask.shape[1], mask.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def shrunk(picture: NDArray[np.uint8], max_side_px: int) -> NDArray[np.uint8]:
    """Return a picture with no side longer than that."""
    scale = max_side_px / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _grown(mask: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    """Return the region with `by_px` more pixels on each side."""
    grown = mask.copy()
    for _ in range(by_px):
        before = grown.copy()
        grown[1:] |= before[:-1]
        grown[:-1] |= before[1:]
        grown[:, 1:] |= before[:, :-1]
        grown[:, :-1] |= before[:, 1:]
    return grown
