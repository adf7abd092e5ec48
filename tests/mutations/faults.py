"""The list of faults."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FAULTS = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One change that makes the program wrong.

    Attributes:
        name: What is wrong then.
        file: Where, below the project's folder.
        find: The sound text; stands there once.
        plant: What takes its place.
        tests: Files of the tests that must notice.
    """

    name: str
    file: str
    find: str
    plant: str
    tests: tuple[str, ...]

    def planted(self, sound: str) -> str:
        """Return the text with the fault; ValueError unless it fits exactly once."""
        if sound.count(self.find) != 1:
            raise ValueError(f"{self.name}: {sound.count(self.find)} places in {self.file}, not 1")
        return sound.replace(self.find, self.plant)


def read_faults() -> list[Fault]:
    """Return all faults."""
    rows = tomllib.loads(FAULTS.read_text())["fault"]
    return [Fault(**row | {"tests": tuple(row["tests"])}) for row in rows]
