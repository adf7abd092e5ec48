"""What is known of a file before it comes, and whether the file that came is that one."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vsda.manifests.digests import digest_fits

_SNIFFED_BYTES = 512
_PAGE_STARTS = (b"<!doctype html", b"<html")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """What a file must be like; None where that is not known.

    Attributes:
        size_bytes: Its size.
        sha256: Its SHA-256 in hexadecimal; one that is known in part has `...` for the rest, as in
            `e3d0b5b7...a492` or `586e9e4e...`.
        md5: Its MD5 in hexadecimal, for files whose authors publish no other digest.
        look: Returns how a file differs from one of its kind, None if it does not; for files of
            which nothing else is known.
    """

    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    look: Callable[[Path], str | None] | None = None

    def fault(self, path: Path) -> str | None:
        """Return how the file at `path` differs, None if it is as it must be."""
        sha256 = file_digest(path, "sha256") if self.sha256 is not None else None
        fault = self.fault_of(path.stat().st_size, sha256)
        if fault is None and self.md5 is not None and self.md5 != file_digest(path, "md5"):
            return f"its md5 is {file_digest(path, 'md5')}, expected {self.md5}"
        if fault is None and self.look is not None:
            return self.look(path)
        return fault

    def fault_of(self, size_bytes: int, sha256: str | None) -> str | None:
        """Return how a file of this size and digest differs, None if it is as it must be."""
        if self.size_bytes is not None and size_bytes != self.size_bytes:
            return f"it has {size_bytes} bytes, expected {self.size_bytes}"
        if self.sha256 is not None and sha256 is not None and not digest_fits(sha256, self.sha256):
            return f"its sha256 is {sha256}, expected {self.sha256}"
        return None


def file_digest(path: Path, name: str) -> str:
    """Return the digest `name` (`sha256`, `md5`) of the file at `path`, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False))
    return digest.hexdigest()


def is_page(path: Path) -> bool:
    """Return whether the file at `path` starts as a web page does."""
    with path.open("rb") as file:
        start = file.read(_SNIFFED_BYTES)
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGE_STARTS)
