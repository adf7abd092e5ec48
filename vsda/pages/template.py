"""A page is one file: its style, script and pictures stand in it, and it loads nothing."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vsda.storage import Place, atomic_file

_HERE = Path(__file__).resolve().parent


def write_page(out: Place, template: str, scripts: Sequence[str], **values: Any) -> int:
    """Write the page that a template makes of `values`, piece by piece; return its size in bytes.

    All text is escaped, and the page refuses to run any script but its own. A generator among the
    values is read while the page is written, so that its items are never in memory together.

    Args:
        out: The HTML file, replaced when the page is complete.
        template: File name in this folder.
        scripts: File names in this folder; they are one script on the page.
        values: What the template names.
    """
    script = "".join((_HERE / name).read_text(encoding="utf-8") for name in scripts)
    pieces = (
        _environment()
        .get_template(template)
        .generate(script=Markup(script), script_hash=_csp_hash(script), **values)
    )
    with atomic_file(out) as file:
        for piece in pieces:
            file.write(piece.encode("utf-8", "replace"))
        return file.tell()


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return environment


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
