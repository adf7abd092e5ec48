"""What a network makes of a batch, in one picture: image, truth, frame and prediction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from vsda.models.network import SegmentationNetwork
from vsda.palette import class_colour, overlay
from vsda.stream.domains import STREAM_NUMBERS, Batch, Part
from vsda.stream.transforms import normalise
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, NUM_VALUES, ClassSet

ROWS = 4
"""Samples of each kind that are shown, at most."""

_CAPTIONS = {"images": "image", "videos": "video frame", "labelled_videos": "labelled frame"}
_CELL_PX = 192
_MARGIN_PX, _GAP_PX, _GROUP_GAP_PX = 12, 4, 20
_CAPTION_PX = 20
_LEGEND_ROW_PX, _SWATCH_PX = 22, 12
_OPACITY = 0.6
_PAPER, _INK = (255, 255, 255), (28, 30, 34)
_FONT = ImageFont.load_default(13)

Pixels = NDArray[np.uint8]
"""(H, W, 3) RGB."""


@dataclass(frozen=True, slots=True)
class _Column:
    """Cells of equal size below a caption; `starts` a group of them."""

    caption: str
    cells: Sequence[Pixels]
    starts: bool


def predict_panel(network: SegmentationNetwork, batch: Batch, classes: ClassSet) -> Pixels:
    """Return the panel of what `network` makes of the first samples of `batch`.

    The network predicts as it does after training, and is left as it was: mode, running statistics,
    gradients and the global random stream.

    Args:
        network: On any device.
        batch: On any device.
        classes: What the network learns.
    """
    device = next(network.parameters()).device
    parts = {name: part for name in STREAM_NUMBERS if (part := getattr(batch, name)) is not None}
    # Not inference mode: what a network keeps for later steps must stay fit for a gradient.
    with _evaluating(network), torch.no_grad():
        predictions = {
            name: _predict(network, part.pictures[:ROWS].to(device)) for name, part in parts.items()
        }
    return panel(batch, predictions, classes)


def panel(batch: Batch, predictions: Mapping[str, Tensor], classes: ClassSet) -> Pixels:
    """Return a picture with a row for each sample and a group of columns for each kind.

    A group has picture, truth where there are labels, and prediction; of clips, the first frame.
    Below lies a legend of the classes that occur.

    Args:
        batch: The samples.
        predictions: Class indices (n, S, S) of the first n samples, by the fields of the batch.
        classes: What the indices mean: 0 is background, 1 the first class.

    Returns:
        (H, W, 3) uint8.
    """
    ids = _coco_ids(classes)
    masks: list[NDArray[np.uint8]] = []
    columns: list[_Column] = []
    for name in STREAM_NUMBERS:
        part = getattr(batch, name)
        if part is not None and name in predictions:
            layers = _layers(part, predictions[name], ids)
            masks += [mask for layer in layers.values() for mask in layer]
            columns += _columns(_CAPTIONS[name], _pictures(part, len(predictions[name])), layers)
    if not columns:
        raise ValueError("expected predictions of a kind that the batch has, got none")
    shown = {int(value) for mask in masks for value in np.unique(mask)}
    return np.asarray(_stacked(_grid(columns), _legend(shown, classes)))


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Have the network in evaluation mode for a while; parts of it may have been before."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, is_training in modes:
            module.training = is_training


def _predict(network: SegmentationNetwork, pictures: Tensor) -> Tensor:
    """Return the class indices (n, S, S) of pictures, or of the first frames of clips."""
    logits = network(normalise(pictures))
    logits = logits if network.clip_frames is None else logits[:, 0]
    indices: Tensor = logits.argmax(dim=1).to(torch.uint8).cpu()
    return indices


def _coco_ids(classes: ClassSet) -> NDArray[np.uint8]:
    """Return the table (256,) from class indices to COCO ids."""
    table = np.full(NUM_VALUES, IGNORE_INDEX, dtype=np.uint8)
    table[: len(classes) + 1] = (BACKGROUND_ID, *classes.ids)
    return table


def _first_frames(tensor: Tensor, num_dims: int) -> Tensor:
    """Return single pictures or masks as they are; of clips, the first frames."""
    return tensor[:, 0] if tensor.dim() == num_dims + 1 else tensor


def _pictures(part: Part, count: int) -> list[Pixels]:
    pictures = _first_frames(part.pictures, 4)[:count]
    return [np.asarray(_resized(each)) for each in pictures.permute(0, 2, 3, 1).cpu().numpy()]


def _layers(
    part: Part, predicted: Tensor, ids: NDArray[np.uint8]
) -> dict[str, list[NDArray[np.uint8]]]:
    """Return truth, if any, and prediction as COCO ids at the size of a cell."""
    layers = {"truth": part.masks, "prediction": predicted}
    return {
        name: [
            np.asarray(_resized(ids[mask], Image.Resampling.NEAREST))
            for mask in _first_frames(masks, 3)[: len(predicted)].cpu().numpy()
        ]
        for name, masks in layers.items()
        if masks is not None
    }


def _columns(
    caption: str, pictures: list[Pixels], layers: Mapping[str, list[NDArray[np.uint8]]]
) -> list[_Column]:
    drawn = [
        _Column(
            name,
            [overlay(each, mask, _OPACITY) for each, mask in zip(pictures, masks, strict=True)],
            starts=False,
        )
        for name, masks in layers.items()
    ]
    return [_Column(caption, pictures, starts=True), *drawn]


def _resized(
    pixels: NDArray[np.uint8], resampling: Image.Resampling = Image.Resampling.BILINEAR
) -> Image.Image:
    return Image.fromarray(pixels).resize((_CELL_PX, _CELL_PX), resampling)


def _grid(columns: Sequence[_Column]) -> Image.Image:
    lefts, x = [], _MARGIN_PX
    for number, column in enumerate(columns):
        x += (_GROUP_GAP_PX - _GAP_PX) if column.starts and number else 0
        lefts.append(x)
        x += _CELL_PX + _GAP_PX
    rows = max(len(column.cells) for column in columns)
    height_px = _MARGIN_PX + _CAPTION_PX + rows * (_CELL_PX + _GAP_PX)
    grid = Image.new("RGB", (x - _GAP_PX + _MARGIN_PX, height_px), _PAPER)
    draw = ImageDraw.Draw(grid)
    for left, column in zip(lefts, columns, strict=True):
        draw.text((left, _MARGIN_PX), column.caption, _INK, _FONT)
        for row, cell in enumerate(column.cells):
            y = _MARGIN_PX + _CAPTION_PX + row * (_CELL_PX + _GAP_PX)
            grid.paste(Image.fromarray(cell), (left, y))
    return grid


def _legend(shown: set[int], classes: ClassSet) -> list[tuple[tuple[int, int, int], str]]:
    """Return colours and names of the classes in `shown`, COCO ids; the background has none."""
    names = dict(zip(classes.ids, classes.names, strict=True)) | {IGNORE_INDEX: "no label"}
    return [(class_colour(each), names[each]) for each in sorted(shown - {BACKGROUND_ID})]


def _stacked(grid: Image.Image, legend: Sequence[tuple[tuple[int, int, int], str]]) -> Image.Image:
    """Return the grid with the legend below, in as many rows as it takes."""
    places, x, row = [], _MARGIN_PX, 0
    for _, name in legend:
        width_px = _SWATCH_PX + 6 + round(_FONT.getlength(name)) + 16
        if x > _MARGIN_PX and x + width_px > grid.width:
            x, row = _MARGIN_PX, row + 1
        places.append((x, row))
        x += width_px
    rows = row + 1 if legend else 0
    height_px = grid.height + _MARGIN_PX + rows * _LEGEND_ROW_PX
    sheet = Image.new("RGB", (grid.width, height_px), _PAPER)
    sheet.paste(grid, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for (colour, name), (left, number) in zip(legend, places, strict=True):
        y = grid.height + 6 + number * _LEGEND_ROW_PX
        draw.rectangle((left, y, left + _SWATCH_PX, y + _SWATCH_PX), colour)
        draw.text((left + _SWATCH_PX + 6, y - 2), name, _INK, _FONT)
    return sheet
