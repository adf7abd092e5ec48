"""Where the sets of a table come from."""

import pytest

from vsda.errors import RecipeError, UnknownNameError
from vsda.recipes.load import load_recipe, recipe_paths
from vsda.recipes.worlds import WorldRecipe
from vsda.shards.index import open_set
from vsda.tables.worlds import open_world

TINY = {
    "num_images": 2,
    "num_val_images": 2,
    "num_videos": 2,
    "num_frames": 2,
    "num_val_videos": 2,
    "num_val_frames": 2,
    "size_px": 32,
}
SETS = {"coco-train": "main/coco-train", "films": "other/davis-train"}


def world(data, **changes):
    values = {"parts": {"main": TINY, "other": TINY | {"seed": 1}}, "sets": SETS}
    return open_world("own", WorldRecipe(**values | changes), data)


def test_only_the_parts_that_are_read_are_made_and_only_once(tmp_path):
    own = world(tmp_path)
    own.make(["films", "davis-val"], num_workers=1)
    assert open_set(own.place("films")).index.num_samples == 4
    assert not own.folder("main").exists()
    written = {path: path.stat().st_mtime_ns for path in own.folder("other").rglob("*")}
    own.make(["films"], num_workers=1)
    assert written == {path: path.stat().st_mtime_ns for path in own.folder("other").rglob("*")}


def test_a_part_that_was_begun_is_finished(tmp_path):
    own = world(tmp_path)
    own.make(["films"], num_workers=1)
    index = own.folder("other") / "shards" / "davis-val.index.json"
    before = index.read_bytes()
    index.unlink()
    own.make(["films"], num_workers=1)
    assert index.read_bytes() == before


def test_a_set_is_known_by_what_it_is_made_of(tmp_path):
    own, other = world(tmp_path), world(tmp_path, parts={"main": TINY, "other": TINY})
    assert own.identity("films") != other.identity("films")
    assert own.identity("coco-train") == other.identity("coco-train")
    assert own.folder("other") != other.folder("other")
    assert own.identity("davis-val") == "davis-val"


def test_other_sets_lie_where_they_are_or_under_the_data_folder(tmp_path):
    (tmp_path / "here").mkdir()
    own = world(tmp_path / "data")
    assert own.place("davis-val") == str(tmp_path / "data" / "shards" / "davis-val")
    assert own.place(str(tmp_path / "here")) == str(tmp_path / "here")
    assert own.place("s3://bucket/davis-val") == "s3://bucket/davis-val"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"parts": {"main": {"size": 32}}},
            r"parts.main.size: unknown key. Did you mean 'size_px'",
        ),
        ({"parts": {"main": {"size_px": "big"}}}, r"parts.main.size_px: got 'big'"),
        ({"sets": {"films": "man/davis-train"}}, r"sets.films: unknown part 'man'. Did you mean"),
        ({"sets": {"films": "main/davis-trian"}}, r"unknown set 'davis-trian'. Did you mean"),
    ],
)
def test_wrong_parts_are_told(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        world(tmp_path, **changes)


def test_an_unknown_style_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'dim'"):
        world(tmp_path, parts={"main": {"style": "dimm"}}, sets={})


def test_every_world_opens(tmp_path):
    paths = recipe_paths("worlds")
    assert {"real", "synth"} <= paths.keys()
    for name, path in paths.items():
        assert open_world(name, load_recipe(WorldRecipe, path), tmp_path).recipe.description
