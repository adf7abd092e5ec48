"""What is found of yt-dlp, its scripts, runtimes and cookies."""

import stat
import sys
from datetime import date

import pytest

from tests.fetch.servers import FaultyServer
from vsda.doctor.check import State
from vsda.doctor.youtube import (
    check_age,
    check_cookies,
    check_online,
    check_runtime,
    check_scripts,
    check_youtube,
)

TODAY = date(2026, 11, 17)
HEADER = "# Netscape HTTP Cookie File\n"
LATER_S = 4102444800  # 2100


@pytest.mark.parametrize(
    ("version", "state", "found"),
    [
        ("2026.8.19", State.OK, "version 2026.8.19, 90 days old"),
        ("2026.8.18", State.WARN, "version 2026.8.18, 91 days old"),
        ("2026.08.18.232839", State.WARN, "version 2026.08.18.232839, 91 days old"),
        ("2026.11.18", State.OK, "version 2026.11.18, -1 days old"),
        ("2026.11.19", State.WARN, "is from the future: the clock says 2026-11-17"),
        ("dev", State.WARN, "version dev, no date"),
    ],
)
def test_yt_dlp_is_old_after_90_days(version, state, found):
    check = check_age(version, TODAY)
    assert check.state == state
    assert found in check.found
    assert bool(check.mend) == (state is not State.OK)


@pytest.mark.parametrize(
    ("installed", "state", "found"),
    [
        ("0.8.0", State.OK, "version 0.8.0"),
        ("0.8.3", State.OK, "version 0.8.3"),
        ("0.7.0", State.FAIL, "version 0.7.0, yt-dlp takes 0.8.0 only"),
        (None, State.FAIL, "not installed: formats are missing"),
    ],
)
def test_scripts_must_be_of_the_series_that_yt_dlp_takes(installed, state, found):
    check = check_scripts(installed, "0.8.0")
    assert (check.state, check.found) == (state, found)
    assert ("yt-dlp[default,deno]" in check.mend) == (state is State.FAIL)


def test_scripts_of_any_version_do_where_yt_dlp_names_none():
    assert check_scripts("0.1.0", None).state == State.OK


def test_this_installation_can_ask_youtube():
    checks = check_youtube()
    assert [check.name for check in checks] == ["yt-dlp", "yt-dlp-ejs", "JavaScript"]
    assert all(check.state is not State.FAIL for check in checks)


def fake_runtimes(folder, monkeypatch, **scripts):
    """Make programs that are found in place of all real ones."""
    folder.mkdir()
    for name, text in scripts.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{text}'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    # yt-dlp looks beside the running Python first, where pip has put deno
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(folder))


def test_a_runtime_that_is_too_old_is_named(tmp_path, monkeypatch):
    fake_runtimes(tmp_path / "bin", monkeypatch, deno="deno 1.46.3 (stable)", node="v18.19.0")
    check = check_runtime()
    assert check.state == State.FAIL
    assert "deno 1.46.3 is too old" in check.found
    assert "node 18.19.0 is too old" in check.found
    assert check.mend == "pip install --upgrade 'yt-dlp[default,deno]'"


def test_one_runtime_that_is_new_enough_will_do(tmp_path, monkeypatch):
    fake_runtimes(tmp_path / "bin", monkeypatch, deno="deno 1.46.3 (stable)", node="v22.0.0")
    check = check_runtime()
    assert (check.state, check.found) == (State.OK, "node 22.0.0")


def test_no_runtime_is_told_with_what_to_install(tmp_path, monkeypatch):
    fake_runtimes(tmp_path / "bin", monkeypatch)
    check = check_runtime()
    assert (check.state, check.found) == (State.FAIL, "no runtime found")


def test_yt_dlp_that_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (check,) = check_youtube()
    assert (check.state, check.found) == (State.FAIL, "not installed")


def cookies(tmp_path, *rows, header=HEADER):
    path = tmp_path / "cookies.txt"
    lines = [f".youtube.com\tTRUE\t/\tTRUE\t{expires}\t{name}\tx" for name, expires in rows]
    path.write_text(header + "\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def test_cookies_with_a_login_are_fine(tmp_path):
    path = cookies(tmp_path, ("SID", LATER_S), ("LOGIN_INFO", 0), ("PREF", 1))
    check = check_cookies(path)
    assert (check.state, check.found) == (State.OK, "3 of YouTube, with a login")


def test_cookies_that_others_can_read_are_a_warning(tmp_path):
    path = cookies(tmp_path, ("SID", LATER_S))
    path.chmod(0o640)
    check = check_cookies(path)
    assert (check.state, check.mend) == (State.WARN, f"chmod 600 {path}")
    assert "other users of this machine can read it" in check.found
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_cookies_of_which_some_have_expired_are_a_warning_and_all_a_failure(tmp_path):
    path = cookies(tmp_path, ("SID", 1000), ("SAPISID", LATER_S))
    some = check_cookies(path)
    assert (some.state, some.found) == (State.WARN, f"{path}: expired: SID")
    every = check_cookies(path, now_s=LATER_S + 1)
    assert (every.state, every.found) == (State.FAIL, f"{path}: expired: SAPISID, SID")
    assert "export them anew" in every.mend


def test_cookies_without_a_login_are_a_failure(tmp_path):
    path = cookies(tmp_path, ("PREF", LATER_S))
    assert "no login among 1 cookies of YouTube" in check_cookies(path).found
    assert check_cookies(path).state == State.FAIL


def test_a_cookie_file_of_another_format_is_a_failure(tmp_path):
    check = check_cookies(cookies(tmp_path, header='[{"name": "SID"}]\n'))
    assert check.state == State.FAIL
    assert "expected cookies in the Netscape format" in check.found
    missing = check_cookies(tmp_path / "none.txt")
    assert (missing.state, "No such file" in missing.found) == (State.FAIL, True)


def test_cookies_are_looked_at_where_they_are_given(tmp_path):
    names = [check.name for check in check_youtube(cookies(tmp_path, ("SID", LATER_S)))]
    assert names[-1] == "cookies"


def test_the_host_is_asked_once(tmp_path):
    (tmp_path / "generate_204").write_bytes(b"")
    with FaultyServer(tmp_path) as server:
        check = check_online(f"{server.url}/generate_204")
        assert (check.state, check.found) == (
            State.OK,
            f"{server.url}/generate_204: status 200",
        )
        assert server.paths() == ["/generate_204"]


def test_a_host_that_refuses_or_is_not_there_is_a_failure(tmp_path):
    with FaultyServer(tmp_path, statuses=[429]) as server:
        url = server.url
        assert check_online(url).found == f"{url}: answers with status 429"
    check = check_online(url)
    assert check.state == State.FAIL
    assert check.found.startswith(f"{url}: ")
    assert check.mend == "check the network, or give --proxy"


def test_a_proxy_that_is_none_is_a_failure():
    assert check_online("http://127.0.0.1:9", proxy="nonsense").state == State.FAIL
