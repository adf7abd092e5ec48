"""The frames alone of sequences that a list of the user's names."""

import shutil

import pytest

from tests.fake_worlds import small_davis
from vsda.datasets.davis import dataset as davis
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.errors import DatasetError, Outcome
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import load_index, open_set
from vsda.shards.read import RandomAccessShards


def request(root, **more):
    rules = label_rules("coco", None, "background")
    return Request(root=root, split="unlabelled", rules=rules, options=davis.DavisOptions(**more))


@pytest.fixture
def tree(tmp_path):
    """A DAVIS whose list names a sequence of each split; camel holds no shared class."""
    return small_davis(tmp_path / "davis").list("unlabelled", ["lucia", "camel"])


def prepared(tree, out, **more):
    options = PrepareOptions(root=tree.root, out=out, split="unlabelled", num_workers=1, **more)
    (report,) = prepare("davis", options)
    return report


def test_the_listed_sequences_are_whole_whatever_their_classes_and_masks(tree):
    shutil.rmtree(tree.masks / "lucia")
    tree.mask("camel").write_bytes(b"no mask")
    listing = davis.list_split(request(tree.root))
    assert [(unit.sequence, len(unit.items)) for unit in listing.units] == [
        ("camel", 2),
        ("lucia", 3),
    ]
    assert listing.failures == ()
    assert {item.mask for unit in listing.units for item in unit.items} == {None}
    assert "--class-map mean nothing here" in listing.notes[0]


def test_a_frame_has_its_own_bytes_and_no_labels(tree):
    listing = davis.list_split(request(tree.root))
    unit = listing.units[1]
    source = Source(
        dataset="davis", split="unlabelled", root=listing.root, options=davis.DavisOptions()
    )
    (sample,) = davis.read(source, unit, unit.items[2])
    assert sample.jpg == tree.image("lucia", 2).read_bytes()
    assert (sample.seg, sample.inst, sample.facts.labelled) == (None, None, False)
    assert (sample.key, sample.facts.sequence) == ("davis/lucia/00002", "lucia")
    assert (sample.facts.split, sample.facts.frame_index) == ("unlabelled", 2)


def test_no_folder_of_masks_is_needed(tree, tmp_path):
    shutil.rmtree(tree.root / "Annotations")
    assert prepared(tree, tmp_path / "out").num_failed == 0
    shards = RandomAccessShards(open_set(str(tmp_path / "out" / "davis-unlabelled")))
    assert len(shards) == 5
    settings = load_index(str(tmp_path / "out" / "davis-unlabelled.index.json")).settings
    assert (settings["remap"], settings["classes"], settings["resolution"]) == (
        "none",
        None,
        "480p",
    )


def test_labels_that_were_asked_for_change_nothing(tree, tmp_path):
    prepared(tree, tmp_path, classes="dog")
    again = prepared(tree, tmp_path, classes="person", outside="ignore")
    assert again.num_failed == 0  # and no complaint about other settings


def test_it_is_not_among_all_splits(tree):
    assert davis.DATASET.splits == ("train", "val")


def test_without_a_list_nothing_is_guessed(tmp_path):
    tree = small_davis(tmp_path)
    with pytest.raises(DatasetError, match=r"unlabelled.txt: no such list; write into it the name"):
        davis.list_split(request(tree.root))


def test_a_sequence_without_frames_is_told(tree):
    tree.list("unlabelled", ["lucia", "ghost"])
    listing = davis.list_split(request(tree.root))
    assert [(row.key, row.outcome) for row in listing.failures] == [
        ("davis/ghost", Outcome.MISSING)
    ]
    assert listing.failures[0].message == (
        "JPEGImages/480p/ghost: no files of a sequence that the list names"
    )
