"""What is looked at before a long run."""

import pytest

from vsda.doctor.preflight import preflight
from vsda.errors import VsdaError


def names(checks):
    return [check.name for check in checks]


def test_a_run_without_youtube_does_not_depend_on_yt_dlp(tmp_path):
    checks = preflight(needs_youtube=False, out=tmp_path)
    assert names(checks) == ["PyAV", "temporary folder", "data folder"]


def test_a_run_with_youtube_depends_on_all(tmp_path):
    checks = preflight(needs_youtube=True, out=str(tmp_path))
    assert names(checks)[:3] == ["yt-dlp", "yt-dlp-ejs", "JavaScript"]


def test_an_output_elsewhere_needs_no_room_here():
    assert "data folder" not in names(preflight(needs_youtube=False, out="memory://x"))


def test_what_fails_is_raised_with_what_to_do(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VsdaError) as caught:
        preflight(needs_youtube=True, out=tmp_path / "file", cookies=tmp_path / "none.txt")
    text = str(caught.value)
    assert text.startswith("this machine is not ready: cookies: ")
    assert "none.txt: cookies cannot be read" in text
    assert "(give another file); data folder: " in text
    assert text.endswith("is not a folder (give another place); 'vsda doctor' tells more")


def test_a_missing_runtime_is_found_before_the_first_request(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(VsdaError, match=r"JavaScript: no runtime found \(pip install"):
        preflight(needs_youtube=True, out=tmp_path)
    preflight(needs_youtube=False, out=tmp_path)
