"""What can go wrong with a download.

FetchError
├── HttpStatusError       the server answered, but not with the file
├── NetworkError          no server, or the connection is lost again and again
└── WrongContentError     something else came: a web page, another size, other bytes
StoppedError
└── DiskFullError         this machine has no room; not the fault of the file
"""

from vsda.errors import ExitCode, FetchError, StoppedError


class HttpStatusError(FetchError):
    """A server refused: 404 and the like at once, 429 and 5xx when the attempts are used up.

    Attributes:
        status: The HTTP status, such as 404.
        url: What was asked for.
        retry_after_s: How long the server asks to wait, None if it does not say.
    """

    def __init__(self, status: int, url: str, retry_after_s: float | None = None) -> None:
        wait = f" and asks to wait {retry_after_s:.0f} s" if retry_after_s is not None else ""
        super().__init__(f"{url}: the server answers with status {status}{wait}")
        self.status, self.url, self.retry_after_s = status, url, retry_after_s

    def __reduce__(self) -> tuple[type["HttpStatusError"], tuple[int, str, float | None]]:
        """Pickle with all arguments, so that the error crosses process borders."""
        return (HttpStatusError, (self.status, self.url, self.retry_after_s))


class NetworkError(FetchError):
    """The server cannot be reached, or stops sending; what came is kept for the next run."""


class WrongContentError(FetchError):
    """What came is not the file that was asked for; nothing of it is kept."""


class DiskFullError(StoppedError):
    """The disk has no room for a file; what came of it is kept for the next run."""

    def __init__(self, message: str) -> None:
        super().__init__(ExitCode.FAILED, message)
