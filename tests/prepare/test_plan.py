import pytest

from tests.fake_worlds import mask_png, small_coco, small_davis, values, write
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.shards.index import SequenceInfo


@pytest.fixture
def davis(tmp_path):
    tree = small_davis(tmp_path / "davis")
    return tree, {"root": tree.root, "out": tmp_path / "out"}


def test_a_plan_writes_nothing(davis):
    _, options = davis
    plan("davis", PrepareOptions(**options))
    assert not options["out"].exists()


def test_a_plan_of_davis_tells_sequences_and_classes_from_the_table(davis):
    _, options = davis
    train, val = plan("davis", PrepareOptions(**options))
    assert train.sequences == (
        SequenceInfo(name="bmx-bumps", num_frames=2, classes=(1, 2)),
        SequenceInfo(name="lucia", num_frames=3, classes=(1,)),
    )
    assert train.class_frames == {"person": 5, "bicycle": 2}
    assert (train.num_samples, train.num_shards, train.outcomes) == (5, 1, {"ok": 5, "left-out": 2})
    assert val.class_frames == {"car": 2}


def test_a_plan_of_davis_opens_no_file(davis):
    tree, options = davis
    write(tree.image("lucia"), b"broken")
    write(tree.mask("lucia"), b"broken")
    assert plan("davis", PrepareOptions(**options))[0].num_samples == 5


def test_a_plan_of_davis_tells_what_is_missing(davis):
    tree, options = davis
    tree.mask("lucia").unlink()
    train, _ = plan("davis", PrepareOptions(**options))
    assert train.outcomes == {"left-out": 2, "missing": 1, "ok": 4}
    assert train.failures[0].key == "davis/lucia/00000"


def test_a_plan_without_remapping_keeps_all_and_has_no_classes(davis):
    _, options = davis
    train, _ = plan("davis", PrepareOptions(**options, remap="none"))
    assert (train.num_samples, train.class_frames) == (7, {})


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_plan_of_coco_looks_at_the_maps(tmp_path, num_workers):
    root = small_coco(tmp_path / "coco")
    write(root / "train2017" / "000000000009.jpg", b"not looked at")
    path = root / "stuffthingmaps" / "train2017" / "000000000009.png"
    write(path, mask_png(values(0, 200), "L"))
    options = PrepareOptions(root=root, out=tmp_path / "out", num_workers=num_workers)
    train, val = plan("coco", options)
    assert train.outcomes == {"left-out": 2, "ok": 1, "unknown-id": 1}
    assert train.class_frames == {"person": 1, "dog": 1}
    assert (train.sequences, train.num_shards) == ((), 1)
    assert val.num_samples == 1


def test_a_plan_has_the_settings_and_the_counts_of_the_set(tmp_path):
    from vsda.shards.index import load_index

    options = PrepareOptions(
        root=small_coco(tmp_path / "coco"), out=tmp_path / "out", num_workers=1, classes="dog"
    )
    for planned, report in zip(plan("coco", options), prepare("coco", options), strict=True):
        index = load_index(str(report.index))
        assert planned.settings == index.settings
        assert planned.outcomes == index.outcomes
        assert planned.num_shards == len(index.shards)
