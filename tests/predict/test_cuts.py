"""Videos that are cut while they come are cut as `evaluate` cuts them."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from vsda.predict.cuts import Cut, cut_stream
from vsda.predict.frame import Ending, Frame, Video
from vsda.stream.clips import ClipShape, cut_sequence

SQUEEZED = torch.zeros(3, 2, 2, dtype=torch.uint8)


def events(name, length, *, is_still=False):
    video = Video(
        name=name, source=name, time_base=Fraction(1), rate_fps=Fraction(1), is_still=is_still
    )
    frames = [
        Frame(
            video=video,
            place=place,
            name=str(place),
            image_id=place,
            picture=np.zeros((2, 2, 3), np.uint8),
            size_px=(2, 2),
            squeezed=SQUEEZED,
            start=place,
            duration=1,
        )
        for place in range(length)
    ]
    return [*frames, Ending(video)]


def places(cuts):
    """Return for each cut the places of its frames, and of those that are kept."""
    return [
        ([frame.place for frame in cut.frames], [cut.frames[place].place for place in cut.kept])
        for cut in cuts
        if isinstance(cut, Cut)
    ]


@pytest.mark.parametrize("shape", [ClipShape(frames=4), ClipShape(frames=3, stride=2)])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 17, 24])
def test_clips_are_those_of_the_whole_sequence(shape, length):
    expected = [
        (list(clip), list(own)) for clip, own in cut_sequence(range(length), shape) if len(own)
    ]
    assert places(cut_stream(events("a", length), shape)) == expected


def test_endings_stay_behind_the_frames_of_their_video():
    shape = ClipShape(frames=4)
    found = list(cut_stream([*events("a", 5), *events("b", 1)], shape))
    kinds = ["end" if isinstance(one, Ending) else one.frames[0].video.name for one in found]
    assert kinds == ["a", "a", "end", "b", "end"]


def test_still_pictures_are_clips_of_one_frame():
    found = cut_stream(events("a", 3, is_still=True), ClipShape(frames=4))
    assert places(found) == [([0], [0]), ([1], [1]), ([2], [2])]


def test_only_two_stretches_of_a_long_video_are_kept():
    alive = set()

    def stream():
        for event in events("a", 100):
            if isinstance(event, Frame):
                alive.add(event.place)
            yield event

    for cut in cut_stream(stream(), ClipShape(frames=4, stride=2)):
        if isinstance(cut, Cut):
            assert max(alive) - cut.frames[0].place < 16
