"""The page's templates, style and script put together into one file that loads nothing."""

import base64
import hashlib
import shlex
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vsda.report.text import mean_text, points_text, range_text, share_text, signed_text

_HERE = Path(__file__).resolve().parent
_SCRIPTS = ("page.js", "wipe.js")


def rendered(**values: object) -> bytes:
    """Return the page as UTF-8; every text among `values` is escaped.

    Its own script is the only one that a browser runs on it: the policy in its head has the hash.
    """
    script = "".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    template = _environment().get_template("page.html.j2")
    page = template.render(script=Markup(script), script_hash=_csp_hash(script), **values)
    return page.encode()


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "points": points_text,
        "mean": lambda score: mean_text(score.mean, score.deviation),
        "range": range_text,
        "signed": signed_text,
        "share": share_text,
        "quoted": lambda value: shlex.quote(str(value)),
    }
    return environment


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
