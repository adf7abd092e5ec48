"""The README's examples of reading shards, run as they stand, each in a process of its own."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fake_worlds import DavisTree
from vsda.prepare import PrepareOptions, prepare

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
MAX_LINES = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that holds `shards` with the set davis-val: two tars of six frames."""
    root = tmp_path_factory.mktemp("examples")
    tree = DavisTree(root / "davis")
    for name in ("blackswan", "libby"):
        tree.add(name, num_frames=6, padding_bytes=150_000)
    tree.list("val", ["blackswan", "libby"])
    options = PrepareOptions(
        root=tree.root, out=root / "shards", split="val", shard_mb=1, num_workers=1
    )
    (report,) = prepare("davis", options)
    assert report.num_shards == 2
    return root


def example(library):
    """Return the one example whose code has the words `library`."""
    (found,) = (code for code in EXAMPLES if library in code)
    assert len(found.strip().splitlines()) <= MAX_LINES
    return found


def run(code, folder):
    """Run an example beside `shards`, off the network, and return the lines that it prints."""
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


def test_there_are_four_examples():
    assert len(EXAMPLES) == 5


def test_the_bare_webdataset_library_reads_every_frame_in_order(folder):
    lines = run(example("000000..000001"), folder)
    keys = [line.split()[0] for line in lines]
    assert keys == [
        f"davis/{name}/{frame:05d}" for name in ("blackswan", "libby") for frame in range(6)
    ]
    assert lines[0].endswith("[16]")
    assert lines[-1].endswith("[18]")


def test_hugging_face_datasets_streams_a_set_by_its_name(folder):
    lines = run(example("load_dataset"), folder)
    assert len(lines) == 12
    assert lines[0].split()[0] == "davis/blackswan/00000"
    assert lines[-1].endswith("libby")


def test_wids_reads_a_sample_by_its_number(folder):
    assert run(example("import wids"), folder)[-1].startswith("12 davis/blackswan/00003 (")


def test_clips_are_runs_of_neighbours_of_one_sequence(folder):
    lines = run(example("groupby"), folder)
    assert lines == ["blackswan ['00000', '00001', '00002', '00003']"]
