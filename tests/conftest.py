"""What the tests share: where the real samples lie, and a command runner."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chromium import browser  # noqa: F401  fixture
from tests.s3 import denying_server, other_s3, s3, s3_environment  # noqa: F401  fixtures

pytest_plugins = ["tests.ray_cluster"]

ROOT = Path(__file__).resolve().parent.parent
REAL_SAMPLES = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_samples() -> Path:
    """The folder of small real samples; skips where it is absent."""
    if not REAL_SAMPLES.is_dir():
        pytest.skip(f"no real samples at {REAL_SAMPLES}")
    return REAL_SAMPLES


@pytest.fixture
def vsda(tmp_path):
    """Run the command line in a process of its own, as a user does."""

    def run(*arguments, code=0, cwd=tmp_path, **environment):
        process = subprocess.run(
            [sys.executable, "-m", "vsda", *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return process

    return run


def pytest_report_header() -> str:
    """Say at the top of every run whether the tests on real samples can run."""
    state = "found" if REAL_SAMPLES.is_dir() else "absent, their tests skip"
    return f"real samples: {state} ({os.path.relpath(REAL_SAMPLES, ROOT)})"
