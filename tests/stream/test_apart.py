"""Streams that read the same set do not read it in the same order."""

import torch

from tests.made_sets import make_videos
from tests.training.small import small_recipe
from vsda.shards.read import RandomAccessShards
from vsda.stream.domains import DomainSets, Place, stream_domains
from vsda.stream.loader import Joined
from vsda.taxonomy import class_set


def test_labelled_videos_have_an_order_of_their_own(tmp_path):
    shards = Joined([RandomAccessShards(make_videos(tmp_path, 12))])
    recipe = small_recipe(batch_videos=4, batch_labelled_videos=4, steps=3)
    sets = DomainSets(images=shards, videos=shards, labelled_videos=shards)
    for batch in stream_domains(recipe, class_set("person,dog"), sets, Place()):
        parts = [batch.images, batch.videos, batch.labelled_videos]
        for one, other in zip(parts, [*parts[1:], parts[0]], strict=True):
            assert not torch.equal(one.pictures, other.pictures)
