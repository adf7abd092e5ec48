"""Where datasets come from: their archives, and what cards say of them."""

import re
from dataclasses import dataclass
from functools import cache

from vsda.errors import ManifestError
from vsda.manifests.digests import known_sha256
from vsda.manifests.table import known_or_none, manifest_path, read_table, unique

_MD5 = re.compile(r"[0-9a-f]{32}")
_SOURCE_COLUMNS = (
    "file",
    "url",
    "bytes",
    "sha256",
    "md5",
    "parts",
    "variant",
    "strip",
    "into",
    "default",
)


@dataclass(frozen=True, slots=True)
class Source:
    """One archive to download; digests and sizes are None where unknown.

    Attributes:
        file: Its name.
        url: Where it comes from.
        size_bytes: Its size.
        sha256: Its SHA-256; `...` stands for digits that are not known, as in `e3d0b5b7...a492`.
        md5: Its MD5.
        parts: What is inside, by the names that `--only` takes.
        variant: Such as a resolution; None where the dataset has no variants.
        strip: The folder of the archive whose content is wanted, None for all of it.
        into: Where that goes below the dataset's folder; None for a file that is not unpacked.
        is_default: Whether it comes if no part is named.
    """

    file: str
    url: str
    size_bytes: int | None
    sha256: str | None
    md5: str | None
    parts: tuple[str, ...]
    variant: str | None
    strip: str | None
    into: str | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class CardSource:
    """What the card beside a set says of the dataset that it was made from."""

    dataset: str
    title: str
    page: str
    licence: str
    cite: str


@cache
def sources(dataset: str) -> tuple[Source, ...]:
    """Return the archives of a dataset."""
    rows = read_table(manifest_path(dataset, "sources"), _SOURCE_COLUMNS, _source)
    return unique(rows, f"{dataset}/sources.tsv", lambda row: (row.file,), lambda row: (row.url,))


@cache
def card_sources() -> dict[str, CardSource]:
    """Return what cards say of the datasets, by their names."""
    columns = ("dataset", "title", "page", "licence", "cite")
    rows = read_table(manifest_path("cards", "sources"), columns, lambda cells: CardSource(*cells))
    return {
        row.dataset: row for row in unique(rows, "cards/sources.tsv", lambda row: (row.dataset,))
    }


def _source(cells: list[str]) -> Source:
    file, url, size, sha256, md5, parts, variant, strip, into, default = cells
    if md5 != "-" and not _MD5.fullmatch(md5):
        raise ManifestError(f"md5 must be its hexadecimal digits or '-', got {md5!r}")
    if size != "-" and int(size) <= 0:
        raise ManifestError(f"bytes must be positive or '-', got {size!r}")
    if default not in {"yes", "no"}:
        raise ManifestError(f"default must be 'yes' or 'no', got {default!r}")
    return Source(
        file=file,
        url=url,
        size_bytes=None if size == "-" else int(size),
        sha256=known_sha256(sha256),
        md5=known_or_none(md5),
        parts=tuple(parts.split(",")),
        variant=known_or_none(variant),
        strip=known_or_none(strip),
        into=known_or_none(into),
        is_default=default == "yes",
    )
