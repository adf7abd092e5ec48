"""Somebody's table of classes: what it says of masks, and every way in which it is wrong."""

import hashlib

import numpy as np
import pytest

from tests.datasets.folder.world import colours_png, listing_of, rows, samples_of
from tests.fake_worlds import jpeg, mask_png, values, write
from vsda.errors import ItemError, ManifestError, Outcome, UsageError
from vsda.manifests import table_sha256


@pytest.fixture
def root(tmp_path):
    """Two frames of a sequence and a still image, with masks of the values 0, 1 and 2."""
    for name in ("s/1", "s/2", "still"):
        write(tmp_path / "images" / f"{name}.jpg", jpeg())
        write(tmp_path / "masks" / f"{name}.png", mask_png(values(0, 1, 2)))
    return tmp_path


def table(root, text, name="classes.csv"):
    return write(root / name, text.encode())


def ids(sample):
    return np.unique(sample.seg).tolist()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "value,class\n1,person\n2,dog\n"),
        ("a.CSV", "\ufeffvalue,class\r\n1,person\r\n2,dog\r\n"),
        ("a.tsv", "name\tclass\tvalue\nrex\tdog\t2\nme\tperson\t1\n"),
        ("a.csv", 'class,value,name\n"person","1","a, b"\n\ndog , 2,\n'),
    ],
)
def test_a_table_with_commas_or_tabs_gives_values_classes(root, name, text):
    samples = samples_of(root, class_map=table(root, text, name))
    assert {key: ids(sample) for key, sample in samples.items()} == {
        "mine/still": [0, 1, 18],
        "mine/s/1": [0, 1, 18],
        "mine/s/2": [0, 1, 18],
    }
    assert samples["mine/s/1"].facts.classes == (1, 18)
    assert samples["mine/s/1"].inst is None


def test_background_ignore_and_what_coco_lacks(root):
    text = "value,class\n0,ignore\n1,background\n2,-\n"
    samples = samples_of(root, class_map=table(root, text + "3,dog\n"), outside="ignore")
    assert ids(samples["mine/s/1"]) == [0, 255]
    assert "mine/still" not in samples  # it holds no chosen class


def test_rows_of_a_sequence_come_before_those_of_all_and_make_values_objects(root):
    text = "sequence,value,class\n*,1,dog\n,2,cat\ns,1,person\n"
    samples = samples_of(root, class_map=table(root, text))
    assert (ids(samples["mine/s/1"]), ids(samples["mine/still"])) == ([0, 1, 17], [0, 17, 18])
    assert np.unique(samples["mine/s/1"].inst).tolist() == [0, 1, 2]


def test_sequences_are_named_as_folders_or_as_in_keys(tmp_path):
    write(tmp_path / "images/a b/c/1.jpg", jpeg())
    write(tmp_path / "masks/a b/c/1.png", mask_png(values(0, 1)))
    for name in ("a b/c", "a-b/c", "/a b/c/"):
        text = f"sequence,value,class\n{name},1,dog\n"
        assert ids(samples_of(tmp_path, class_map=table(tmp_path, text))["mine/a-b/c/1"]) == [0, 18]


def test_a_sequence_that_the_table_lacks_fails_whole_and_names_the_way_out(root):
    text = "sequence,value,class\nother,1,dog\n"
    listing = listing_of(root, class_map=table(root, text))
    assert listing.units == ()
    assert rows(listing) == [("mine", "unknown-id", 1), ("mine/s", "unknown-id", 2)]
    assert listing.failures[1].message == (
        "sequence 's': the class map classes.csv has no row for it, nor one whose sequence is *, "
        "so none of its 2 images is written; add rows, or use --remap none"
    )
    note = "the class map has rows for sequences that are not here: other"
    assert note in listing.notes


def test_a_sequence_without_a_chosen_class_is_left_out_and_named(root):
    text = "sequence,value,class\n*,1,dog\n*,2,dog\ns,1,cat\ns,2,cat\n"
    listing = listing_of(root, class_map=table(root, text), classes="dog")
    assert [unit.sequence for unit in listing.units] == [None]
    assert listing.num_left_out == 2
    assert "left out, no object of a chosen class: s" in listing.notes


def test_a_value_that_the_table_lacks_is_an_error_of_its_item(root):
    with pytest.raises(ItemError, match=r"masks/still.png: mask holds values \[2\] that its class"):
        samples_of(root, class_map=table(root, "value,class\n1,dog\n"))


def test_the_words_coco_and_voc_are_tables(root):
    assert ids(samples_of(root, class_map="coco")["mine/s/1"]) == [0, 1, 2]
    assert ids(samples_of(root, class_map="voc")["mine/s/1"]) == [0, 2, 5]  # airplane, bicycle
    assert listing_of(root, class_map="voc").settings == {
        "class_map": "voc",
        "table_sha256": table_sha256("voc", "classes"),
    }


def test_the_index_records_name_and_hash_of_the_table(root):
    text = "value,class\n1,dog\n2,dog\n"
    assert listing_of(root, class_map=table(root, text)).settings == {
        "class_map": "classes.csv",
        "class_map_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def test_colours_are_looked_up_one_by_one(tmp_path):
    write(tmp_path / "images/1.jpg", jpeg(3, 2))
    write(
        tmp_path / "masks/1.png",
        colours_png([["000000", "ff8000", "ff8001"], ["00ff00", "00ff00", "000000"]]),
    )
    text = "value,class\n#000000,background\n#FF8000,dog\n#ff8001,ignore\n#00ff00,person\n"
    sample = samples_of(tmp_path, class_map=table(tmp_path, text))["mine/1"]
    assert sample.seg.tolist() == [[0, 18, 255], [1, 1, 0]]
    assert sample.inst is None


def test_a_colour_that_the_table_lacks_is_an_error_that_shows_it(tmp_path):
    write(tmp_path / "images/1.jpg", jpeg(3, 1))
    write(tmp_path / "masks/1.png", colours_png([["000000", "800000", "ff8002"]]))
    text = "value,class\n#000000,background\n#ff8000,dog\n"
    with pytest.raises(ItemError, match="has 2 colours that its class table lacks, such as #8000"):
        samples_of(tmp_path, class_map=table(tmp_path, text))


def test_masks_without_a_class_map_are_an_error_with_the_three_ways_out(root):
    with pytest.raises(UsageError) as caught:
        listing_of(root)
    for way in ("--class-map FILE.csv", "--class-map coco or voc", "--remap none"):
        assert way in str(caught.value)


def test_remap_none_keeps_the_values(root):
    sample = samples_of(root, remap="none")["mine/still"]
    assert (sample.seg, sample.facts.labelled) == (None, False)
    assert np.unique(sample.inst).tolist() == [0, 1, 2]


def test_a_class_map_that_nothing_needs_is_refused(root, tmp_path):
    with pytest.raises(UsageError, match="--class-map coco: --remap none leaves masks as they are"):
        listing_of(root, remap="none", class_map="coco")
    write(tmp_path / "bare/1.jpg", jpeg())
    with pytest.raises(UsageError, match="--class-map coco: there are no masks; leave it out"):
        listing_of(tmp_path / "bare", class_map="coco")


HEAD = "value,class\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "1,dog\n1,cat\n", "classes.csv:3: the value 1 comes twice"),
        (HEAD + "256,dog\n", "classes.csv:2: expected a value from 0 to 255 or a colour such"),
        (HEAD + "-1,dog\n", "classes.csv:2: expected a value from 0 to 255"),
        (HEAD + "٣,dog\n", "classes.csv:2: expected a value from 0 to 255"),
        (HEAD + "#12345,dog\n", "classes.csv:2: expected a value"),
        (HEAD + "1,Dog\n", "classes.csv:2: 'Dog' is neither .* Did you mean 'dog'"),
        (HEAD + "1,dog,x\n", "classes.csv:2: expected 2 cells, got 3"),
        (HEAD + "1\n", "classes.csv:2: expected 2 cells, got 1"),
        (HEAD + '1,"dog\n', "classes.csv:2: unexpected end of data"),
        (HEAD + "1,dog\n#ff0000,dog\n", "has both numbers and colours as values"),
        (HEAD, "classes.csv: the table has no rows"),
        ("", r"classes.csv:1: expected columns called value, class .* got \[\]"),
        ("value;class\n1;dog\n", "with commas between them; got .*value;class"),
        ("value,class,class\n1,dog,dog\n", "classes.csv:1: expected columns"),
    ],
)
def test_a_wrong_table_is_told_with_file_and_line(root, text, message):
    with pytest.raises(ManifestError, match=message):
        listing_of(root, class_map=table(root, text))


def test_what_is_no_table_is_told(root):
    with pytest.raises(ManifestError, match=r"nowhere\.csv: no such table"):
        listing_of(root, class_map=root / "nowhere.csv")
    with pytest.raises(ManifestError, match=r"expected a table called .csv or .tsv, or one of the"):
        listing_of(root, class_map="cooc")
    write(root / "latin.csv", b"value,class,name\n1,dog,caf\xe9\n")
    with pytest.raises(ManifestError, match=r"latin\.csv: .*save the table as text in UTF-8"):
        listing_of(root, class_map=root / "latin.csv")
    write(root / "huge.csv", bytes((1 << 24) + 1))
    with pytest.raises(ManifestError, match="more than 16777216 bytes"):
        listing_of(root, class_map=root / "huge.csv")


def test_an_unknown_value_has_its_outcome(root):
    with pytest.raises(ItemError) as caught:
        samples_of(root, class_map=table(root, HEAD + "1,dog\n"))
    assert caught.value.outcome == Outcome.UNKNOWN_ID
