"""Which points are looked at: all for `vsda doctor`, the necessary ones before a long run."""

from pathlib import Path

from vsda.doctor.check import Check, State
from vsda.doctor.machine import check_data, check_machine, check_scratch
from vsda.doctor.packages import check_packages
from vsda.doctor.video import check_pyav
from vsda.doctor.video import check_video as check_decoders
from vsda.doctor.youtube import check_online, check_youtube
from vsda.errors import VsdaError
from vsda.storage import local_path


def examine(
    data: Path, *, cookies: Path | None = None, online: bool = False, proxy: str | None = None
) -> list[Check]:
    """Return all points, in the order in which data takes its way; no network unless `online`."""
    checks = [*check_youtube(cookies), *check_decoders(), *check_machine(data), *check_packages()]
    return [*checks, check_online(proxy=proxy)] if online else checks


def preflight(*, needs_youtube: bool, out: str | Path, cookies: Path | None = None) -> list[Check]:
    """Return the points that a run which decodes videos depends on; takes a second or less.

    Args:
        needs_youtube: False where videos come from a mirror.
        out: Folder or URL that is to be written to.
        cookies: File of cookies that YouTube is to be given.

    Raises:
        VsdaError: One of them fails, which would make every video fail.
    """
    checks = [*(check_youtube(cookies) if needs_youtube else []), check_pyav(), check_scratch()]
    folder = local_path(out)
    if folder is not None:
        checks.append(check_data(folder))
    failed = [check for check in checks if check.state is State.FAIL]
    if failed:
        points = "; ".join(f"{one.name}: {one.found} ({one.mend})" for one in failed)
        raise VsdaError(f"this machine is not ready: {points}; 'vsda doctor' tells more")
    return checks
