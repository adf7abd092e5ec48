"""Items whose names become one and the same key, such as those of `a b.jpg` and `a-b.jpg`."""

from collections.abc import Mapping
from dataclasses import replace

from vsda.datasets.listing import Failure, Item, Listing
from vsda.errors import Outcome


def refuse_same_keys(listing: Listing) -> Listing:
    """Return `listing` with items that share a key moved to its failures, one row each."""
    items = [item for unit in listing.units for item in unit.items]
    by_key: dict[str, list[Item]] = {}
    for item in items:
        by_key.setdefault(item.key, []).append(item)
    same = {key: group for key, group in by_key.items() if len(group) > 1}
    if not same:
        return listing
    units = (
        replace(unit, items=tuple(item for item in unit.items if item.key not in same))
        for unit in listing.units
    )
    return replace(
        listing,
        units=tuple(unit for unit in units if unit.items),
        failures=(*listing.failures, *_failures(same)),
    )


def _failures(same: Mapping[str, list[Item]]) -> list[Failure]:
    return [
        Failure(
            key=key,
            outcome=Outcome.SAME_KEY,
            message=(
                f"{item.image}: its key {key} is also that of "
                f"{', '.join(other.image for other in group if other is not item)}; rename one"
            ),
        )
        for key, group in same.items()
        for item in group
    ]
