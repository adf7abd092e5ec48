"""A SHA-256 that is known in full, at both ends, or at its beginning alone."""

import re

from vsda.errors import ManifestError

ELLIPSIS = "..."
"""Stands in a digest for the digits that nobody has published."""

_RULE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{4,}\.\.\.[0-9a-f]{4,}|[0-9a-f]{8,}\.\.\.")


def known_sha256(cell: str) -> str | None:
    """Return the digest that a table's `cell` holds, None for the dash.

    Raises:
        ManifestError: Not 64 hexadecimal digits, and not a beginning with `...` that leaves eight
            digits or more to compare, such as `e3d0b5b7...a492` or `586e9e4e...`.
    """
    if cell == "-":
        return None
    if not _RULE.fullmatch(cell):
        raise ManifestError(
            "sha256 must be its hexadecimal digits or '-', with '...' for those in the middle or "
            f"at the end that are not known, got {cell!r}"
        )
    return cell


def digest_fits(digest: str, expected: str) -> bool:
    """Return whether `digest` is the expected one, or has the digits of one known in part."""
    start, ellipsis, end = expected.partition(ELLIPSIS)
    if not ellipsis:
        return digest == expected
    return digest.startswith(start) and digest.endswith(end)
