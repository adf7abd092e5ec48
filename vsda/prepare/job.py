"""A set to write: its settings and its shard tasks, found without opening an image."""

import json
from dataclasses import dataclass
from typing import Any

from vsda.datasets import get_dataset
from vsda.datasets.listing import Listing, Request
from vsda.datasets.same_keys import refuse_same_keys
from vsda.prepare.options import BYTES_PER_MB, PrepareOptions, requests
from vsda.prepare.task import ShardTask, assign
from vsda.storage import Place, join, to_place


@dataclass(frozen=True, kw_only=True, slots=True)
class SetJob:
    """One set and all that decides its bytes.

    Attributes:
        name: Such as `davis-train`.
        out: Folder of the finished set, or its URL.
        listing: The files it is made from.
        settings: What the index records; equal settings give equal bytes.
        tasks: One per shard.
    """

    name: str
    out: Place
    listing: Listing
    settings: dict[str, Any]
    tasks: tuple[ShardTask, ...]

    @property
    def staging(self) -> str:
        """The hidden folder where the shards are made."""
        return staging_folder(self.out, self.name)

    @property
    def lock(self) -> str:
        """The file that keeps a second writer away."""
        return join(self.out, f".{self.name}.lock")

    @property
    def report(self) -> str:
        """The file with a row for every failure."""
        return join(self.out, f"{self.name}.report.jsonl")


def make_jobs(dataset: str, options: PrepareOptions) -> list[SetJob]:
    """Return the sets that `options` asks for, one per split.

    Raises:
        UsageError: Options that contradict each other.
        DatasetError: The dataset is not where it should be.
    """
    chosen = get_dataset(dataset)
    return [
        _job(refuse_same_keys(chosen.list_split(request)), request, options)
        for request in requests(chosen, options)
    ]


def staging_folder(out: Place, name: str) -> str:
    """Return the hidden folder beside a set where its shards are made."""
    return join(out, f".{name}.part")


def _job(listing: Listing, request: Request, options: PrepareOptions) -> SetJob:
    name = f"{listing.dataset}-{listing.split}"
    settings = {
        **request.rules.settings(),
        **listing.settings,
        "shard_mb": options.shard_mb,
        "listing_sha256": listing.digest(),
    }
    out = to_place(options.out)
    folder = staging_folder(out, name)
    return SetJob(
        name=name,
        out=out,
        listing=listing,
        settings=json.loads(json.dumps(settings)),  # as they come back from an index
        tasks=tuple(assign(listing, name, folder, options.shard_mb * BYTES_PER_MB)),
    )
