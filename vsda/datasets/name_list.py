"""Read a list of names, one per line, such as those of a dataset's ImageSets."""

import codecs
from pathlib import Path

from vsda.errors import DatasetError


def read_names(path: Path, what: str) -> list[str]:
    """Return the names in the file `path`, sorted; blank lines mean nothing.

    Args:
        path: Text in UTF-8, with or without a byte order mark and carriage returns.
        what: What the names are of, for messages, such as `sequence`.

    Raises:
        DatasetError: The file cannot be read, a line of it is no name, or a name comes twice.
    """
    names: set[str] = set()
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        name = line.strip()
        if name in names:
            raise DatasetError(f"{path}:{number}: {what} {name!r} is listed twice; remove a line")
        if "/" in name or name.startswith("."):
            article = "an" if what[0] in "aeiou" else "a"
            raise DatasetError(
                f"{path}:{number}: expected the name of {article} {what}, got {name!r}"
            )
        if name:
            names.add(name)
    return sorted(names)


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        return data.decode("utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise DatasetError(
            f"{path}:{number}: expected UTF-8, got the byte 0x{data[error.start]:02x}; write the "
            "list in UTF-8"
        ) from error
