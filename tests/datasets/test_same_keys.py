import pytest

from tests.fake_worlds import coco_tree, small_davis, values
from vsda.datasets.coco import dataset as coco
from vsda.datasets.davis import dataset as davis
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request
from vsda.datasets.same_keys import refuse_same_keys
from vsda.errors import Outcome
from vsda.prepare import PrepareOptions, prepare

RULES = label_rules("none", None, "background")


def listed(dataset, root):
    return dataset.list_split(
        Request(root=root, split="train", rules=RULES, options=dataset.DATASET.options())
    )


@pytest.fixture
def root(tmp_path):
    names = ("a b", "a-b", "c")
    return coco_tree(tmp_path / "coco", {"train": {name: values(0) for name in names}})


def test_two_images_with_one_key_both_fail_and_each_names_the_other(root):
    listing = refuse_same_keys(listed(coco, root))
    assert [item.frame for unit in listing.units for item in unit.items] == ["c"]
    assert [(row.key, row.outcome, row.message) for row in listing.failures] == [
        (
            "coco/train2017/a-b",
            Outcome.SAME_KEY,
            f"train2017/{one}.jpg: its key coco/train2017/a-b is also that of "
            f"train2017/{other}.jpg; rename one",
        )
        for one, other in (("a b", "a-b"), ("a-b", "a b"))
    ]


def test_sequences_whose_names_become_one_key_fail_frame_by_frame(tmp_path):
    tree = small_davis(tmp_path / "davis").add("a b").add("a-b", num_frames=3)
    tree.list("train", ["a b", "a-b", "lucia"])
    listing = refuse_same_keys(listed(davis, tree.root))
    assert [(unit.sequence, len(unit.items)) for unit in listing.units] == [
        ("a-b", 1),
        ("lucia", 3),
    ]
    assert len(listing.failures) == 4


def test_a_listing_without_such_items_stays_as_it_is(tmp_path):
    listing = listed(davis, small_davis(tmp_path / "davis").root)
    assert refuse_same_keys(listing) is listing


def test_the_other_images_are_written(root, tmp_path):
    options = PrepareOptions(root=root, out=tmp_path / "out", split="train", num_workers=1)
    (report,) = prepare("coco", options)
    assert report.outcomes == {"ok": 1, "same-key": 2}
