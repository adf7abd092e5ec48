"""A file that is still coming: `<target>.part`, and beside it what it is a part of."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from vsda.storage import PART_SUFFIX, sync_dir, write_atomic


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a server said of the file when its first byte came.

    Attributes:
        url: What was asked for.
        etag: Its version, as the server names it.
        last_modified: Its date, as the server writes it.
        size_bytes: Its whole size; None where the server did not say.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    size_bytes: int | None = None

    @property
    def validator(self) -> str | None:
        """What `If-Range` may hold: a strong ETag, else the date, None if neither is there."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    @property
    def is_recognised(self) -> bool:
        """Whether a later run can tell that the server still has the same file."""
        return self.etag is not None or self.last_modified is not None

    def is_same(self, other: "Origin") -> bool:
        """Return whether nothing that both know of the file differs."""
        pairs = (
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
            (self.size_bytes, other.size_bytes),
        )
        return all(ours is None or theirs is None or ours == theirs for ours, theirs in pairs)


class PartFile:
    """The bytes that have come so far; they survive the end of the process at any moment.

    The origin is written before the first byte and the old bytes go before the new origin comes,
    so that bytes never lie beside the origin of others.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + PART_SUFFIX)
        self._origin_path = target.with_name(f"{target.name}{PART_SUFFIX}.json")

    @property
    def size_bytes(self) -> int:
        """How many bytes are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> Origin | None:
        """Return where the bytes come from, None where there are none, or nobody knows."""
        if not self.size_bytes:
            return None
        try:
            return Origin(**json.loads(self._origin_path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def start(self, origin: Origin) -> None:
        """Forget all bytes and begin with those of `origin`."""
        self.drop()
        write_atomic(self._origin_path, json.dumps(asdict(origin)).encode())
        self.path.touch()

    @contextmanager
    def append(self) -> Iterator[IO[bytes]]:
        """Yield the file, open at its end; what is written stays, however the block ends."""
        with self.path.open("ab") as file:
            yield file

    def drop(self) -> None:
        """Delete the bytes and their origin."""
        self.path.unlink(missing_ok=True)
        self._origin_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the bytes their final name."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        sync_dir(self.target.parent)
        self._origin_path.unlink(missing_ok=True)
