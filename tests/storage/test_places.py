from pathlib import Path

import pytest

from vsda.errors import VsdaError
from vsda.storage import is_local, join, local_path, read_bytes, to_place


def test_places_join_with_one_slash():
    assert join("a/b/", "c") == join(Path("a/b"), "c") == "a/b/c"
    assert join("memory://x", "c") == "memory://x/c"


def test_paths_and_file_urls_are_local():
    assert is_local("a/b")
    assert is_local("file:///a")
    assert not is_local("memory://a")


def test_an_unknown_kind_of_url_is_named():
    with pytest.raises(VsdaError, match="nope://x: this kind of place cannot be opened: Protocol"):
        read_bytes("nope://x")


def test_places_of_this_machine_become_paths_and_others_stay_urls():
    assert to_place("a/b") == to_place(Path("a/b")) == Path("a/b")
    assert to_place("file:///a/b") == to_place("local:///a/b") == Path("/a/b")
    assert to_place("s3://a/b") == "s3://a/b"
    assert local_path("memory://a") is None


def test_a_file_system_whose_package_is_missing_is_named():
    with pytest.raises(VsdaError, match=r"gs://a/b: this kind of place cannot be opened: .*gcsfs"):
        is_local("gs://a/b")
