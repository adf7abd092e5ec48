"""A page is one file: its style, script and pictures stand in it, and it loads nothing."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vsda.storage import Place, atomic_file

PAGES_DIR = Path(__file__).resolve().parent


def write_page(out: Place, template: str, scripts: Sequence[str], **values: Any) -> int:
    """Write the page that a template makes of `values`, piece by piece; return its size in bytes.

    A generator among the values is read while the page is written, so that its items are never in
    memory together.

    Args:
        out: The HTML file, replaced when the page is complete.
        template: File name in this folder.
        scripts: File names in this folder; they are one script on the page.
        values: What the template names.
    """
    with atomic_file(out) as file:
        for piece in page_pieces((PAGES_DIR,), template, scripts, **values):
            file.write(piece.encode("utf-8", "replace"))
        return file.tell()


def page_pieces(
    folders: Sequence[Path],
    template: str,
    scripts: Sequence[str] = (),
    filters: Mapping[str, Callable[..., object]] | None = None,
    **values: Any,
) -> Iterator[str]:
    """Yield the page that a template makes of `values`.

    All text is escaped. `script_hash` lets the page's policy refuse every script but its own.

    Args:
        folders: Where templates and styles are looked for, in this order.
        template: File name in one of them.
        scripts: File names in the first one; they are one script on the page.
        filters: What the template can do with values, besides Jinja's own.
        values: What the template names.
    """
    script = "".join((folders[0] / name).read_text(encoding="utf-8") for name in scripts)
    environment = _environment(folders)
    environment.filters |= filters or {}
    yield from environment.get_template(template).generate(
        script=Markup(script), script_hash=_csp_hash(script), **values
    )


def _environment(folders: Sequence[Path]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
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
