import json
import re
import subprocess
import sys

import pytest

from vsda.shards.index import load_index
from vsda.synth.gallery import gallery_png
from vsda.synth.styles import faults, settings_of, styles

FEW = [
    *("--images", 5, "--val-images", 2, "--videos", 2, "--frames", 2),
    *("--val-videos", 2, "--val-frames", 2),
]


def test_a_world_becomes_shards_by_the_commands_of_real_datasets(vsda, tmp_path):
    made = json.loads(vsda("synth", "--out", "world", *FEW, "--workers", 2, "--json").stdout)
    assert (made["num_images"], made["num_video_frames"]) == (7, 8)
    shards = ("--out", "s", "--workers", 1)
    vsda("prepare", "coco", "--root", "world/coco", "--labels", "stuffthingmaps", *shards)
    vsda("prepare", "davis", "--root", "world/davis", "--class-map", made["class_map"], *shards)
    sizes = {
        name: load_index(str(tmp_path / "s" / f"{name}.index.json")).num_samples
        for name in ("coco-train", "coco-val", "davis-train", "davis-val")
    }
    assert sizes == {"coco-train": 5, "coco-val": 2, "davis-train": 4, "davis-val": 4}


def test_a_world_goes_to_the_data_folder_by_default(vsda, tmp_path):
    process = vsda("synth", *FEW, "--workers", 1, VSDA_DATA=str(tmp_path / "data"))
    assert (tmp_path / "data" / "synth" / "world.json").is_file()
    assert "7 images in" in process.stdout
    assert "8 video frames in" in process.stdout


def test_a_wrong_option_is_one_line_and_exit_code_2(vsda):
    process = vsda("synth", "--out", "world", "--size-px", 65, code=2)
    assert process.stderr.count("\n") == 1
    assert "--size-px: expected an even number from 32 to 1024, got 65" in process.stderr


@pytest.mark.parametrize(("workers", "size"), [(1, 100), (2, 100), (2, 4000)])
def test_a_disk_that_takes_no_more_is_one_line_and_leaves_nothing(tmp_path, workers, size):
    """A limit on the size of a file stands for the disk; the lists are longer than a picture."""
    code = (
        "import resource, sys; from vsda.cli.app import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "main()"
    )
    many = ("--images", 3, "--val-images", 30, "--videos", 1, "--frames", 1, "--val-videos", 1)
    options = ("synth", "--out", "world", *many, "--size-px", 32, "--workers", workers)
    command = [sys.executable, "-B", "-c", code, *map(str, options)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    # Which of two workers meets the limit first is chance.
    what = r"(TRAIN|VAL)_\w+ \d+ to \d+" if size == 100 else "the lists"
    assert re.match(f"vsda: world.part: cannot write {what}: File too large; the", done.stderr)
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_every_style(vsda):
    text = vsda("synth", "--help").stdout
    assert all(name in text for name in styles())


def test_the_styles_are_listed_with_their_settings(vsda):
    told = json.loads(vsda("synth", "--styles", "--json").stdout)
    assert told.keys() == styles().keys()
    assert told["blur"] == {"fault": faults()["blur"], "settings": settings_of(styles()["blur"])}
    assert told["none"]["settings"] == {}


def test_classes_and_joined_styles_go_into_the_world(vsda, tmp_path):
    chosen = ("--style", "blur+gain", "--image-classes", "dog, car", "--video-classes", "car")
    vsda("synth", "--out", "world", *FEW, "--workers", 1, *chosen)
    told = json.loads((tmp_path / "world" / "world.json").read_text())
    assert (told["style"], told["image_classes"]) == ("blur+gain", ["dog", "car"])
    assert told["video_classes"] == ["car"]


def test_a_gallery_is_written_in_place_of_a_world(vsda, tmp_path):
    process = vsda("synth", "--gallery", "styles.png", "--style", "gain, blur", "--size-px", 32)
    assert process.stdout == "styles.png\n"
    assert [path.name for path in tmp_path.iterdir()] == ["styles.png"]
    assert (tmp_path / "styles.png").read_bytes() == gallery_png(["gain", "blur"], 32, 0)
