"""Batches: shared out among devices, cut into pieces, put into pinned memory."""

import pytest
import torch

from tests.training.small import small_recipe
from vsda.errors import RecipeError
from vsda.stream.damage import Damage
from vsda.stream.domains import Batch, Part, check_batches

ADVERSARIAL = {"adversarial": {"loss": "domain"}}


def batch():
    """Return a batch of 4 images, 8 clips without labels and 2 with some."""
    pictures = torch.arange(8 * 2 * 3 * 4 * 4, dtype=torch.int32).view(8, 2, 3, 4, 4)
    return Batch(
        images=Part(pictures[:4, :1], pictures[:4, :1, 0]),
        videos=Part(pictures),
        labelled_videos=Part(pictures[:2], pictures[:2, :, 0]),
        damaged=(Damage("made/stills/00001", "is cut"),),
    )


class TestPieces:
    def test_pieces_have_equal_parts_of_each_kind_in_order(self):
        whole = batch()
        pieces = whole.pieces(2)
        assert [len(piece.images.pictures) for piece in pieces] == [2, 2]
        assert [len(piece.videos.pictures) for piece in pieces] == [4, 4]
        assert [len(piece.labelled_videos.masks) for piece in pieces] == [1, 1]
        for name in ("images", "videos", "labelled_videos"):
            parts = [getattr(piece, name) for piece in pieces]
            whole_part = getattr(whole, name)
            assert torch.equal(torch.cat([part.pictures for part in parts]), whole_part.pictures)
            if whole_part.masks is not None:
                assert torch.equal(torch.cat([part.masks for part in parts]), whole_part.masks)

    def test_pieces_share_the_memory_of_the_batch(self):
        whole = batch()
        whole.pieces(2)[1].videos.pictures.fill_(7)
        assert (whole.videos.pictures[4:] == 7).all()
        assert not (whole.videos.pictures[:4] == 7).all()

    def test_what_the_batch_lacks_its_pieces_lack(self):
        for piece in Batch(images=batch().images).pieces(4):
            assert piece.videos is piece.labelled_videos is None
            assert len(piece.images.pictures) == 1

    def test_damage_is_told_once(self):
        first, second = batch().pieces(2)
        assert first.damaged == batch().damaged
        assert second.damaged == ()

    def test_one_piece_is_the_whole_batch(self):
        (piece,) = batch().pieces(1)
        assert torch.equal(piece.videos.pictures, batch().videos.pictures)

    def test_parts_that_cannot_be_cut_equally_are_refused(self):
        with pytest.raises(ValueError, match="4 samples cannot be cut into 3 equal pieces"):
            batch().pieces(3)


class TestShares:
    def test_batches_that_devices_and_pieces_share_equally_pass(self):
        check_batches(small_recipe(batch_images=8, batch_videos=4, accumulate=2, **ADVERSARIAL), 2)

    def test_a_batch_that_is_no_multiple_is_refused(self):
        recipe = small_recipe(batch_images=8, batch_videos=3, **ADVERSARIAL)
        with pytest.raises(RecipeError) as caught:
            check_batches(recipe, 2)
        assert str(caught.value) == (
            "batch_videos: 3 samples over all devices cannot be shared by 2 devices with 1 pieces "
            "each (accumulate); expected a multiple of 2 from 2 on, such as 2 or 4"
        )

    def test_pieces_count_as_devices_do(self):
        recipe = small_recipe(batch_images=12, accumulate=4)
        with pytest.raises(RecipeError, match="a multiple of 8 from 16 on, such as 16"):
            check_batches(recipe, 2)

    def test_a_piece_has_at_least_two_labelled_pictures(self):
        with pytest.raises(RecipeError, match=r"batch_images: 4 .* a multiple of 4 from 8 on"):
            check_batches(small_recipe(batch_images=4), 4)

    def test_a_piece_of_images_without_labels_may_be_a_single_one(self):
        recipe = small_recipe(
            batch_images=2,
            batch_videos=2,
            batch_labelled_videos=4,
            image_labels=False,
            labelled_videos=("some",),
            **ADVERSARIAL,
        )
        check_batches(recipe, 2)

    def test_streams_that_the_run_does_not_have_are_not_asked(self):
        check_batches(small_recipe(batch_images=4, batch_videos=3, batch_labelled_videos=3), 2)

    def test_labelled_videos_are_asked(self):
        recipe = small_recipe(batch_labelled_videos=3, labelled_videos=("some",))
        with pytest.raises(RecipeError, match="batch_labelled_videos: 3"):
            check_batches(recipe, 2)


def test_a_batch_stays_where_it_is_without_a_device_to_copy_it_to():
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    whole = batch()
    assert whole.pin() is whole


@pytest.mark.gpu
def test_a_batch_goes_to_pinned_memory_as_a_whole():
    pinned = batch().pin()
    assert pinned.images.pictures.is_pinned()
    assert pinned.images.masks.is_pinned()
    assert pinned.videos.pictures.is_pinned()
    assert pinned.damaged == batch().damaged
