from pathlib import Path

import numpy as np
import pytest
from PIL import ImageDraw

from tests.shards.frames import frame, jpeg, make_set
from vsda.errors import ShardError
from vsda.palette import class_colour, object_colour
from vsda.sample import FrameFacts
from vsda.shards.sheet import contact_sheet

CELL_PX = 60


def pixels(sheet):
    return np.asarray(sheet)


def holds(sheet, colour):
    return (pixels(sheet) == colour).all(axis=-1).any()


def coloured(number, grey, height_px=40, width_px=60):
    """An unlabelled frame of one grey."""
    facts = FrameFacts(
        dataset="d",
        split="s",
        sequence="q",
        frame=str(number),
        frame_index=number,
        width_px=width_px,
        height_px=height_px,
        labelled=False,
    )
    picture = jpeg(grey / 20, height_px, width_px)
    return frame(number, jpg=picture, seg=None, inst=None, facts=facts)


def test_the_sheet_has_the_size_of_its_grid(davis):
    # 24 margin, 3 cells of 60 and 2 gaps of 14, 24 margin
    assert contact_sheet(davis, 6, 3, CELL_PX).width == 24 + 3 * 60 + 2 * 14 + 24
    wide, narrow = contact_sheet(davis, 6, 6, CELL_PX), contact_sheet(davis, 6, 3, CELL_PX)
    # a second row: a cell of 60 * 4 / 6, a caption of 20, a gap of 14
    assert narrow.height - wide.height == 40 + 20 + 14


def test_there_are_no_more_columns_and_pictures_than_samples(davis):
    assert contact_sheet(davis, 100, 50, CELL_PX).size == contact_sheet(davis, 6, 6, CELL_PX).size


def test_the_pictures_are_evenly_spread_over_the_set(tmp_path):
    greys = [10, 60, 110, 160, 210, 250]
    samples = [coloured(number, grey) for number, grey in enumerate(greys)]
    sheet = pixels(contact_sheet(make_set(tmp_path, [samples[:4], samples[4:]]), 3, 3, CELL_PX))
    row = sheet[-60]
    centres = [row[24 + column * (CELL_PX + 14) + CELL_PX // 2][0] for column in range(3)]
    assert np.allclose(centres, [60, 160, 250], atol=3)


def test_the_legend_names_the_classes_of_the_pictures_in_their_colours(davis, tmp_path):
    assert holds(contact_sheet(davis, 6, 6, CELL_PX), class_colour(1))
    unlabelled = make_set(tmp_path / "u", [[frame(0, seg=None)]])
    assert not holds(contact_sheet(unlabelled, 6, 6, CELL_PX), class_colour(1))


def test_the_mask_is_drawn_over_the_picture(tmp_path):
    seg = np.full((4, 6), 18, dtype=np.uint8)
    image = pixels(contact_sheet(make_set(tmp_path, [[frame(0, seg=seg)]]), 1, 1, CELL_PX))
    black, colour = np.zeros(3), np.array(class_colour(18))
    centre = image[-64, 24 + CELL_PX // 2]
    assert np.allclose(centre, (black + colour) / 2, atol=2)


def test_without_classes_the_objects_are_drawn_and_called_so(tmp_path, monkeypatch):
    inst = np.full((4, 6), 3, dtype=np.uint8)
    objects = make_set(tmp_path, [[frame(0, seg=None, inst=inst)]])
    notes = []
    caption = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "text",
        lambda self, place, text, *more: (notes.append(text), caption(self, place, text, *more)),
    )
    image = pixels(contact_sheet(objects, 1, 1, CELL_PX))
    assert np.allclose(image[-64, 24 + CELL_PX // 2], np.array(object_colour(3)) / 2, atol=2)
    assert notes[-1] == "objects"
    assert "no mask" not in notes


def test_a_long_legend_takes_more_rows(tmp_path):
    many = np.arange(24, dtype=np.uint8).reshape(4, 6) + 1
    short = contact_sheet(make_set(tmp_path / "a", [[frame(0)]]), 1, 1, 240)
    long = contact_sheet(make_set(tmp_path / "b", [[frame(0, seg=many)]]), 1, 1, 240)
    assert long.height > short.height + 3 * 24


def test_a_picture_of_another_shape_fits_into_its_cell(tmp_path):
    samples = [coloured(0, 100), coloured(1, 100), coloured(2, 100, height_px=90)]
    image = pixels(contact_sheet(make_set(tmp_path, [samples]), 3, 3, CELL_PX))
    corner = image[-62, 24 + 2 * (CELL_PX + 14) + 1]
    assert tuple(corner) == (236, 238, 241)


def test_the_same_set_gives_the_same_sheet(davis):
    first, second = (contact_sheet(davis, 6, 3, CELL_PX) for _ in range(2))
    assert np.array_equal(pixels(first), pixels(second))


def test_a_missing_shard_is_an_error(davis, tmp_path):
    Path(tmp_path / "davis-train-000001.tar").unlink()
    with pytest.raises(ShardError, match=r"000001\.tar: missing"):
        contact_sheet(davis)


@pytest.mark.parametrize("wrong", [{"num_samples": 0}, {"columns": 0}, {"cell_width_px": 0}])
def test_an_empty_sheet_is_refused(davis, wrong):
    with pytest.raises(ValueError, match="at least one sample, one column and one pixel"):
        contact_sheet(davis, **wrong)
