import io
import tarfile
from pathlib import Path

import pytest

from tests.fake_worlds import DavisTree, mask_png, small_coco, small_davis, values, write
from vsda.datasets.coco import dataset as coco
from vsda.datasets.davis import dataset as davis
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Item, Listing, Request, Source, Unit
from vsda.errors import Outcome, ShardError
from vsda.prepare.task import TaskResult, assign, run_task


def unit(name, *sizes):
    items = tuple(
        Item(
            key=f"made/{name}/{index}",
            frame=str(index),
            frame_index=index,
            image=f"{index}.jpg",
            mask=f"{index}.png",
            image_bytes=size,
            mask_bytes=1,
        )
        for index, size in enumerate(sizes)
    )
    return Unit(sequence=name, items=items, table=None)


def groups(tmp_path, units, shard_bytes):
    listing = Listing(dataset="davis", split="train", root=tmp_path, units=tuple(units))
    source = Source(dataset="davis", split="train", root=tmp_path)
    tasks = assign(listing, "davis", source, str(tmp_path), shard_bytes)
    return [[one.sequence for one in task.units] for task in tasks]


def tasks_of(dataset, root, folder, **rules):
    rules = label_rules(**{"remap": "coco", "classes": None, "outside": "background"} | rules)
    request = Request(root=root, split="train", rules=rules, options=dataset.DATASET.options())
    listing = dataset.list_split(request)
    source = Source(
        dataset=listing.dataset, split=listing.split, root=listing.root, options=request.options
    )
    folder.mkdir()
    return assign(listing, listing.dataset, source, str(folder), 10**9)


def members(task):
    with tarfile.open(task.tar) as tar:
        return tar.getnames()


def test_units_fill_shards_in_order_and_are_never_cut(tmp_path):
    units = [unit("a", 30, 9), unit("b", 19), unit("c", 39), unit("d", 99, 99), unit("e", 1)]
    assert groups(tmp_path, units, 61) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert groups(tmp_path, units, 60) == [["a"], ["b", "c"], ["d"], ["e"]]


def test_no_units_make_no_tasks(tmp_path):
    assert groups(tmp_path, [], 10) == []


def test_a_task_writes_a_tar_of_folders_of_frames(tmp_path):
    tree = small_davis(tmp_path / "davis")
    (task,) = tasks_of(davis, tree.root, tmp_path / "out")
    result = run_task(task)
    assert result.outcomes == {Outcome.OK: 5}
    assert result.shard.nsamples == 5
    assert [name for name in members(task) if name.endswith("jpg")] == [
        "davis/bmx-bumps/00000.jpg",
        "davis/bmx-bumps/00001.jpg",
        "davis/lucia/00000.jpg",
        "davis/lucia/00001.jpg",
        "davis/lucia/00002.jpg",
    ]
    assert members(task)[:4] == [
        f"davis/bmx-bumps/00000.{field}" for field in ("inst.png", "jpg", "json", "seg.png")
    ]


def test_a_broken_frame_is_counted_and_the_others_are_written(tmp_path):
    tree = small_davis(tmp_path / "davis")
    write(tree.image("lucia", 1), b"broken")
    write(tree.mask("bmx-bumps", 0), mask_png(values(0, 9)))
    (task,) = tasks_of(davis, tree.root, tmp_path / "out")
    result = run_task(task)
    assert result.outcomes == {Outcome.OK: 3, Outcome.UNKNOWN_ID: 1, Outcome.UNREADABLE: 1}
    assert [(row.key, row.outcome) for row in result.failures] == [
        ("davis/bmx-bumps/00000", Outcome.UNKNOWN_ID),
        ("davis/lucia/00001", Outcome.UNREADABLE),
    ]
    assert result.shard.nsamples == 3


def test_what_is_left_out_is_counted_and_no_failure(tmp_path):
    (task,) = tasks_of(coco, small_coco(tmp_path / "coco"), tmp_path / "out")
    result = run_task(task)
    assert result.outcomes == {Outcome.OK: 1, Outcome.LEFT_OUT: 2}
    assert result.failures == ()


def test_a_task_with_nothing_to_write_makes_no_tar(tmp_path):
    root = small_coco(tmp_path / "coco")
    (task,) = tasks_of(coco, root, tmp_path / "out", classes="elephant")
    result = run_task(task)
    assert result.shard is None
    assert not Path(task.tar).exists()
    assert Path(task.result).exists()


def test_a_result_comes_back_from_its_file_as_it_was(tmp_path):
    tree = small_davis(tmp_path / "davis")
    write(tree.image("lucia", 1), b"broken")
    (task,) = tasks_of(davis, tree.root, tmp_path / "out")
    result = run_task(task)
    assert TaskResult.from_json(Path(task.result).read_bytes()) == result


def test_a_disk_that_takes_nothing_is_told_with_the_task(tmp_path):
    tree = DavisTree(tmp_path / "davis").add("lucia").list("train", ["lucia"])
    (task,) = tasks_of(davis, tree.root, tmp_path / "out")
    (tmp_path / "out").rmdir()
    write(tmp_path / "out", b"a file in the way")
    with pytest.raises(
        ShardError, match=r"cannot write davis-train, shard task 0: .*kept, so mend"
    ):
        run_task(task)


def test_a_tar_holds_the_original_bytes_of_the_jpeg(tmp_path):
    tree = small_davis(tmp_path / "davis")
    (task,) = tasks_of(davis, tree.root, tmp_path / "out")
    run_task(task)
    with tarfile.open(fileobj=io.BytesIO(Path(task.tar).read_bytes())) as tar:
        stored = tar.extractfile("davis/lucia/00002.jpg").read()
    assert stored == tree.image("lucia", 2).read_bytes()
