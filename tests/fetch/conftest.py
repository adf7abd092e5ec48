"""What the tests of downloads share: a disk so small that a test can fill it."""

import subprocess

import pytest

from tests.fetch.weights_table import use_table, write_table
from vsda.manifests import weights, weights_sources

SMALL_DISK_BYTES = 4_000_000
FREE_BYTES = 1_000_000


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB with 1 MB free beside the file `filler`; skips where none may be made."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    options = f"size={SMALL_DISK_BYTES // 4096 * 4096}"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no small disk to fill: {made.stderr.strip()}")
    (folder / "filler").write_bytes(bytes(SMALL_DISK_BYTES - FREE_BYTES))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def weights_table(tmp_path, monkeypatch):
    """A table of three small files in place of the real one; its path."""
    monkeypatch.setattr(weights, "manifest_path", weights.manifest_path)
    path = write_table(tmp_path / "weights.tsv")
    use_table(path)
    yield path
    weights_sources.cache_clear()
