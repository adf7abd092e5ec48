"""The page's templates, style and script put together into one file that loads nothing."""

import shlex
from pathlib import Path

from vsda.pages.template import page_pieces
from vsda.report.text import mean_text, points_text, range_text, share_text, signed_text

REPORT_DIR = Path(__file__).resolve().parent
_SCRIPTS = ("page.js", "wipe.js")
_FILTERS = {
    "points": points_text,
    "mean": lambda score: mean_text(score.mean, score.deviation),
    "range": range_text,
    "signed": signed_text,
    "share": share_text,
    "quoted": lambda value: shlex.quote(str(value)),
}


def rendered(**values: object) -> bytes:
    """Return the page as UTF-8; every text among `values` is escaped.

    Its own script is the only one that a browser runs on it: the policy in its head has the hash.
    """
    pieces = page_pieces((REPORT_DIR,), "page.html.j2", _SCRIPTS, _FILTERS, **values)
    return "".join(pieces).encode()
