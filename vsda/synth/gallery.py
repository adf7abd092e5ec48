"""A picture of the styles: a row for each, a column for each severity, always the same scene."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vsda.synth.clip import make_video
from vsda.synth.scene import Kind, SceneId
from vsda.synth.styles import style_named

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)

_NUM_FRAMES = 5  # H.264 spends other bits on a first frame than on one in the middle
_SCENE_INDEX = 3  # where the seed is 0: three objects, each with the typical hue of its class
_MIN_CELL_PX = 128
_GAP_PX = 4
_HEAD_PX = 24
_PAPER, _INK = (255, 255, 255), (28, 30, 34)
_FONT = ImageFont.load_default(14)


def gallery_png(names: Sequence[str], size_px: int, seed: int) -> bytes:
    """Return a PNG of the middle frame of one video in the styles `names`, at five severities.

    Args:
        names: Of styles, as `style_named` takes them.
        size_px: Width and height of the frames; small ones are enlarged by a whole number.
        seed: Another seed shows another scene.

    Raises:
        UnknownNameError: No such style.
        UsageError: Styles are joined that do not go together.
    """
    scene_id = SceneId(seed, Kind.VAL_VIDEO, _SCENE_INDEX)
    rows = [[_cell(scene_id, name, severity, size_px) for severity in SEVERITIES] for name in names]
    data = io.BytesIO()
    _sheet(names, rows).save(data, format="PNG", optimize=True)
    return data.getvalue()


def _cell(scene_id: SceneId, name: str, severity: float, size_px: int) -> Image.Image:
    clip = make_video(scene_id, style_named(name).at(severity), _NUM_FRAMES, size_px)
    scale = -(-_MIN_CELL_PX // size_px)
    frame = clip.frames[_NUM_FRAMES // 2].repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(np.ascontiguousarray(frame))


def _sheet(names: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    side = rows[0][0].width
    left = max(round(_FONT.getlength(text)) for text in [*names, "severity"]) + 3 * _GAP_PX
    step = side + _GAP_PX
    size = (left + len(SEVERITIES) * step, _HEAD_PX + len(rows) * step)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP_PX, _HEAD_PX / 2), "severity", _INK, _FONT, anchor="lm")
    for column, severity in enumerate(SEVERITIES):
        middle = (left + column * step + side / 2, _HEAD_PX / 2)
        draw.text(middle, f"{severity:g}", _INK, _FONT, anchor="mm")
    for row, (name, cells) in enumerate(zip(names, rows, strict=True)):
        top = _HEAD_PX + row * step
        draw.text((_GAP_PX, top + side / 2), name, _INK, _FONT, anchor="lm")
        for column, cell in enumerate(cells):
            sheet.paste(cell, (left + column * step, top))
    return sheet
