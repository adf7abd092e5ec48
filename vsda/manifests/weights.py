"""Network weights that have a name: where they come from and who can take them."""

from dataclasses import dataclass
from functools import cache

from vsda.errors import ManifestError
from vsda.manifests.digests import known_sha256
from vsda.manifests.table import known_or_none, manifest_path, read_table, unique

_COLUMNS = (
    "name",
    "networks",
    "layout",
    "file",
    "url",
    "bytes",
    "sha256",
    "trained_on",
    "figure",
)


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """One file of weights; its size and digest are None where unknown.

    Attributes:
        name: What a recipe calls it.
        networks: Names of the networks that can take it.
        layout: Whose names its tensors have.
        file: Its name on this machine and on a mirror.
        url: Where it comes from.
        size_bytes: Its size.
        sha256: Its SHA-256; `...` stands for digits that are not known, as in `586e9e4e...`.
        trained_on: The data, in the order of training.
        figure: Its score, as published.
    """

    name: str
    networks: tuple[str, ...]
    layout: str
    file: str
    url: str
    size_bytes: int | None
    sha256: str | None
    trained_on: str
    figure: str | None


@cache
def weights_sources() -> dict[str, WeightsSource]:
    """Return the weights that have a name, by it."""
    rows = read_table(manifest_path("weights", "sources"), _COLUMNS, _source)
    keys = (lambda row: (row.name,), lambda row: (row.file,), lambda row: (row.url,))
    return {row.name: row for row in unique(rows, "weights/sources.tsv", *keys)}


def _source(cells: list[str]) -> WeightsSource:
    name, networks, layout, file, url, size, sha256, trained_on, figure = cells
    if size != "-" and int(size) <= 0:
        raise ManifestError(f"bytes must be positive or '-', got {size!r}")
    return WeightsSource(
        name=name,
        networks=tuple(networks.split(",")),
        layout=layout,
        file=file,
        url=url,
        size_bytes=None if size == "-" else int(size),
        sha256=known_sha256(sha256),
        trained_on=trained_on,
        figure=known_or_none(figure),
    )
