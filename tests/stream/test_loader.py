"""Sets behind a DataLoader."""

import threading

import pytest
import torch

from tests.made_sets import make_images, make_videos
from tests.stream.made_clips import frames, joined, opened, stills
from tests.troubled import short_pauses, troubled  # noqa: F401  fixtures
from vsda.errors import ShardError
from vsda.shards.index import open_set
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import ClipShape
from vsda.stream.loader import Joined, StepDraws, stream_batches
from vsda.stream.order import StreamOrder
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import Augmentation
from vsda.taxonomy import class_set

ONE, FOUR = ClipShape(frames=1), ClipShape(frames=4)


def keys(clip):
    return [frame.key for frame in clip]


def test_joined_sets_are_read_in_order(tmp_path):
    first = RandomAccessShards(make_images(tmp_path / "a", 3))
    second = RandomAccessShards(make_videos(tmp_path / "b", 2))
    both = Joined([first, second])
    assert len(both) == 5
    expected = [entry.key for shards in (first, second) for entry in shards.entries]
    assert [keys(both.read(position, ONE, ("jpg",))) for position in range(5)] == [
        [key] for key in expected
    ]
    assert both.read(3, ONE, ("jpg",))[0].fields == second.read(0, ("jpg",))


def test_clips_of_joined_sets_lie_in_their_own_set(tmp_path):
    both = Joined(
        [
            opened(tmp_path, frames("bear", 5), name="a"),
            opened(tmp_path, stills(1), frames("cows", 4), name="b"),
        ]
    )
    assert keys(both.read(4, FOUR, ("jpg",))) == [f"made/bear/{n:05d}" for n in (1, 2, 3, 4)]
    assert keys(both.read(5, FOUR, ("jpg",))) == ["made/stills/00000"]
    assert keys(both.read(7, FOUR, ("jpg",))) == [f"made/cows/{n:05d}" for n in (0, 1, 2, 3)]


def test_a_clip_has_the_optional_fields_of_the_frames_that_have_them(tmp_path):
    shards = joined(tmp_path, frames("bear", 4, labelled={1}))
    clip = shards.read(0, FOUR, ("jpg",), optional=("seg.png",))
    assert [sorted(frame.fields) for frame in clip] == [
        ["jpg"],
        ["jpg", "seg.png"],
        ["jpg"],
        ["jpg"],
    ]


def test_labelled_positions_of_joined_sets_count_all_of_them(tmp_path):
    both = Joined(
        [
            opened(tmp_path, frames("bear", 4, labelled={1, 3}), name="a"),
            opened(tmp_path, frames("cows", 3, labelled={0}), name="b"),
        ]
    )
    assert both.labelled_positions() == [1, 3, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_picture_is_named_wherever_it_is_decoded(tmp_path, workers):
    shards = joined(tmp_path, [*frames("bear", 3)])
    tar = tmp_path / "clips-000000.tar"
    data = tar.read_bytes()
    start = data.index(b"\xff\xd8", data.index(b"00001.jpg"))
    tar.write_bytes(data[:start] + bytes(200) + data[start + 200 :])
    look = Look(size_px=16, augmentation=Augmentation(), seed=(0, 0), clip=ClipShape(frames=3))
    order = StreamOrder(length=3, batch_size=2, seed=0, stream=0)
    with pytest.raises(ShardError, match=r"made/bear/00001: an image .* cannot be decoded.*verify"):
        list(stream_batches(Samples(shards, look), StepDraws(order, 0, 2), workers))


def test_the_samples_of_a_step_are_asked_of_a_server_together(
    tmp_path,
    troubled,  # noqa: F811
    short_pauses,  # noqa: F811
):
    here = joined(tmp_path, *([one] for one in stills(6)))
    server = troubled(tmp_path)
    there = Joined([RandomAccessShards(open_set(f"{server.url}/clips"))])
    look = Look(size_px=16, augmentation=Augmentation(), seed=(0, 0))
    order = StreamOrder(length=6, batch_size=6, seed=0, stream=0)
    near, far = (Samples(sets, look, class_set("person,dog")) for sets in (here, there))
    # No request is answered before all six have come.
    server.hits = lambda method, path: path.endswith(".tar") and method == "GET"
    server.meeting = threading.Barrier(6, timeout=20)
    (found, _), (expected, _) = (each.__getitems__(order.batch(0)) for each in (far, near))
    assert all(map(torch.equal, found, expected))
