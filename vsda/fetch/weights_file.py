"""Whether a file looks like network weights, told from a few of its bytes and without torch.

Only for files whose authors publish no digest: it finds what was cut, and what is something else.
"""

import json
import struct
import zipfile
from pathlib import Path
from typing import IO

_ZIP = b"PK\x03\x04"
_PICKLE = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_LENGTH_BYTES = 8
_LONGEST_HEADER_BYTES = 100_000_000
"""The most that the safetensors package reads."""


def weights_fault(path: Path) -> str | None:
    """Return how the file differs from what torch.save or safetensors write, None if it does not.

    What torch.save wrote before torch 1.6 has no end that could be missed.
    """
    with path.open("rb") as file:
        head = file.read(_LENGTH_BYTES + 1)
        if head.startswith(_ZIP):
            return None if zipfile.is_zipfile(file) else "a zip file without its end came"
        if head[_LENGTH_BYTES:] == b"{":
            return _safetensors_fault(file, path.stat().st_size)
    if head.startswith(_PICKLE) and len(head) > _LENGTH_BYTES:
        return None
    return f"it begins with {head!r}, expected what torch.save or safetensors write"


def _safetensors_fault(file: IO[bytes], size_bytes: int) -> str | None:
    """Return what is wrong with a header, which must account for each byte of the file."""
    file.seek(0)
    (length_bytes,) = struct.unpack("<Q", file.read(_LENGTH_BYTES))
    values_bytes = size_bytes - _LENGTH_BYTES - length_bytes
    if length_bytes > _LONGEST_HEADER_BYTES or values_bytes < 0:
        return f"its header would have {length_bytes} bytes, the whole file has {size_bytes}"
    try:
        header = json.loads(file.read(length_bytes))
        ends = [row["data_offsets"][1] for name, row in header.items() if name != "__metadata__"]
        expected_bytes = max(ends, default=0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return f"its header cannot be read as that of safetensors ({type(error).__name__})"
    if expected_bytes != values_bytes:
        return f"it has {values_bytes} bytes of values, its header says {expected_bytes}"
    return None
