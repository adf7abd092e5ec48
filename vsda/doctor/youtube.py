"""yt-dlp and what it needs to get at all formats of a video."""

import importlib.metadata
import importlib.util
import re
import time
from datetime import date
from pathlib import Path

import httpx

from vsda.doctor.check import Check, State
from vsda.errors import FetchError
from vsda.fetch.youtube import page

OLD_AFTER_DAYS = 90
"""From then on yt-dlp itself warns: YouTube changes more often than that."""

INSTALL = "pip install --upgrade 'yt-dlp[default,deno]'"
_COOKIE_DOMAIN = ".youtube.com"
_LOGIN_COOKIES = {"SID", "__Secure-1PSID", "__Secure-3PSID", "SAPISID", "LOGIN_INFO"}
_TIMEOUT_S = 10.0


def check_youtube(cookies: Path | None = None) -> list[Check]:
    """Return what is found of yt-dlp, its scripts, a JavaScript runtime and a file of cookies."""
    if importlib.util.find_spec("yt_dlp") is None:
        return [Check(name="yt-dlp", state=State.FAIL, found="not installed", mend=INSTALL)]
    version = importlib.metadata.version("yt-dlp")
    checks = [
        check_age(version, date.today()),
        check_scripts(_version("yt-dlp-ejs"), _wanted_scripts()),
        check_runtime(),
    ]
    return checks if cookies is None else [*checks, check_cookies(cookies)]


def check_age(version: str, today: date) -> Check:
    """Return how old a version such as 2026.8.19 is."""
    found = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    if found is None:
        return Check(
            name="yt-dlp", state=State.WARN, found=f"version {version}, no date", mend=INSTALL
        )
    age_days = (today - date(*map(int, found.groups()))).days
    text = f"version {version}, {age_days} days old"
    if age_days < -1:
        return Check(
            name="yt-dlp",
            state=State.WARN,
            found=f"version {version} is from the future: the clock says {today}",
            mend="set the clock of this machine: certificates are checked against it",
        )
    if age_days > OLD_AFTER_DAYS:
        return Check(name="yt-dlp", state=State.WARN, found=text, mend=INSTALL)
    return Check(name="yt-dlp", state=State.OK, found=text)


def check_scripts(installed: str | None, wanted: str | None) -> Check:
    """Return whether the scripts that solve YouTube's challenges are those that yt-dlp takes."""
    name = "yt-dlp-ejs"
    if installed is None:
        return Check(
            name=name, state=State.FAIL, found="not installed: formats are missing", mend=INSTALL
        )
    if wanted is not None and _series(installed) != _series(wanted):
        found = f"version {installed}, yt-dlp takes {wanted} only"
        return Check(name=name, state=State.FAIL, found=found, mend=INSTALL)
    return Check(name=name, state=State.OK, found=f"version {installed}")


def _series(version: str) -> list[str]:
    """Return what must be equal: yt-dlp accepts another third number."""
    return version.split(".")[:2]


def _wanted_scripts() -> str | None:
    rows = importlib.metadata.requires("yt-dlp") or []
    wanted = [found[1] for row in rows if (found := re.match(r"yt-dlp-ejs==([\d.]+)", row))]
    return wanted[0] if wanted else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_runtime() -> Check:
    """Return which JavaScript runtime yt-dlp finds that is new enough."""
    import yt_dlp  # noqa: PLC0415  takes a quarter of a second, and registers its runtimes
    from yt_dlp.globals import supported_js_runtimes  # noqa: PLC0415

    del yt_dlp
    name = "JavaScript"
    found = [kind().info for kind in supported_js_runtimes.value.values()]
    usable = [f"{one.name} {one.version}" for one in found if one and one.supported]
    if usable:
        return Check(name=name, state=State.OK, found=", ".join(usable))
    old = [f"{one.name} {one.version} is too old" for one in found if one]
    return Check(
        name=name, state=State.FAIL, found=", ".join(old) or "no runtime found", mend=INSTALL
    )


def check_cookies(path: Path, now_s: float | None = None) -> Check:
    """Return whether a file of cookies can be used, and is seen by its owner only."""
    from vsda.fetch.cookies import load_cookies  # noqa: PLC0415  imports yt-dlp

    name = "cookies"
    now_s = time.time() if now_s is None else now_s
    try:
        cookies = [one for one in load_cookies(path) if one.domain.endswith(_COOKIE_DOMAIN)]
    except FetchError as error:
        return Check(name=name, state=State.FAIL, found=str(error), mend="give another file")
    export = "export them anew, from a private window that is closed afterwards"
    login = [one for one in cookies if one.name in _LOGIN_COOKIES]
    if not login:
        found = f"{path}: no login among {len(cookies)} cookies of YouTube"
        return Check(name=name, state=State.FAIL, found=found, mend=export)
    expired = [one.name for one in login if one.expires and one.expires <= now_s]
    if expired:
        found = f"{path}: expired: {', '.join(sorted(expired))}"
        state = State.FAIL if len(expired) == len(login) else State.WARN
        return Check(name=name, state=state, found=found, mend=export)
    if path.stat().st_mode & 0o077:
        found = f"{path}: other users of this machine can read it"
        return Check(name=name, state=State.WARN, found=found, mend=f"chmod 600 {path}")
    return Check(name=name, state=State.OK, found=f"{len(cookies)} of YouTube, with a login")


def check_online(url: str | None = None, proxy: str | None = None) -> Check:
    """Return whether the host of the watch pages answers; asks it once."""
    url = page("reach") if url is None else url
    name = "network"
    mend = "check the network, or give --proxy"
    try:
        with httpx.Client(proxy=proxy, timeout=_TIMEOUT_S) as client:
            status = client.get(url).status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        found = f"{url}: {error or type(error).__name__}"
        return Check(name=name, state=State.FAIL, found=found, mend=mend)
    if status >= httpx.codes.BAD_REQUEST:
        found = f"{url}: answers with status {status}"
        return Check(name=name, state=State.FAIL, found=found, mend="try again in an hour")
    return Check(name=name, state=State.OK, found=f"{url}: status {status}")
