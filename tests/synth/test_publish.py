import pytest

from vsda.errors import UsageError
from vsda.synth.publish import published_folder


def publish(out, text="new", overwrite=False):
    with published_folder(out, marker="made.txt", overwrite=overwrite) as part:
        (part / "made.txt").write_text(text)


def interrupted(out, overwrite=False):
    with published_folder(out, marker="made.txt", overwrite=overwrite) as part:
        (part / "half").write_text("")
        raise KeyboardInterrupt


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_folder_gets_its_name_and_nothing_else_stays(tmp_path):
    publish(tmp_path / "deep" / "out")
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == ["made.txt"]


def test_the_name_is_not_there_before_the_end(tmp_path):
    with published_folder(tmp_path / "out", marker="made.txt"):
        assert not (tmp_path / "out").exists()


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "out")
    assert names(tmp_path) == []


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "half").write_text("")
    publish(tmp_path / "out")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["made.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    publish(tmp_path / "out")
    assert names(tmp_path / "out") == ["made.txt"]


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    publish(tmp_path / "out", "old")
    with pytest.raises(UsageError, match=r"out is not empty; give another --out, or --overwrite"):
        publish(tmp_path / "out")
    assert (tmp_path / "out" / "made.txt").read_text() == "old"


def test_overwrite_replaces_what_the_program_made(tmp_path):
    publish(tmp_path / "out", "old")
    publish(tmp_path / "out", "new", overwrite=True)
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "made.txt").read_text() == "new"


def test_a_failed_overwrite_keeps_the_old_folder(tmp_path):
    publish(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "out", overwrite=True)
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "made.txt").read_text() == "old"


def test_overwrite_leaves_a_strange_folder_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match=r"out holds no made.txt, so --overwrite leaves it alone"):
        publish(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "precious"


def test_overwrite_never_deletes_what_a_user_put_beside_the_made_files(tmp_path):
    publish(tmp_path / "out", "old")
    (tmp_path / "out" / "shards").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match=r"out also holds mine\.txt, shards, which --overwrite"):
        publish(tmp_path / "out", overwrite=True)
    assert names(tmp_path / "out") == ["made.txt", "mine.txt", "shards"]


def test_a_file_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("precious")
    with pytest.raises(UsageError, match="leaves it alone"):
        publish(tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("out", [".", "..", "/"])
def test_a_folder_without_a_name_of_its_own_is_refused(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    with pytest.raises(UsageError, match="is no name for a new folder"):
        publish(Path(out))
