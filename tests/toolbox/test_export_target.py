"""Where an export may go, and what it may replace."""

import json

import pytest

from tests.places import memory  # noqa: F401  fixture
from tests.toolbox.export_frames import files, names
from vsda.errors import ShardError, UsageError, VsdaError
from vsda.storage import exclusive, exists, list_names, read_bytes, write_atomic
from vsda.toolbox.export_target import MARKER, open_target


def export_to(out, content=b"1", overwrite=False, description=None):
    with open_target(out, description or {"as": "test"}, overwrite=overwrite) as target:
        target.write("images/a.jpg", content)
        target.write("list.txt", content)


def interrupted(out, **options):
    """An export that ends with an error after its first file."""
    with open_target(out, {"as": "test"}, **options) as target:
        target.write("images/old.jpg", b"0")
        raise RuntimeError


def test_folders_above_the_target_are_made(tmp_path):
    export_to(tmp_path / "new/er/out")
    assert sorted(files(tmp_path / "new/er/out")) == [MARKER, "images/a.jpg", "list.txt"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    export_to(tmp_path / "out")
    assert len(files(tmp_path / "out")) == 3


def test_an_error_leaves_neither_target_nor_staging(tmp_path):
    with pytest.raises(RuntimeError):
        interrupted(tmp_path / "out")
    assert names(tmp_path) == []


def test_a_foreign_folder_is_left_alone_even_with_overwrite(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="is not empty and no export of vsda"):
            export_to(tmp_path / "out", overwrite=overwrite)
    assert sorted(files(tmp_path)) == ["out/thesis.txt"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="a file is in the way"):
        export_to(tmp_path / "out", overwrite=True)


def test_the_root_of_the_file_system_is_no_target():
    with pytest.raises(UsageError, match="no folder that an export could become"):
        export_to("/")


def test_an_export_is_replaced_only_with_overwrite(tmp_path):
    export_to(tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds an export already; .* --overwrite"):
        export_to(tmp_path / "out", b"2")
    assert files(tmp_path / "out")["list.txt"] == b"1"
    export_to(tmp_path / "out", b"2", overwrite=True)
    assert files(tmp_path / "out")["list.txt"] == b"2"
    assert names(tmp_path) == ["out"]


def test_an_error_while_overwriting_keeps_the_old_export(tmp_path):
    export_to(tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(RuntimeError):
        interrupted(tmp_path / "out", overwrite=True)
    assert files(tmp_path / "out") == before


def test_overwrite_keeps_what_a_user_put_beside_the_export(tmp_path):
    export_to(tmp_path / "out")
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"would delete notes.txt, which the export did not make"):
        export_to(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"holds": 3}', b'{"holds": [3]}', b"[" * 100_000]
)
def test_a_marker_that_is_none_of_ours_does_not_let_anything_be_replaced(tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MARKER).write_bytes(text)
    with pytest.raises(UsageError, match="no export of vsda"):
        export_to(tmp_path / "out", overwrite=True)


def test_a_marker_that_is_a_link_does_not_count(tmp_path):
    export_to(tmp_path / "other")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MARKER).symlink_to(tmp_path / "other" / MARKER)
    with pytest.raises(UsageError, match="no export of vsda"):
        export_to(tmp_path / "out", overwrite=True)


def test_a_link_inside_an_old_export_is_removed_and_not_followed(tmp_path):
    export_to(tmp_path / "out")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/a").write_text("kept")
    (tmp_path / "out/images/link").symlink_to(tmp_path / "precious")
    export_to(tmp_path / "out", overwrite=True)
    assert files(tmp_path / "precious") == {"a": b"kept"}


def test_a_link_in_the_place_of_the_staging_folder_is_refused(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / ".out.export.part").symlink_to(tmp_path / "precious")
    with pytest.raises(UsageError, match="is in the way of an export; remove it"):
        export_to(tmp_path / "out")


def test_a_target_that_is_a_link_to_a_folder_is_that_folder(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    export_to(tmp_path / "out")
    assert (tmp_path / "out").is_symlink()
    assert len(files(tmp_path / "disk")) == 3


def test_an_export_that_was_killed_in_the_middle_of_the_swap_comes_back(tmp_path):
    export_to(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.export.old")  # the state after the first rename
    with pytest.raises(UsageError, match="holds an export already"):
        export_to(tmp_path / "out", b"2")
    assert files(tmp_path / "out")["list.txt"] == b"1"


def test_a_second_export_to_the_same_place_is_refused(tmp_path):
    with (
        exclusive(tmp_path / ".out.export.lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        export_to(tmp_path / "out")


def test_a_file_whose_folder_is_a_file_is_refused(tmp_path):
    with open_target(tmp_path / "out", {}) as target:
        target.write("a", b"1")
        with pytest.raises(ShardError, match="two files of the export would be a/b"):
            target.write("a/b", b"1")


# On a URL.


def test_a_url_gets_its_lists_before_its_marker_is_complete(memory):  # noqa: F811
    with open_target(f"{memory}/out", {"as": "test"}) as target:
        target.write("images/a.jpg", b"1")
        target.flush()
        marker = json.loads(read_bytes(f"{memory}/out/{MARKER}"))
        assert marker == {"as": "test", "complete": False, "holds": ["images"]}
    marker = json.loads(read_bytes(f"{memory}/out/{MARKER}"))
    assert len(marker.pop("names_sha256")) == 64
    assert marker == {"as": "test", "complete": True, "files": 1, "holds": ["images"]}


def test_an_interrupted_export_to_a_url_is_made_again_without_overwrite(memory):  # noqa: F811
    with pytest.raises(RuntimeError):
        interrupted(f"{memory}/out")
    export_to(f"{memory}/out")
    assert not exists(f"{memory}/out/images/old.jpg")
    assert json.loads(read_bytes(f"{memory}/out/{MARKER}"))["complete"] is True


def test_an_interrupted_export_of_something_else_stays_without_overwrite(memory):  # noqa: F811
    with pytest.raises(RuntimeError):
        interrupted(f"{memory}/out")
    with pytest.raises(UsageError, match="holds an export already"):
        export_to(f"{memory}/out", description={"as": "other"})
    export_to(f"{memory}/out", description={"as": "other"}, overwrite=True)
    assert list_names(f"{memory}/out/images") == ["a.jpg"]


def test_a_foreign_url_is_left_alone(memory):  # noqa: F811
    write_atomic(f"{memory}/out/thesis.txt", b"years of work")
    with pytest.raises(UsageError, match="is not empty and no export of vsda"):
        export_to(f"{memory}/out", overwrite=True)
    assert list_names(f"{memory}/out") == ["thesis.txt"]


def test_overwrite_on_a_url_keeps_what_a_user_put_there(memory):  # noqa: F811
    export_to(f"{memory}/out")
    write_atomic(f"{memory}/out/notes.txt", b"mine")
    with pytest.raises(UsageError, match=r"would delete notes.txt"):
        export_to(f"{memory}/out", overwrite=True)
    assert read_bytes(f"{memory}/out/notes.txt") == b"mine"


def test_a_whole_bucket_is_no_target():
    with pytest.raises(UsageError, match="is a whole bucket; name a folder in it"):
        export_to("memory://bucket")


def test_overwrite_keeps_what_a_user_put_deep_into_an_export(tmp_path):
    export_to(tmp_path / "out")
    (tmp_path / "out/images/notes.txt").write_text("years of work")
    with pytest.raises(UsageError, match="files were added to this export or taken from it"):
        export_to(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out/images/notes.txt").read_text() == "years of work"
