"""What is found in somebody's folder: names, order, kinds, and what is said of the rest."""

import os

import pytest
from PIL import Image

from tests.datasets.folder.world import listing_of, picture, rows, sequences
from tests.fake_worlds import jpeg, mask_png, values, write
from vsda.datasets.folder import dataset as folder
from vsda.errors import DatasetError, Outcome, UsageError


def add(root, *names, data=None):
    for name in names:
        write(root / name, jpeg() if data is None else data)
    return root


def add_masks(root, *names, ids=(0, 1)):
    return add(root, *names, data=mask_png(values(*ids)))


def test_folders_are_sequences_in_the_order_of_their_numbers_and_files_are_still_images(tmp_path):
    add(tmp_path, "images/b/frame_10.jpg", "images/b/frame_2.jpg", "images/b/frame_1.JPG")
    add(tmp_path, "images/x.jpeg", "images/a/deep er/1.jpg")
    listing = listing_of(tmp_path)
    assert sequences(listing) == {
        None: ["x"],
        "a/deep-er": ["1"],
        "b": ["frame_1", "frame_2", "frame_10"],
    }
    assert [unit.items[0].key for unit in listing.units] == [
        "mine/x",
        "mine/a/deep-er/1",
        "mine/b/frame_1",
    ]
    assert [item.frame_index for item in listing.units[2].items] == [0, 1, 2]
    assert listing.notes == ("5 of 5 images have no mask and are not labelled",)


def test_still_makes_every_image_one_by_itself(tmp_path):
    add(tmp_path, "images/b/2.jpg", "images/a/1.jpg")
    units = listing_of(tmp_path, still=True).units
    assert [(unit.sequence, unit.items[0].key, unit.items[0].frame) for unit in units] == [
        (None, "mine/a/1", "a__1"),
        (None, "mine/b/2", "b__2"),
    ]


def test_images_in_the_root_are_found_without_the_masks_and_videos_beside_them(tmp_path):
    add(tmp_path, "one/1.jpg")
    add_masks(tmp_path, "masks/one/1.png")
    add(tmp_path, "videos/clip.mp4")
    listing = listing_of(tmp_path, remap="none")
    assert sequences(listing) == {"one": ["1"], "clip": [""]}
    assert listing.units[0].items[0].mask == "masks/one/1.png"
    assert listing.units[1].items[0].image == "videos/clip.mp4"
    assert "1 images and 1 videos, all of them are written" in listing.notes[0]


def test_images_alone_or_videos_alone_can_be_asked_for(tmp_path):
    add(tmp_path, "one/1.jpg", "clip.mp4")
    assert list(sequences(listing_of(tmp_path))) == ["one", "clip"]
    assert list(sequences(listing_of(tmp_path, images="."))) == ["one"]
    assert list(sequences(listing_of(tmp_path, videos="."))) == ["clip"]


def test_a_video_beside_a_folder_called_images_is_not_meant(tmp_path):
    add(tmp_path, "images/1.jpg", "preview.mp4")
    assert list(sequences(listing_of(tmp_path))) == [None]


def test_folders_elsewhere_are_given_by_their_absolute_path(tmp_path):
    add(tmp_path, "pictures/s/1.jpg")
    add_masks(tmp_path, "labels/s/1.PNG")
    (tmp_path / "root").mkdir()
    listing = listing_of(
        tmp_path / "root", remap="none", images=tmp_path / "pictures", masks=tmp_path / "labels"
    )
    item = listing.units[0].items[0]
    assert (item.image, item.mask) == ("../pictures/s/1.jpg", "../labels/s/1.PNG")
    assert (listing.root / item.image).is_file()


def test_the_digest_does_not_depend_on_where_the_folder_lies(tmp_path):
    digests = {
        listing_of(add(tmp_path / place / "x", "images/s/1.jpg", "images/s/2.jpg")).digest()
        for place in ("here", "there/and/there")
    }
    assert len(digests) == 1


def test_what_systems_leave_behind_is_passed_over(tmp_path):
    add(tmp_path, "images/1.jpg", "images/._1.jpg", "images/.hidden/2.jpg")
    add(tmp_path, "images/Thumbs.db", "images/.DS_Store", "images/__MACOSX/1.jpg")
    listing = listing_of(tmp_path)
    assert sequences(listing) == {None: ["1"]}
    assert len(listing.notes) == 1


def test_files_of_other_kinds_are_counted(tmp_path):
    add(tmp_path, "images/1.jpg", "images/a.txt", "images/b.TXT", "images/LICENSE", "images/c.csv")
    assert listing_of(tmp_path).notes[-1] == (
        "files passed over: 2 .txt, 1 without an ending, 1 .csv"
    )


def test_pictures_that_become_jpegs_are_counted(tmp_path):
    add(tmp_path, "images/1.jpg", "images/2.png", "images/3.bmp", "images/4.PNG")
    assert listing_of(tmp_path).notes[1] == (
        "3 images are no JPEGs (2 .png, 1 .bmp) and are encoded as JPEGs of quality 95"
    )


def test_jpegs_that_their_exif_data_turns_are_told(tmp_path):
    add(tmp_path, "images/1.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    add(tmp_path, "images/2.jpg", data=picture("JPEG", exif=exif))
    assert "1 of the first 2 JPEGs have Exif data that turns them" in listing_of(tmp_path).notes[1]


def test_an_order_that_names_leave_open_is_told(tmp_path):
    add(tmp_path, "images/equal/f_1.jpg", "images/equal/f_01.jpg")
    add(tmp_path, "images/mixed/left1.jpg", "images/mixed/right0.jpg")
    add(tmp_path, "images/sure/f_9.jpg", "images/sure/f_10.jpg")
    equal, mixed = listing_of(tmp_path).notes[1:]
    assert equal == "frames with equal numbers, such as 1 and 01, are in no sure order: equal"
    assert mixed.endswith("are in the order of their names: mixed")


def test_folders_called_like_splits_are_told_with_the_command(tmp_path):
    add(tmp_path, "images/train/a/1.jpg", "images/val/a/1.jpg")
    add_masks(tmp_path, "masks/val/a/1.png")
    note = next(note for note in listing_of(tmp_path, remap="none").notes if "splits" in note)
    assert note.endswith("--split train --images images/train --masks masks/train")


def test_one_folder_called_train_may_show_one(tmp_path):
    add(tmp_path, "images/train/1.jpg", "images/bus/1.jpg")
    assert not any("splits" in note for note in listing_of(tmp_path).notes)


def test_images_without_a_mask_are_not_labelled_and_masks_without_an_image_fail(tmp_path):
    add(tmp_path, "images/s/1.jpg", "images/s/2.jpg")
    add_masks(tmp_path, "masks/s/1.png", "masks/s/7.png")
    listing = listing_of(tmp_path, class_map="coco")
    assert [item.mask for item in listing.units[0].items] == ["masks/s/1.png", None]
    assert rows(listing) == [("mine/s/7", "missing", 1)]
    assert listing.failures[0].message == "masks/s/7.png: there is a mask but no image"
    assert listing.notes[0] == "1 of 2 images have no mask and are not labelled"


def test_masks_of_which_none_has_an_image_are_another_layout(tmp_path):
    add(tmp_path, "images/s/1.jpg")
    add_masks(tmp_path, "masks/s/1_mask.png")
    with pytest.raises(DatasetError, match=r"none of 1 masks belongs to an image: masks/s/1_mask"):
        listing_of(tmp_path, class_map="coco")


def test_two_masks_of_one_image_are_told(tmp_path):
    add(tmp_path, "images/s/1.jpg")
    add_masks(tmp_path, "masks/s/1.png", "masks/s/1.PNG")
    assert rows(listing_of(tmp_path, class_map="coco")) == [("mine/s/1", "same-key", 1)]


def test_sequences_whose_names_become_equal_fail_whole(tmp_path):
    add(tmp_path, "images/a b/1.jpg", "images/a b/2.jpg", "images/a-b/3.jpg", "videos/a.b.mp4")
    listing = listing_of(tmp_path)
    assert listing.units == ()
    assert sorted(rows(listing)) == [
        ("mine/a-b", "same-key", 1),
        ("mine/a-b/1", "same-key", 2),
        ("mine/a-b/3", "same-key", 1),
    ]
    assert listing.failures[0].message == (
        "images/a b: as a sequence it is called a-b, as is images/a-b, videos/a.b.mp4; rename one"
    )


def test_two_videos_that_differ_in_their_ending_alone_fail(tmp_path):
    add(tmp_path, "a.mp4", "a.mov")
    assert rows(listing_of(tmp_path)) == [("mine/a", "same-key", 1)] * 2


def test_links_are_followed_once_and_loops_end(tmp_path):
    add(tmp_path, "images/real/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "images/again").symlink_to(tmp_path / "images/real")
    (tmp_path / "images/real/up").symlink_to(tmp_path / "images")
    (tmp_path / "images/far").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images/real/3.jpg").symlink_to(tmp_path / "elsewhere/2.jpg")
    (tmp_path / "images/itself").symlink_to(tmp_path / "images/itself")
    listing = listing_of(tmp_path)
    assert sequences(listing) == {"real": ["1", "3"], "far": ["2"]}
    assert listing.notes[-1].endswith("passed over: images/again, images/real/up")


def test_a_link_that_leads_nowhere_is_an_item_that_fails_alone(tmp_path):
    add(tmp_path, "images/1.jpg")
    (tmp_path / "images/2.jpg").symlink_to(tmp_path / "nowhere")
    assert len(listing_of(tmp_path).units) == 2


def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    add(tmp_path, "images/1.jpg")
    handle, name = os.open(tmp_path / "images", os.O_RDONLY), "x" * 250
    for _ in range(18):  # longer than any path that can be opened
        os.mkdir(name, dir_fd=handle)
        inner = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    listing = listing_of(tmp_path)
    assert sequences(listing) == {None: ["1"]}
    assert [row.outcome for row in listing.failures] == [Outcome.UNREADABLE]
    assert "a folder that cannot be read: File name too long" in listing.failures[0].message


def test_names_of_any_letters_and_bytes_become_keys(tmp_path):
    add(tmp_path, "images/日本/二.jpg", "images/é è/1 .jpg")
    write(tmp_path / "images" / os.fsdecode(b"bad\xff.jpg"), jpeg())
    listing = listing_of(tmp_path)
    keys = [item.key for unit in listing.units for item in unit.items]
    assert keys == ["mine/bad-", "mine/---/1-", "mine/--/-"]
    assert listing.units[0].items[0].frame == "bad-"
    listing.digest()


def test_an_empty_folder_says_what_was_looked_for_and_found(tmp_path):
    add(tmp_path, "a.txt", "s/b.txt", "s/c.xcf")
    with pytest.raises(DatasetError) as caught:
        listing_of(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: no images (.bmp .gif .jfif")
    assert "found 2 .txt, 1 .xcf; give their folders as --images and --videos" in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DatasetError, match="no such folder; give the one of your files as --root"):
        listing_of(tmp_path / "x")
    with pytest.raises(DatasetError, match="x: no such folder; a relative path starts at --root"):
        listing_of(tmp_path, images="x")


def test_masks_of_videos_are_refused_with_the_way_out(tmp_path):
    add(tmp_path, "clip.mp4")
    add_masks(tmp_path, "masks/clip/1.png")
    for more in ({}, {"videos": ".", "masks": "masks"}):
        with pytest.raises(UsageError, match="masks of videos are not supported: save the videos'"):
            listing_of(tmp_path, remap="none", **more)


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "-x", "é", "x" * 101])
def test_a_name_that_no_set_can_have_is_refused(tmp_path, name):
    add(tmp_path, "1.jpg")
    with pytest.raises(UsageError, match="is no name for a set: expected letters, digits"):
        listing_of(tmp_path, name=name)


def test_a_name_of_a_known_dataset_is_refused_given_or_not(tmp_path):
    add(tmp_path / "davis", "1.jpg")
    with pytest.raises(UsageError, match="'coco' is the name of a dataset that vsda knows"):
        listing_of(tmp_path / "davis", name="coco")
    with pytest.raises(DatasetError, match=r"'davis' is the name of .*give the set a --name"):
        listing_of(tmp_path / "davis", name=None)


def test_the_name_is_that_of_the_folder_made_legal(tmp_path):
    assert listing_of(add(tmp_path / "my films", "1.jpg"), name=None).dataset == "my-films"


@pytest.mark.parametrize("split", ["a-b", "a.b", "", "é", "../x"])
def test_a_split_is_letters_digits_and_underscores(tmp_path, split):
    add(tmp_path, "1.jpg")
    with pytest.raises(UsageError, match="expected letters, digits and _, such as train"):
        listing_of(tmp_path, split=split)


def test_settings_of_videos_are_recorded_only_with_videos(tmp_path):
    assert listing_of(add(tmp_path / "i", "1.jpg")).settings == {}
    listing = listing_of(add(tmp_path / "v", "1.mp4"), fps="60/2", licence="CC BY 4.0")
    assert listing.settings == {
        "fps": "30",
        "short_side_px": None,
        "jpeg_quality": 95,
        "licence": "CC BY 4.0",
    }


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"fps": "10"}, "--fps 10"),
        ({"fps": "native", "short_side": 9}, "--fps native --short-side 9"),
        ({"short_side": 9}, "--short-side 9"),
    ],
)
def test_options_for_videos_are_refused_where_there_is_none(tmp_path, options, given):
    add(tmp_path, "1.jpg")
    with pytest.raises(UsageError) as caught:
        listing_of(tmp_path, **options)
    assert str(caught.value) == (
        f"{given}: for videos alone, and none was found in {tmp_path}; leave it out, or give the "
        "folder of the videos as --videos"
    )


def test_folder_is_a_dataset_whose_splits_have_any_name():
    assert folder.DATASET.splits == ("train",)
    assert folder.DATASET.other_splits == ("*",)
