"""The card beside the sets of a folder."""

import dataclasses
import os
import re

import pytest
import yaml

from tests.made_sets import make_images, make_videos
from vsda.shards.card import CARD, MARK, make_card, write_card
from vsda.shards.index import index_path
from vsda.storage import read_bytes, write_atomic


def metadata(card):
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


def test_the_card_names_every_set_of_the_folder_with_its_sizes(tmp_path):
    make_images(tmp_path)
    make_videos(tmp_path)
    write_card(tmp_path)
    card = (tmp_path / CARD).read_text()
    assert "# Shards: images, videos\n" in card
    assert "| images | 13 | 0 | 2 | 2 | " in card
    assert "| videos | 5 | 2 | 2 | 2 | " in card
    assert "| 18 | dog | 6 | " in card


def test_its_head_opens_each_set_by_its_name(tmp_path):
    make_images(tmp_path)
    write_card(tmp_path)
    (config,) = metadata((tmp_path / CARD).read_text())["configs"]
    assert config == {
        "config_name": "images",
        "data_files": [{"split": "train", "path": "images-[0-9]*.tar"}],
    }


def test_command_versions_outcomes_notes_and_settings_are_told(tmp_path):
    index = dataclasses.replace(
        make_images(tmp_path).index,
        command="vsda prepare davis --split train",
        versions={"pillow": "1.2"},
        outcomes={"ok": 13, "missing": 2},
        notes=("two frames are gone",),
        settings={"classes": ["person", "dog"]},
        dataset="davis",
    )
    card = make_card([index])
    assert f"Made by `vsda prepare davis --split train` with vsda {index.version}.\n" in card
    assert "Versions: pillow 1.2.\n" in card
    assert "What became of the items: ok 13, missing 2.\n" in card
    assert "- two frames are gone\n" in card
    assert "| classes | person, dog |\n" in card
    assert "**DAVIS 2017**" in card
    assert "CC BY-NC 4.0" in card
    assert "Perazzi et al." in card


def test_a_set_of_files_of_the_users_own_says_so(tmp_path):
    assert "- **made**: files of your own" in make_card([make_images(tmp_path).index])


def test_a_readme_of_somebody_else_stays(tmp_path):
    make_images(tmp_path)
    (tmp_path / CARD).write_text("mine")
    write_card(tmp_path)
    assert (tmp_path / CARD).read_text() == "mine"


def test_a_card_is_written_anew_when_a_set_comes(tmp_path):
    make_images(tmp_path)
    write_card(tmp_path)
    make_videos(tmp_path)
    write_card(tmp_path)
    assert "# Shards: images, videos\n" in (tmp_path / CARD).read_text()


def test_a_card_that_is_right_is_left_alone(tmp_path):
    make_images(tmp_path)
    write_card(tmp_path)
    os.utime(tmp_path / CARD, (1, 1))
    write_card(tmp_path)
    assert (tmp_path / CARD).stat().st_mtime == 1


def test_a_damaged_index_is_passed_over(tmp_path):
    make_images(tmp_path)
    write_atomic(index_path(str(tmp_path), "broken"), b"{")
    write_card(tmp_path)
    assert "# Shards: images\n" in (tmp_path / CARD).read_text()


def test_text_of_a_set_cannot_break_the_card(tmp_path):
    index = dataclasses.replace(
        make_images(tmp_path).index,
        settings={"class_map": "a|b\n# <script>"},
        notes=("x\n# y",),
    )
    card = make_card([index])
    assert "| class_map | a\\|b # &lt;script> |" in card
    assert "- x # y\n" in card
    assert card.count(MARK) == 1


def test_a_card_lies_beside_sets_on_a_url(memory, tmp_path):
    shard_set = make_images(tmp_path)
    write_atomic(index_path(memory, "images"), shard_set.index.to_json())
    write_card(memory)
    assert b"# Shards: images\n" in read_bytes(f"{memory}/{CARD}")


@pytest.mark.parametrize("dataset", ["coco", "davis", "fbms", "voc", "ytbb"])
def test_every_dataset_has_its_source(dataset, tmp_path):
    index = dataclasses.replace(make_images(tmp_path).index, dataset=dataset)
    card = make_card([index])
    assert "Licence: " in card
    assert "Please cite: " in card


@pytest.mark.parametrize("split", ["train+test", "train-a", "2017"])
def test_a_split_of_any_name_is_one_that_the_hub_takes(tmp_path, split):
    index = dataclasses.replace(make_images(tmp_path).index, split=split)
    (config,) = metadata(make_card([index]))["configs"]
    assert re.fullmatch(r"\w+(\.\w+)*", str(config["data_files"][0]["split"]))


def test_a_folder_in_the_place_of_the_card_is_a_warning(tmp_path, caplog):
    make_images(tmp_path)
    (tmp_path / CARD).mkdir()
    write_card(tmp_path)
    assert "README.md: not written" in caplog.text
