"""Plant each fault of faults.toml in a copy of the project and run the tests that must notice.

    python -m tests.mutations [NAME...]

Prints each fault with the first test that went red; exit code 1 if one stays green.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import REAL_SAMPLES
from tests.mutations.faults import ROOT, Fault, read_faults
from vsda.errors import UnknownNameError

COPIED = ("vsda", "tests", "manifests", "pipelines", "pyproject.toml", "README.md")


def main(names):
    """Try the faults called `names`, or all; return the exit code."""
    known = {fault.name: fault for fault in read_faults()}
    for name in names:
        if name not in known:
            raise UnknownNameError("fault", name, known)
    faults = [known[name] for name in names or known]
    width = max(len(fault.name) for fault in faults)
    all_red = True
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "vsda-with-a-fault"
        copy.mkdir()
        for name in COPIED:
            _copy(ROOT / name, copy / name)
        if REAL_SAMPLES.is_dir():
            (copy.parent / "shared").symlink_to(REAL_SAMPLES.parent)
        for fault in faults:
            test = noticed_by(fault, copy)
            sys.stdout.write(f"{fault.name:<{width}}  {test or 'STAYED GREEN'}\n")
            sys.stdout.flush()
            all_red = all_red and test is not None
    return 0 if all_red else 1


def noticed_by(fault: Fault, copy: Path) -> str | None:
    """Return the first test that fails with `fault` in the `copy`, None if none does."""
    path = copy / fault.file
    sound = path.read_text()
    path.write_text(fault.planted(sound))
    try:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run(
            [*command, *fault.tests],
            cwd=copy,
            env=os.environ | _environment(copy),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(sound)
    marks = ("FAILED tests/", "ERROR tests/")  # a log's lines may start with ERROR, too
    failed = [line for line in done.stdout.splitlines() if line.startswith(marks)]
    if done.returncode != 1 or not failed:
        return None
    return failed[0].split(" ")[1]


def _environment(copy: Path) -> dict[str, str]:
    """Have the commands that tests start run the copy, and compiled files of no earlier fault."""
    return {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
