"""Cookies of a browser, from a file that this program reads and never writes."""

import http.cookiejar
import io
from functools import cache
from pathlib import Path

from yt_dlp.cookies import YoutubeDLCookieJar

from vsda.errors import FetchError


class CookieCopy(io.StringIO):
    """Cookies in memory, that yt-dlp reads from the start and writes anew from the start."""

    def truncate(self, size: int | None = None) -> int:
        """Cut the text, and write on where it was cut."""
        length = super().truncate(size)
        self.seek(length)
        return length


def cookie_copy(path: Path) -> CookieCopy:
    """Return this process's copy of a file of cookies.

    yt-dlp writes the cookies that it is given back to their file, which several processes must not
    do to one file. The copy stays from video to video; a file that is replaced is read again.

    Raises:
        FetchError: The file cannot be read, or has another format.
    """
    try:
        copy = _copy(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise FetchError(f"{path}: cookies cannot be read: {error}") from error
    copy.seek(0)
    return copy


@cache
def _copy(path: Path, changed_ns: int) -> CookieCopy:
    del changed_ns  # a newer file is another copy
    copy = CookieCopy(path.read_text(encoding="utf-8"))
    load_cookies(path)
    return copy


def load_cookies(path: Path) -> list[http.cookiejar.Cookie]:
    """Return the cookies in a file, as yt-dlp would read them.

    Raises:
        FetchError: The file cannot be read, or has another format.
    """
    jar = YoutubeDLCookieJar(str(path))
    try:
        jar.load()
    except http.cookiejar.LoadError as error:
        raise FetchError(
            f"{path}: expected cookies in the Netscape format, which starts with "
            "'# Netscape HTTP Cookie File'; export them anew, with an extension of the browser"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FetchError(f"{path}: cookies cannot be read: {error}") from error
    return list(jar)
