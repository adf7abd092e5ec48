"""What can be wrong with an archive that has come."""

from vsda.errors import FetchError


class DamagedArchiveError(FetchError):
    """An archive is cut, has wrong bytes, or is no archive at all."""


class HostileArchiveError(FetchError):
    """An archive holds something that no dataset needs: links, paths that lead out, a bomb."""
