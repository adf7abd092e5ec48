"""The command line as a user meets it: speed of help, errors as one line, exit codes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.made_sets import make_images, make_videos


def test_help_is_quick_and_needs_no_torch(vsda):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert "prepare" in vsda("--help").stdout
        seconds.append(time.perf_counter() - start)
    # The figure to keep is 0.5 s on an idle machine; a loaded one gets room.
    assert min(seconds) < 1.5
    code = "import sys, vsda.cli.app; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_mistake_is_one_line_without_a_traceback(vsda, tmp_path):
    process = vsda("train", "swin-pach", code=2)
    assert process.stderr.startswith("vsda: unknown train recipe 'swin-pach'. Did you mean")
    assert process.stderr.count("\n") == 1


def test_command_that_needs_torch_says_how_to_get_it(tmp_path):
    code = "import sys; sys.modules['torch'] = None; from vsda.cli.app import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", code, "train", "swin-patch"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith("vsda: this command needs torch, which a data-only")
    assert "pip install 'vsda[train]'" in process.stderr


def test_place_that_the_system_refuses_is_one_line(vsda, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    make_videos(tmp_path / "s", 2)
    refused = {
        ("synth", "--out", "file/x"): "vsda: file: File exists; give another place",
        ("synth", "--out", "file/x/y"): "vsda: file/x: Not a directory; give another place",
        ("shards", "show", "s", "--out", "file/x.png"): "vsda: file: File exists; give another",
        (
            "shards",
            "show",
            "s",
            "--out",
            "folder.png",
        ): "vsda: folder.png: Is a directory; give",
    }
    for command, message in refused.items():
        process = vsda(*command, code=1)
        assert message in process.stderr
        assert process.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_folder_without_permission_is_one_line(vsda, tmp_path):
    (tmp_path / "s").mkdir(mode=0)
    assert vsda("shards", "list", "s", code=1).stderr.count("\n") == 1
    assert "Permission denied" in vsda("synth", "--out", "s/x", code=1).stderr


def test_output_that_cannot_be_written_is_one_line(tmp_path):
    command = [sys.executable, "-m", "vsda", "recipes"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == 1
    message = "vsda: No space left on device; free some space and run again\n"
    assert done.stderr == message


def test_reader_that_goes_away_is_no_error_message(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "vsda", "recipes"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "after_s",
    [0.0, 0.4, 1.5, *(pytest.param(after, marks=pytest.mark.slow) for after in (0.15, 0.8))],
)
def test_ctrl_c_is_one_line_at_any_moment_of_work_in_processes(tmp_path, after_s):
    # A program started in the background may inherit an ignored SIGINT; a terminal's does not.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from vsda.cli.app import main; main()"
    )
    command = [sys.executable, "-c", code, "synth", "--out", tmp_path / "w", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "w.lock").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes
    stderr = process.communicate(timeout=60)[1]
    assert stderr == "vsda: stopped; run the same command again to go on\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_setting_with_a_typing_error_is_a_usage_error(vsda):
    process = vsda("train", "swin-patch", "--set", "stepz=3", code=2)
    assert "Did you mean 'steps'" in process.stderr


@pytest.mark.parametrize("command", [("train", "swin-images"), ("prepare", "davis")])
def test_plain_words_without_data_say_what_to_do(vsda, command):
    process = vsda(*command, code=1)
    assert "data" in process.stderr
    assert "Traceback" not in process.stderr


def test_set_of_a_recipe_is_a_name_under_the_data_folder_or_a_place(monkeypatch):
    from vsda.cli.train_inputs import set_place

    monkeypatch.setenv("VSDA_DATA", "/mnt/data")
    assert set_place("coco-train") == "/mnt/data/shards/coco-train"
    assert set_place("https://host/shards/coco-train") == "https://host/shards/coco-train"


def test_recipes_are_listed_and_shown_complete(vsda):
    assert "swin-patch-clustered" in vsda("recipes").stdout
    shown = json.loads(vsda("recipes", "swin-patch", "--set", "steps=3").stdout)
    assert (shown["steps"], shown["size_px"], shown["network"]["embed_dim"]) == (3, 256, 96)


def test_train_and_evaluate_by_their_plain_words(vsda, tmp_path):
    """Sets are found under $VSDA_DATA/shards and the run folder is numbered."""
    shards = tmp_path / "data" / "shards"
    make_images(shards, 4)
    make_videos(shards, 3)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'images = ["images"]\nvideos = ["videos"]\nclasses = "person,dog"\nsize_px = 32\n'
        "batch_images = 2\nbatch_videos = 2\nsteps = 2\nworkers = 0\n"
        "[network]\nembed_dim = 16\ndepths = [1, 1]\nnum_heads = [2, 4]\nwindow_size = 4\n"
        'decoder_channels = 16\n[adversarial]\nloss = "domain"\n'
    )
    trained = vsda("train", recipe)
    assert trained.stdout.strip() == "runs/mine-1/checkpoints/step-000002.pt"
    scores = json.loads(vsda("evaluate", "runs/mine-1", shards / "videos", "--json").stdout)
    assert set(scores["iou"]) == {"background", "person", "dog"}
    table = vsda("evaluate", "runs/mine-1", shards / "videos", shards / "images").stdout
    assert table.count("mean IoU  ") == 2 + table.count("video               mean IoU  ")
