"""Sets that a run should not read as they are named."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.made_sets import make_images, make_sample, make_set, make_videos
from tests.training.small import DOMAIN, small_recipe
from vsda.errors import ShardError
from vsda.shards.index import ShardIndex, index_path, open_set
from vsda.taxonomy import class_set
from vsda.training.inputs import check_labels, open_inputs


@pytest.fixture
def warned(tmp_path, caplog):
    """Open the inputs of a recipe over two sets and return the warnings."""
    make_images(tmp_path, 4)
    make_videos(tmp_path, 3)

    def start(**named):
        places = {
            key: tuple(str(tmp_path / name) for name in names) for key, names in named.items()
        }
        open_inputs(small_recipe(adversarial=DOMAIN, **places))
        return [message.removeprefix(f"{tmp_path}/") for message in caplog.messages]

    return start


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"images": ["videos"], "videos": ["videos"]},
            "videos: is in images and in videos: the discriminator gets the same samples as both "
            "domains",
        ),
        (
            {"images": ["images"], "videos": ["videos"], "labelled_videos": ["videos"]},
            "videos: is in videos and in labelled_videos: its frames are streamed with their "
            "labels, and once more without",
        ),
        (
            {"images": ["images", "images"], "videos": ["videos"]},
            "images: is in images and in images: its samples are drawn so much more often than "
            "those of others",
        ),
    ],
)
def test_set_that_is_read_twice_is_warned_of(warned, named, message):
    assert warned(**named) == [message]


def test_sets_that_differ_are_not_warned_of(warned):
    assert not warned(images=["images"], videos=["videos"])


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (
            "vsda prepare folder --name mine --remap coco",
            "prepare it with --masks and --class-map, or name it under videos",
        ),
        ("vsda fetch ytbb", "its videos come without masks: name it under videos"),
        ("vsda prepare davis", "prepare --remap coco"),
    ],
)
def test_set_without_masks_is_told_with_what_gives_it_some(tmp_path, command, advice):
    bare = [replace(make_sample(0, size_px=32, sequence="clip"), seg=None)]
    index = replace(make_set(tmp_path, "mine", bare).index, command=command)
    Path(index_path(str(tmp_path), "mine")).write_bytes(ShardIndex.to_json(index))
    with pytest.raises(ShardError) as caught:
        check_labels(open_set(str(tmp_path / "mine")), class_set("person"))
    assert str(caught.value) == f"{tmp_path}/mine: has no seg.png; {advice}"
