"""What became of each name when a file was loaded into a network."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsReport:
    """What became of each name when a file was loaded into a network."""

    layout: str
    """What the file was recognised as."""
    loaded: tuple[str, ...]
    """The network's names that now hold the file's values."""
    skipped: Mapping[str, str]
    """The file's names that were left out -> why."""
    missing: Mapping[str, str]
    """The network's names that keep the values they had -> why."""
    notes: tuple[str, ...] = ()
    """What else to know before numbers of the file's origin are compared."""

    def summary(self) -> str:
        """Return one line for a log: how many were loaded, how many were not, and why."""
        parts = [f"{len(self.loaded)} loaded"]
        for verb, names in (("skipped", self.skipped), ("missing", self.missing)):
            parts += [f"{count} {verb} ({why})" for why, count in Counter(names.values()).items()]
        return ", ".join(parts)
