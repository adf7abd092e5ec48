"""What a user asks of `prepare`, as one value."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from vsda.datasets.labels import REMAP_COCO, label_rules
from vsda.datasets.listing import ANY_SPLIT, Dataset, Request
from vsda.engine.local import num_cpus
from vsda.engine.run import KINDS, Kind
from vsda.errors import UnknownNameError, UsageError
from vsda.manifests import BACKGROUND_CLASS
from vsda.storage import Place, local_path

ALL_SPLITS = "all"
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareOptions:
    """Which files become which shards.

    Attributes:
        root: Folder of the dataset.
        out: Folder or fsspec URL that gets the shards.
        split: A split, or `all` for one set for each of the dataset's usual ones.
        remap: `coco` writes `seg.png` in COCO ids; `none` writes the dataset's own mask values as
            `inst.png` and no `seg.png`.
        classes: See `taxonomy.class_set`; None stands for `shared`, or all with `remap` none.
        outside: What objects of other classes become: `background` or `ignore`.
        shard_mb: Files of about this many millions of bytes go into one shard.
        num_workers: Tasks at a time; None for one per CPU core. It does not change what is written.
        engine: `local` for processes of this machine, `ray` for a cluster.
        address: Of the Ray cluster; see `vsda.engine.ray.RayEngine`.
        overwrite: Replace a set that was made with other settings.
        own: What only this dataset can be asked, an instance of its `Dataset.options`; None for
            the defaults.
    """

    root: Path
    out: Place
    split: str = ALL_SPLITS
    remap: str = REMAP_COCO
    classes: str | None = None
    outside: str = BACKGROUND_CLASS
    shard_mb: int = 256
    num_workers: int | None = None
    engine: Kind = "local"
    address: str | None = None
    overwrite: bool = False
    own: Any = None


def worker_count(options: PrepareOptions) -> int:
    """Return how many processes work."""
    return num_cpus() if options.num_workers is None else options.num_workers


def requests(dataset: Dataset, options: PrepareOptions) -> list[Request]:
    """Return what to ask of `dataset`, one request per split.

    Raises:
        UsageError: A value that an option does not take, or values that contradict each other.
        UnknownNameError: A word that an option does not know.
    """
    _check(options)
    own = _own(dataset, options.own)
    rules = label_rules(options.remap, options.classes, options.outside, dataset.shared_with)
    return [
        Request(root=options.root, split=split, rules=rules, options=own)
        for split in _splits(dataset, options.split)
    ]


def _splits(dataset: Dataset, split: str) -> tuple[str, ...]:
    if split == ALL_SPLITS:
        return dataset.splits
    known = (*dataset.splits, *dataset.other_splits)
    if split not in known and ANY_SPLIT not in known:
        raise UnknownNameError("--split", split, [ALL_SPLITS, *known])
    return (split,)


def _own(dataset: Dataset, own: Any) -> Any:
    """Return the dataset's own options; a word that one of them does not take is an error."""
    if own is None:
        return dataset.options()
    if not isinstance(own, dataset.options):
        raise UsageError(
            f"the options of {dataset.name} are a {dataset.options.__name__}, got {own!r}"
        )
    for name, hint in get_type_hints(dataset.options).items():
        value = getattr(own, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise UnknownNameError(f"--{name.replace('_', '-')}", str(value), get_args(hint))
    return own


def _check(options: PrepareOptions) -> None:
    if options.shard_mb < 1:
        raise UsageError(f"--shard-mb must be at least 1, got {options.shard_mb}")
    if options.num_workers is not None and options.num_workers < 1:
        raise UsageError(f"--workers must be at least 1, got {options.num_workers}")
    if options.engine not in KINDS:
        raise UnknownNameError("--engine", options.engine, KINDS)
    if options.address is not None and options.engine != "ray":
        raise UsageError(f"--address {options.address}: is for --engine ray")
    _check_out(options.out)


def _check_out(out: Place) -> None:
    if re.match(r"[a-z0-9+.-]{2,}:/(?!/)", str(out)):
        raise UsageError(f"--out {out}: neither a folder nor a URL such as s3://BUCKET/FOLDER")
    path = local_path(out)
    if path is not None and path.exists() and not path.is_dir():
        raise UsageError(f"--out {out}: a file is in the way; give a folder")
