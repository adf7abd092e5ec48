"""`vsda doctor` as a user runs it, in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = "import sys, typer; from vsda.cli.doctor import doctor; typer.run(doctor)"


@pytest.fixture
def doctor(tmp_path):
    """Run the command; torch is one that is quickly imported."""
    quick = tmp_path / "quick"
    quick.mkdir()
    (quick / "torch.py").write_text(
        "__version__ = '9.9'\nclass cuda:\n    device_count = staticmethod(lambda: 0)\n"
    )
    (quick / "torchvision.py").write_text("")
    (tmp_path / "data").mkdir()

    def run(*arguments, code=0, **environment):
        process = subprocess.run(
            [sys.executable, "-c", RUN, *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{quick}{os.pathsep}{Path.cwd()}"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return process

    return run


def test_each_point_is_a_line_on_stdout(doctor):
    process = doctor(VSDA_DATA="data")
    lines = process.stdout.splitlines()
    assert lines[0].split() == ["state", "what", "found", "to", "mend", "it"]
    assert {line.split()[0] for line in lines[1:]} <= {"ok", "warn"}
    for what in ("yt-dlp", "yt-dlp-ejs", "JavaScript", "PyAV", "decord", "memory", "torch", "Ray"):
        assert any(line.split()[1] == what for line in lines[1:]), what
    assert process.stderr == ""


def test_json_is_for_machines(doctor):
    report = json.loads(doctor("--json", "--data", "elsewhere").stdout)
    assert report["ready"] is True
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["torch"] == {
        "name": "torch",
        "state": "ok",
        "found": "9.9; no GPU",
        "mend": "",
    }
    assert checks["data folder"]["found"].startswith("elsewhere: ")
    assert {"network", "cookies"}.isdisjoint(checks)


def test_what_must_be_mended_is_exit_code_1(doctor, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    process = doctor("--json", "--data", "file", "--cookies", "none.txt", code=1)
    report = json.loads(process.stdout)
    assert report["ready"] is False
    failed = {check["name"]: check for check in report["checks"] if check["state"] == "fail"}
    assert failed.keys() == {"cookies", "data folder"}
    assert all(check["mend"] for check in failed.values())


def test_online_asks_and_tells_what_it_asked(doctor):
    # nothing listens at this proxy, so nothing leaves the machine
    process = doctor("--json", "--online", "--proxy", "http://127.0.0.1:9", code=1)
    (network,) = [one for one in json.loads(process.stdout)["checks"] if one["name"] == "network"]
    assert network["state"] == "fail"
    assert "youtube.com" in network["found"]
