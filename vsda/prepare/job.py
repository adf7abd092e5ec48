"""A set to write: its settings and its shard tasks, found without opening an image."""

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vsda.datasets import get_dataset
from vsda.datasets.listing import Dataset, Listing, Request, Source
from vsda.datasets.same_keys import refuse_same_keys
from vsda.prepare.options import BYTES_PER_MB, PrepareOptions, requests
from vsda.prepare.task import ShardTask, assign
from vsda.storage import Place, join, to_place

TABLE, NAME = "class_map", "name"
"""Own options of datasets of which the content of a file and the name of the set decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetJob:
    """One set and all that decides its bytes.

    Attributes:
        name: Such as `davis-train`.
        dataset: Name in `DATASETS`.
        out: Folder of the finished set, or its URL.
        listing: The files it is made from.
        settings: What the index records; equal settings give equal bytes.
        command: The command that makes the set, without places and workers.
        tasks: One per shard.
    """

    name: str
    dataset: str
    out: Place
    listing: Listing
    settings: dict[str, Any]
    command: str
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
    return [_job(chosen, request, options) for request in requests(chosen, options)]


def staging_folder(out: Place, name: str) -> str:
    """Return the hidden folder beside a set where its shards are made."""
    return join(out, f".{name}.part")


def _job(dataset: Dataset, request: Request, options: PrepareOptions) -> SetJob:
    listing = refuse_same_keys(dataset.list_split(request))
    source = Source(
        dataset=listing.dataset, split=listing.split, root=listing.root, options=request.options
    )
    name = f"{listing.dataset}-{listing.split}"
    settings = {
        **request.rules.settings(),
        **_own_settings(dataset, request),
        **listing.settings,
        "shard_mb": options.shard_mb,
        "listing_sha256": listing.digest(),
    }
    out = to_place(options.out)
    folder = staging_folder(out, name)
    return SetJob(
        name=name,
        dataset=dataset.name,
        out=out,
        listing=listing,
        settings=json.loads(json.dumps(settings)),  # as they come back from an index
        command=_command(dataset, request, options),
        tasks=tuple(assign(listing, dataset.name, source, folder, options.shard_mb * BYTES_PER_MB)),
    )


def _own_settings(dataset: Dataset, request: Request) -> dict[str, Any]:
    """Return what the dataset's own options say other than usual; paths are as below the root.

    Of a table there is the name of its file; the dataset adds its hash.
    """
    usual = asdict(dataset.options())
    stated = {
        name: _text(request.root, name, value) if isinstance(value, Path) else value
        for name, value in asdict(request.options).items()
        if name != NAME and value != usual[name]
    }
    return {"options": stated} if stated else {}


def _text(root: Path, name: str, path: Path) -> str:
    if name == TABLE:
        return path.name
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _command(dataset: Dataset, request: Request, options: PrepareOptions) -> str:
    """Return the command line of one set; of a file among its options the name alone."""
    default = PrepareOptions(root=options.root, out=options.out, own=dataset.options())
    shown: dict[str, Any] = {"split": request.split, "remap": options.remap}
    stated = asdict(options) | asdict(request.options)
    usual = asdict(default) | asdict(dataset.options())
    names = ("classes", "outside", "shard_mb", *asdict(request.options))
    shown |= {name: stated[name] for name in names if stated[name] != usual[name]}
    words = ["vsda", "prepare", dataset.name]
    for name, value in shown.items():
        text = value.name if isinstance(value, Path) else str(value)
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
    return shlex.join(words)
