"""Which videos a run is about, and which shard each belongs to; found without a request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vsda.acquire.layout import Layout
from vsda.acquire.options import AcquireOptions, decisive_settings
from vsda.datasets.youtube_bb.annotations import Annotations, read_annotations
from vsda.taxonomy import ytbb_class_set


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquirePlan:
    """A set that is to be made.

    Shard `k` has the videos `k * n` to `(k + 1) * n - 1` of an order that only the seed and the ids
    decide, whichever of them can be had: so a video that comes back changes one shard, and a larger
    `limit` goes on where a smaller one ended.

    Attributes:
        annotations: The rows.
        youtube_ids: All videos of the set, in order.
        settings: What the index records.
        layout: Where things lie.
        videos_per_shard: Videos of one tar.
        limit: As in `--limit`.
        task: `(i, n)` where a run is about every n-th shard only.
    """

    annotations: Annotations
    youtube_ids: tuple[str, ...]
    settings: Mapping[str, Any]
    layout: Layout
    videos_per_shard: int
    limit: int | None
    task: tuple[int, int] | None

    @property
    def num_shards(self) -> int:
        """The number of shards of the whole set."""
        return -(-len(self.youtube_ids) // self.videos_per_shard)

    def shard_numbers(self) -> range:
        """Return the shards that this run is about."""
        first, step = self.task or (0, 1)
        return range(first, self.num_shards, step)

    def shard_ids(self, number: int) -> tuple[str, ...]:
        """Return the videos of a shard, in order."""
        start = number * self.videos_per_shard
        return self.youtube_ids[start : start + self.videos_per_shard]

    def videos(self) -> Iterator[tuple[int, str]]:
        """Yield shard number and id of each video that this run is about, in order."""
        for number in self.shard_numbers():
            for youtube_id in self.shard_ids(number):
                yield number, youtube_id


def make_plan(options: AcquireOptions) -> AcquirePlan:
    """Read the annotations and return what is to be made.

    Raises:
        DatasetError: The annotations are not there, or not what they should be.
        UnknownNameError: A class that YouTube-BoundingBoxes lacks.
    """
    content = options.content
    classes = ytbb_class_set(content.classes)
    annotations = read_annotations(options.annotations, classes)
    return AcquirePlan(
        annotations=annotations,
        youtube_ids=tuple(annotations.choose(options.limit, content.seed)),
        settings=decisive_settings(content, classes.names, annotations.sha256),
        layout=Layout(options.out, options.split),
        videos_per_shard=content.videos_per_shard,
        limit=options.limit,
        task=options.task,
    )
