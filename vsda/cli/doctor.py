"""`vsda doctor`: what this machine has and lacks."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vsda.errors import ExitCode


def doctor(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that is to be written to.", show_default="$VSDA_DATA"),
    ] = None,
    cookies: Annotated[
        Path | None, typer.Option(help="File of cookies for YouTube to look at as well.")
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask YouTube's host once whether it can be reached.")
    ] = False,
    proxy: Annotated[str | None, typer.Option(help="URL of a proxy, for --online.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what this machine has and lacks to make data and to train, and how to mend it.

    Nothing leaves the machine without --online. Exit code 1 means that something must be mended.
    """
    from dataclasses import asdict

    from vsda.cli.table import Column, print_json, print_table
    from vsda.doctor.check import State
    from vsda.doctor.preflight import examine

    folder = data or Path(os.environ.get("VSDA_DATA", "data"))
    checks = examine(folder, cookies=cookies, online=online, proxy=proxy)
    is_ready = all(check.state is not State.FAIL for check in checks)
    if json:
        print_json({"ready": is_ready, "checks": [asdict(check) for check in checks]})
    else:
        columns = [Column("state"), Column("what"), Column("found"), Column("to mend it")]
        rows = [[check.state, check.name, check.found, check.mend] for check in checks]
        print_table(columns, rows)
    raise typer.Exit(ExitCode.DONE if is_ready else ExitCode.FAILED)
