"""What is found of this machine, and of packages that only some commands need."""

import resource
import shutil
import subprocess

import pytest

from vsda.doctor.check import State
from vsda.doctor.machine import (
    GB,
    check_files,
    check_folder,
    check_machine,
    check_memory,
    memory_bytes,
)
from vsda.doctor.packages import check_extra, check_packages, check_torch


def test_this_machine_is_looked_at_whole(tmp_path):
    names = [check.name for check in check_machine(tmp_path)]
    assert names == ["data folder", "temporary folder", "memory", "open files", "cores"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("few_gb", "state"),
    [((0.0, 0.0), State.OK), ((0.0, 1e9), State.WARN), ((1e9, 1e9), State.FAIL)],
)
def test_a_folder_is_graded_by_its_free_space(tmp_path, few_gb, state):
    check = check_folder("data folder", tmp_path / "not" / "yet", few_gb)
    assert check.state == state
    assert check.found.startswith(f"{tmp_path / 'not' / 'yet'}: ")
    assert check.found.endswith("GB free")
    assert not (tmp_path / "not").exists()


def test_a_file_in_place_of_a_folder_is_a_failure(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    for folder in (path, path / "below"):
        check = check_folder("data folder", folder, (0, 0))
        assert (check.state, check.mend) == (State.FAIL, "give another place")
        assert "is not a folder" in check.found


def test_a_folder_that_cannot_be_written_to_is_a_failure(tmp_path):
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode:
        pytest.skip("a disk that is read-only can be mounted by root only")
    try:
        check = check_folder("data folder", tmp_path, (0, 0))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert check.state == State.FAIL
    assert "cannot be written to: Read-only file system" in check.found


@pytest.mark.parametrize(
    ("gigabytes", "state"), [(4, State.OK), (3.9, State.WARN), (0.9, State.FAIL)]
)
def test_memory_is_graded(gigabytes, state):
    check = check_memory(int(gigabytes * GB))
    assert check.state == state
    assert f"{gigabytes:.1f} GB" in check.found


def test_the_limit_of_a_container_counts(tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("1000000000\n")
    assert memory_bytes(limit) == GB
    limit.write_text("max\n")
    assert memory_bytes(limit) == memory_bytes(tmp_path / "none") > GB
    limit.write_text(f"{10**18}\n")
    assert memory_bytes(limit) == memory_bytes(tmp_path / "none")


@pytest.mark.parametrize(
    ("num_files", "state", "mend"),
    [
        (1024, State.OK, ""),
        (256, State.WARN, "ulimit -n 1024"),
        (resource.RLIM_INFINITY, State.OK, ""),
    ],
)
def test_few_open_files_are_a_warning(num_files, state, mend):
    check = check_files(num_files)
    assert (check.state, check.mend) == (state, mend)


def test_a_package_that_only_some_need_is_no_fault():
    check = check_extra("Nothing", "no_such_package", "clusters", "ray")
    assert (check.state, check.found) == (State.OK, "not installed: no clusters")
    assert check.mend == "if wanted: pip install 'vsda[ray]'"
    check = check_extra("NumPy", "numpy", "numbers", "numbers")
    assert check.found.endswith("for numbers")


def test_torch_that_is_missing_is_no_fault(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for check in check_packages():
        assert check.state == State.OK
        assert "not installed" in check.found
    assert "the data part works" in check_torch().found


def test_torch_that_is_broken_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    check = check_torch()
    assert check.state == State.WARN
    assert check.found == "cannot be imported: ImportError: libcudart.so.13: cannot open"


def test_torch_says_on_what_it_runs(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text(
        "__version__ = '9.9'\n"
        "class cuda:\n"
        "    device_count = staticmethod(lambda: int(__import__('os').environ['NUM']))\n"
        "    get_device_name = staticmethod(lambda i: f'GPU {i}')\n"
    )
    (tmp_path / "torchvision.py").write_text("")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for num, found in (("0", "9.9; no GPU"), ("2", "9.9; GPU 0, GPU 1")):
        monkeypatch.setenv("NUM", num)
        assert check_torch().found == found
