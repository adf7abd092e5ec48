"""Every oddity of the real samples of DAVIS, and what becomes of it."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.fake_worlds import DavisTree, jpeg, write
from vsda.datasets.davis import dataset as davis
from vsda.datasets.davis.layout import DavisOptions
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.errors import ItemError, Outcome

CHALLENGE_WIDTHS_PX = {"inflatable": 910, "selfie": 910, "vietnam": 910, "turtle": 902}


def samples(root, split="train", remap="coco", classes="all", **more):
    """Return by key the samples of a DAVIS folder, or the errors in their place."""
    rules = label_rules(remap, None if remap == "none" else classes, "background")
    asked = Request(root=root, split=split, rules=rules, options=DavisOptions(**more))
    listing = davis.list_split(asked)
    source = Source(dataset="davis", split=split, root=listing.root, options=asked.options)
    found = {}
    for unit in listing.units:
        for item in unit.items:
            try:
                (found[item.key],) = davis.read(source, unit, item)
            except ItemError as error:
                found[item.key] = error
    return found


def present(mask):
    return np.unique(mask).tolist()


@pytest.fixture
def oddities(real_samples):
    return real_samples / "davis_oddities"


@pytest.fixture
def tree(tmp_path):
    return DavisTree(tmp_path / "davis")


def put(tree, sequence, frame, mask, image=None):
    """Lay a mask, and its frame or one made in the usual size, into a tree; list the sequence."""
    write(tree.mask(sequence, frame), mask.read_bytes())
    write(tree.image(sequence, frame), image.read_bytes() if image else jpeg(854, 480))
    tree.list("train", [sequence])


def test_a_binary_mask_with_alpha_is_refused(oddities, tree):
    binary = oddities / "binary-masks"
    mask, image = binary / "Annotations/bear/00077.png", binary / "JPEGImages/bear/00077.jpg"
    put(tree, "bear", 77, mask, image)
    for remap in ("coco", "none"):
        error = samples(tree.root, remap=remap)["davis/bear/00077"]
        assert error.outcome == Outcome.BINARY_MASK
        assert "binary mask of DAVIS-2016 (mode LA, values [0, 255])" in str(error)


def test_a_grey_binary_mask_is_refused(oddities, tree):
    put(tree, "bmx-bumps", 61, oddities / "binary-masks/Annotations/bmx-bumps/00061.png")
    error = samples(tree.root)["davis/bmx-bumps/00061"]
    assert error.outcome == Outcome.BINARY_MASK
    assert "(mode L, values [0, 255])" in str(error)


def test_a_grey_mask_that_is_all_background_is_background(oddities, tree):
    """Nothing in it tells a mask of DAVIS-2016 from one of DAVIS-2017, and both mean the same."""
    put(tree, "bmx-bumps", 60, oddities / "binary-masks/Annotations/bmx-bumps/00060.png")
    sample = samples(tree.root)["davis/bmx-bumps/00060"]
    assert present(sample.seg) == present(sample.inst) == [0]
    assert (sample.facts.labelled, sample.facts.classes) == (True, ())


def test_a_mask_a_pixel_narrower_than_its_frame_is_refused(oddities, tree):
    odd = oddities / "one-pixel-off"
    put(tree, "judo", 5, odd / "judo_00005.png", odd / "judo_00005.jpg")
    error = samples(tree.root)["davis/judo/00005"]
    assert error.outcome == Outcome.SIZE_MISMATCH
    assert "the mask is 853x480 pixels, its frame 854x480" in str(error)


def test_void_stays_255_in_both_masks(oddities, tree):
    put(tree, "tennis", 0, oddities / "palette-masks/tennis_00000.png")
    sample = samples(tree.root)["davis/tennis/00000"]
    assert present(sample.inst) == [0, 1, 2, 255]
    assert present(sample.seg) == [0, 1, 43, 255]
    np.testing.assert_array_equal(sample.seg == 255, sample.inst == 255)
    assert sample.facts.classes == (1, 43)


def test_ids_of_a_palette_mask_are_its_indices_not_its_colours(oddities, tree):
    put(tree, "schoolgirls", 0, oddities / "palette-masks/test_files_00000.png")
    sample = samples(tree.root)["davis/schoolgirls/00000"]
    assert present(sample.inst) == [0, 1, 2, 3, 4]
    assert sample.facts.classes == (1, 27)  # person, backpack, person, backpack
    np.testing.assert_array_equal(sample.seg == 27, np.isin(sample.inst, (2, 4)))


def test_ids_that_a_sequence_does_not_have_are_refused(oddities, tree):
    put(tree, "blackswan", 0, oddities / "palette-masks/test_files_00000.png")
    error = samples(tree.root)["davis/blackswan/00000"]
    assert error.outcome == Outcome.UNKNOWN_ID
    assert "holds values [2, 3, 4]" in str(error)


@pytest.fixture
def challenge(oddities, tmp_path):
    """The first frames of test-challenge, laid out as `Annotations_unsupervised`."""
    source = oddities / "test-challenge-first-frames"
    root = tmp_path / "challenge"
    shutil.copytree(source / "JPEGImages", root / "JPEGImages")
    shutil.copytree(source / "Annotations/2017", root / "Annotations_unsupervised/480p")
    lists = source / "ImageSets/2017/class/test-challenge.txt"
    write(root / "ImageSets/2017/val.txt", lists.read_bytes())
    return root


def test_grey_masks_with_ids_and_frames_of_other_widths_are_read(challenge):
    found = samples(challenge, "val", remap="none", annotations="unsupervised")
    assert len(found) == 30
    widths = {key.split("/")[1]: sample.facts.width_px for key, sample in found.items()}
    assert {name: width for name, width in widths.items() if width != 854} == (
        CHALLENGE_WIDTHS_PX | {"tackle": 1301}
    )
    for key, sample in found.items():
        path = challenge / f"Annotations_unsupervised/480p/{key.removeprefix('davis/')}.png"
        image = Image.open(path)
        assert image.mode == "L"
        np.testing.assert_array_equal(sample.inst, np.asarray(image))
        assert not sample.facts.labelled
    assert present(found["davis/vietnam/00000"].inst) == [*range(8)]


def test_a_users_table_gives_the_challenges_objects_their_classes(challenge, tmp_path):
    rows = ["sequence\tobject_id\tcategory\tclass"]
    rows += [f"dog-control\t{number}\tx\t-" for number in (1, 3)]
    rows += ["dog-control\t2\tdog\tdog", "dog-control\t4\tp\tperson", "dog-control\t5\tp\tperson"]
    rows += [f"lions\t{number}\tlion\t-" for number in (1, 2, 3)]
    table = write(tmp_path / "my.tsv", "\n".join(rows).encode())
    found = samples(challenge, "val", annotations="unsupervised", class_map=table)
    assert found.keys() == {"davis/dog-control/00000"}
    sample = found["davis/dog-control/00000"]
    np.testing.assert_array_equal(sample.seg == 18, sample.inst == 2)
    np.testing.assert_array_equal(sample.seg == 1, sample.inst >= 4)


def test_a_real_semantics_mask_made_from_objects_gives_the_same_labels(real_samples, tmp_path):
    """Object ids of a real folder, rewritten as the package's categories, give the same seg."""
    root = tmp_path / "davis"
    shutil.copytree(real_samples / "davis", root)
    categories = {"car-turn": 12, "lucia": 48, "mallard-water": 6, "rollerblade": 48}
    for name, category in categories.items():
        for path in (root / "Annotations/480p" / name).glob("*.png"):
            ids = Image.open(path)
            mask = Image.fromarray(np.where(np.asarray(ids) == 1, category, 0).astype(np.uint8))
            mask = Image.frombytes("P", mask.size, mask.tobytes())
            mask.putpalette(ids.getpalette())
            target = root / "Annotations_semantics/480p" / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            mask.save(target)
    write(root / "ImageSets/2017/train.txt", "\n".join(categories).encode())
    by_objects = samples(root, classes="shared")
    by_categories = samples(root, classes="shared", annotations="semantics")
    assert by_objects.keys() == by_categories.keys()
    assert len(by_objects) == 107
    for key, sample in by_objects.items():
        np.testing.assert_array_equal(sample.seg, by_categories[key].seg)
        assert by_categories[key].inst is None
