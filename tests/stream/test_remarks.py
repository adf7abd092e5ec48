"""What is said of sets whose clips are not whole."""

import logging

import pytest

from tests.stream.made_clips import frames, joined, stills
from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import DomainSets, Place, stream_domains
from vsda.stream.loader import Joined
from vsda.taxonomy import class_set

CLIPS = {
    "network": {"name": "video_swin_upernet", "clip_frames": 4},
    "clip_stride": 2,
    "size_px": 32,
    "batch_videos": 2,
    "batch_labelled_videos": 2,
    "steps": 1,
    "workers": 0,
}


@pytest.fixture
def said(caplog):
    """Start the streams and return the levels and words of what is said."""

    def start(network=CLIPS["network"], **sets):
        recipe = TrainRecipe.model_validate(CLIPS | {"network": network})
        with caplog.at_level("INFO", "vsda.stream"):
            next(stream_domains(recipe, class_set("person,dog"), DomainSets(**sets), Place()))
        return [(each.levelno, each.getMessage()) for each in caplog.records]

    return start


def test_set_without_a_sequence_of_a_clips_length_is_warned_of(tmp_path, said):
    videos = joined(tmp_path, frames("bear", 6), frames("cows", 3))
    assert said(videos=videos) == [
        (
            logging.WARNING,
            f"{tmp_path}/clips: of its sequences none is as long as a clip, 7 frames; a clip of a "
            "short one repeats its last frame, without the labels",
        )
    ]


def test_sequences_that_are_too_short_are_counted(tmp_path, said):
    videos = joined(tmp_path, frames("bear", 7), frames("cows", 6), stills(1))
    ((level, message),) = said(videos=videos)
    assert level == logging.INFO
    assert "of its sequences 2 of 3 are not as long as a clip, 7 frames" in message


def test_set_of_two_streams_is_told_once(tmp_path, said):
    videos = joined(tmp_path, frames("bear", 6))
    assert len(said(videos=videos, labelled_videos=Joined(videos.sets))) == 1


def test_nothing_is_said_of_long_sequences_images_and_single_frames(tmp_path, said):
    long, images = joined(tmp_path, frames("bear", 7)), joined(tmp_path, stills(4), name="images")
    assert not said(videos=long, images=images)
    short = joined(tmp_path, frames("bear", 2), name="short")
    assert not said(network={"name": "swin_upernet"}, videos=short, images=images)
