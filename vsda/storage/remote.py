"""What a remote file system raises, as one line that names the place and what to do.

Each of fsspec's file systems has its own errors; many are no OSError, and the packages that define
them need not be installed. So any error that a package brings counts as one of a file system, and
those of Python itself, such as a TypeError, as a mistake in the code.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsda.errors import VsdaError
from vsda.storage.places import Place

READ = "cannot be read"
WRITTEN = "cannot be written"
LISTED = "cannot be listed"
REMOVED = "cannot be removed"

_HOPELESS = (FileNotFoundError, PermissionError, ValueError, NotImplementedError)
_HOPELESS_ERRNO = {errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ENAMETOOLONG, errno.EMSGSIZE}
_BUSY_STATUS = {408, 425, 429}
"""Answers of an HTTP server below 500 that may be others soon."""
_OF_HTTP = {"ClientConnectionError", "ClientPayloadError", "ClientResponseError"}
"""The errors of the library that asks web servers; it need not be installed."""
_NO_RIGHTS = ("Credentials", "AuthenticationError", "RefreshError")


@contextmanager
def remote_errors(place: Place, failed: str) -> Iterator[None]:
    """Turn what fsspec raises in the block into a `VsdaError`; anything else passes.

    Args:
        place: What the block works on.
        failed: What the message says, such as `READ`.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, VsdaError) or not _is_remote(error):
            raise
        raise remote_error(place, failed, error) from error


def remote_error(place: Place, failed: str, error: BaseException) -> VsdaError:
    """Return the error that tells a user of `error`, raised by a file system."""
    error = _behind_absence(error)
    name = type(error).__name__
    is_absence = isinstance(error, FileNotFoundError) and error.errno is None
    message = f"not found: {error}" if is_absence else str(error) or name
    is_remote = not isinstance(place, Path) and "://" in place
    advice = _advice(error, failed) if is_remote else ""
    return VsdaError(f"{place}: {failed}: {message}{advice}")


def says_absent(error: BaseException | None) -> bool:
    """Return whether a server said that there is no such file, rather than nothing of use."""
    return isinstance(error, FileNotFoundError) and _behind_absence(error) is error


def may_pass(error: BaseException | None) -> bool:
    """Return whether what a file system raised may be over when it is asked again."""
    if error is None:
        return False
    error = _behind_absence(error)
    if _is_of_http(error):
        return _is_trouble(error)
    if isinstance(error, _HOPELESS) or _is_about_rights(error):
        return False
    return getattr(error, "errno", None) not in _HOPELESS_ERRNO


def _behind_absence(error: BaseException) -> BaseException:
    """Return why a server did not answer, where fsspec says "not found" of that; else `error`."""
    cause = error.__cause__
    if not isinstance(error, FileNotFoundError) or cause is None:
        return error
    return cause if _is_trouble(cause) else error


def _is_trouble(error: BaseException) -> bool:
    """Return whether a server cannot be reached, or says that it cannot answer now."""
    if isinstance(error, ValueError):  # its address or its certificate
        return False
    if _is_of_http(error):
        status = getattr(error, "status", None)
        return not isinstance(status, int) or status >= 500 or status in _BUSY_STATUS
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)


def _is_of_http(error: BaseException) -> bool:
    return any(kind.__name__ in _OF_HTTP for kind in type(error).__mro__)


def _is_remote(error: BaseException) -> bool:
    if isinstance(error, OSError | ValueError | NotImplementedError):
        return True
    return isinstance(error, Exception) and type(error).__module__ != "builtins"


def _advice(error: BaseException, failed: str) -> str:
    if isinstance(error, ValueError | NotImplementedError):
        return ""
    if isinstance(error, PermissionError) or _is_about_rights(error):
        return "; check your credentials (for s3 AWS_PROFILE or AWS_ACCESS_KEY_ID) and their rights"
    if isinstance(error, FileNotFoundError):
        return "; make the bucket first, or correct its name" if failed == WRITTEN else ""
    return "; check its address and the network, then run again"


def _is_about_rights(error: BaseException) -> bool:
    return any(word in type(error).__name__ for word in _NO_RIGHTS)
