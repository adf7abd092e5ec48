import dataclasses
import json

import pytest

from tests.shards.frames import copy_files, flipped, frame, make_set
from vsda.errors import ShardError
from vsda.shards.index import (
    SequenceInfo,
    ShardIndex,
    ShardInfo,
    find_indexes,
    index_path,
    load_index,
    open_set,
    open_sets,
)


def shard(number, **changes):
    values = {
        "url": f"davis-train-{number:06d}.tar",
        "nsamples": 2,
        "filesize": 10240,
        "sha256": "a" * 64,
        "idx_sha256": "b" * 64,
        "class_pixels": {0: 30, 1: 10, 255: 8},
        "class_frames": {0: 2, 1: 1, 255: 2},
        "sequences": (SequenceInfo(name=f"bear{number}", num_frames=2, classes=(1,)),),
    }
    return ShardInfo(**values | changes)


def two_shards(**changes):
    values = {"name": "davis-train", "dataset": "davis", "split": "train"}
    shards = (shard(0), shard(1, nsamples=3, class_pixels={0: 5, 18: 7}, class_frames={18: 3}))
    return ShardIndex(shards=shards, **values | changes)


def test_json_gives_back_the_same_index():
    index = two_shards(
        settings={"classes": ["person"], "mb": 1.5}, outcomes={"ok": 5}, notes=("n",)
    )
    assert ShardIndex.from_json(index.to_json()) == index


def test_the_json_depends_on_nothing_but_the_values():
    first = two_shards(settings={"a": 1, "b": (2, 3)}, outcomes={"ok": 1, "missing": 2})
    second = two_shards(settings={"b": [2, 3], "a": 1}, outcomes={"missing": 2, "ok": 1})
    assert first.to_json() == second.to_json()


def test_the_json_keeps_the_version_that_made_the_set():
    index = two_shards(version="0.0.7")
    assert ShardIndex.from_json(index.to_json()).to_json() == index.to_json()


def test_the_json_is_an_index_of_the_wids_library():
    document = json.loads(two_shards().to_json())
    assert document["__kind__"] == "wids-shard-index-v1"
    assert document["wids_version"] == 1
    assert document["name"] == "davis-train"
    assert [row["url"] for row in document["shardlist"]] == [
        "davis-train-000000.tar",
        "davis-train-000001.tar",
    ]
    assert [row["nsamples"] for row in document["shardlist"]] == [2, 3]
    assert document["shardlist"][0]["filesize"] == 10240


def test_totals_are_sums_over_the_shards():
    index = two_shards()
    assert index.num_samples == 5
    assert index.class_pixels == {0: 35, 1: 10, 18: 7, 255: 8}
    assert index.class_frames == {0: 2, 1: 1, 18: 3, 255: 2}
    assert [row.name for row in index.sequences] == ["bear0", "bear1"]


def test_every_flipped_bit_of_the_index_is_found():
    data = ShardIndex(name="d", dataset="d", split="t", shards=(shard(0),)).to_json()
    unnoticed = []
    for bit in range(8 * len(data)):
        try:
            ShardIndex.from_json(flipped(data, bit))
        except ShardError:
            continue
        unnoticed.append(bit)
    assert unnoticed == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a shard index: Expecting value"),
        (b"[" * 100_000, "not a shard index: nested too deep"),
        (b"[1]", "it has no part named 'vsda'"),
        (b'{"shardlist": []}', "it has no part named 'vsda'"),
        (b'{"vsda": {"format": 9, "version": "3.1"}}', "format 9 .* is not 1; use .* \\(3.1\\)"),
        (b'{"vsda": {"format": 1}}', "does not match its own hash"),
    ],
)
def test_other_json_is_refused(data, message):
    with pytest.raises(ShardError, match=message):
        ShardIndex.from_json(data)


def test_a_field_of_the_wrong_type_is_named():
    index = two_shards(outcomes={"ok": "many"})
    with pytest.raises(ShardError, match=r"not a shard index: outcomes\.ok: .*integer"):
        ShardIndex.from_json(index.to_json())


def test_a_number_that_json_lacks_is_not_written():
    with pytest.raises(ValueError, match="JSON"):
        two_shards(settings={"rate": float("nan")}).to_json()


def test_places_of_all_kinds_name_a_set(davis):
    folder = davis.folder
    for place in (folder, f"{folder}/", f"{folder}/davis-train", index_path(folder, "davis-train")):
        assert open_set(place).index == davis.index


def test_a_relative_place_works(davis, monkeypatch):
    monkeypatch.chdir(davis.folder)
    for place in (".", "davis-train", "davis-train.index.json"):
        assert open_set(place).place("x.tar") == "./x.tar"


def test_a_folder_with_several_sets_opens_all_of_them_in_order(davis):
    make_set(davis.folder, [[frame(0)]], name="coco-train")
    assert [row.index.name for row in open_sets(davis.folder)] == ["coco-train", "davis-train"]


def test_one_set_of_several_must_be_named(davis):
    make_set(davis.folder, [[frame(0)]], name="coco-train")
    message = r"holds 2 sets \(coco-train, davis-train\).*name one, such as .*/coco-train"
    with pytest.raises(ShardError, match=message):
        open_set(davis.folder)


def test_a_set_opens_from_a_url(davis, memory):
    copy_files(davis.folder, memory)
    assert find_indexes(memory) == [f"{memory}/davis-train.index.json"]
    assert open_set(f"{memory}/davis-train").index == davis.index


def test_a_set_opens_over_http_from_a_folder_listing_and_by_name(davis, serve):
    url = serve(davis.folder)
    assert open_set(url).index == davis.index
    assert open_set(f"{url}/davis-train").folder == url


def test_an_empty_folder_says_what_to_run(tmp_path):
    with pytest.raises(ShardError, match=r"no shards here .*'vsda prepare <dataset> --out .*'"):
        find_indexes(str(tmp_path))


def test_a_missing_index_file_is_an_error(tmp_path):
    with pytest.raises(ShardError, match="no shards here"):
        load_index(f"{tmp_path}/davis-train.index.json")


def test_a_mistyped_set_is_proposed(davis):
    with pytest.raises(ShardError, match=r"no such set\. Did you mean 'davis-train'\?"):
        open_set(f"{davis.folder}/davis-trian")


def test_tars_without_an_index_are_an_unfinished_set(davis, tmp_path):
    (tmp_path / "davis-train.index.json").unlink()
    with pytest.raises(ShardError, match=r"there are tars but no index .* was not finished"):
        open_set(davis.folder)


def test_a_single_tar_is_no_set(davis):
    with pytest.raises(ShardError, match="is one tar; name the folder of its index"):
        open_set(f"{davis.folder}/davis-train-000000.tar")


def test_a_damaged_index_is_named(davis, tmp_path):
    (tmp_path / "davis-train.index.json").write_text("{")
    with pytest.raises(ShardError, match=r"davis-train\.index\.json: not a shard index"):
        open_set(davis.folder)


def test_a_renamed_index_is_refused(davis, tmp_path):
    (tmp_path / "davis-train.index.json").rename(tmp_path / "other.index.json")
    with pytest.raises(ShardError, match=r"must be called davis-train\.index\.json"):
        open_set(davis.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "train\n    path: /etc/passwd"}, "split: 'train"),
        ({"dataset": "a/b"}, "dataset: 'a/b' is no such name"),
    ],
)
def test_a_dataset_or_split_that_is_no_name_is_refused(davis, changes, message):
    data = dataclasses.replace(davis.index, **changes).to_json()
    with pytest.raises(ShardError, match=message):
        ShardIndex.from_json(data)


def test_more_pixels_than_pictures_can_have_are_refused(davis):
    first, *others = davis.index.shards
    first = dataclasses.replace(first, class_pixels={1: 10**15})
    data = dataclasses.replace(davis.index, shards=(first, *others)).to_json()
    with pytest.raises(ShardError, match=r"shards\.0\.class_pixels\.1: 10{15} of the class 1"):
        ShardIndex.from_json(data)
