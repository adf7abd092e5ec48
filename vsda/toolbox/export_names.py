"""Names that come out of a set, refused before they become paths.

A set may come from anybody. What its samples call themselves decides where files of an export lie,
so each part of such a name has to be one plain file name.
"""

import unicodedata

from vsda.errors import ShardError
from vsda.sample import Sample

_MAX_NAME_BYTES = 200
"""Most file systems take 255; the rest is for endings."""
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's control, format and surrogate characters, and line ends."""


def check_sample(sample: Sample, where: str) -> None:
    """Refuse a sample whose names or sizes cannot be trusted; its key is what the reader lets by.

    Args:
        sample: A frame as it was read.
        where: The set, for the message.

    Raises:
        ShardError: A name that is no plain path, or a mask of another size than the frame.
    """
    facts, where = sample.facts, f"{where}: {sample.key}"
    check_name(facts.split, "split", where)
    check_name(facts.frame, "frame", where)
    if facts.sequence is not None:
        check_sequence(facts.sequence, where)
    size = (facts.height_px, facts.width_px)
    for mask in (sample.seg, sample.inst):
        if mask is not None and mask.shape != size:
            raise ShardError(
                f"{where}: the mask is {mask.shape[1]}x{mask.shape[0]} pixels, its facts say "
                f"{size[1]}x{size[0]}; check the set with 'vsda shards verify'"
            )


def check_name(name: str, what: str, where: str) -> None:
    """Refuse `name` unless it is one plain file name.

    Args:
        name: A value of a sample's facts.
        what: What it names, for the message.
        where: The set and the sample, for the message.

    Raises:
        ShardError: It is empty, too long, starts with a dot, or holds a slash, a backslash
            or a character that is not to be seen.
    """
    if not _is_plain(name):
        raise _refusal(name, what, where)


def check_sequence(name: str, where: str) -> None:
    """Refuse the name of a sequence unless it is a plain file name, or several between slashes."""
    if not all(_is_plain(part) for part in name.split("/")):
        raise _refusal(name, "sequence", where)


def _refusal(name: str, what: str, where: str) -> ShardError:
    return ShardError(
        f"{where}: its {what} is called {name!r}, which is no plain file name; nothing is exported"
    )


def _is_plain(name: str) -> bool:
    return (
        bool(name)
        and not name.startswith(".")
        and not set(name) & set("/\\")
        and not any(unicodedata.category(letter) in _UNSEEN for letter in name)
        and len(name.encode()) <= _MAX_NAME_BYTES
    )
