"""COCO's annotation files, made row by row in little memory."""

import json
from collections.abc import Iterator, Mapping
from tempfile import TemporaryFile
from typing import Any

_BLOCK_BYTES = 1 << 20


class JsonRows:
    """A JSON list that grows on disk, so that a large one takes no memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  lives as long as the list
        self._num_rows = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        self._file.write((",\n" if self._num_rows else "\n").encode() + text.encode())
        self._num_rows += 1

    def pieces(self) -> Iterator[bytes]:
        """Yield the list as JSON, piece by piece."""
        self._file.seek(0)
        yield b"["
        while block := self._file.read(_BLOCK_BYTES):
            yield block
        yield b"]"

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


class AnnotationFile:
    """What the annotation file of a split will hold; its lists grow on disk.

    Args:
        categories: Its list of categories.
    """

    def __init__(self, categories: list[dict[str, Any]]) -> None:
        self._categories = categories
        self.images, self.annotations = JsonRows(), JsonRows()
        self.numbers: dict[int, str] = {}

    def close(self) -> None:
        """Delete the lists on disk."""
        self.images.close()
        self.annotations.close()

    def document(self) -> Iterator[bytes]:
        """Yield the annotation file piece by piece."""
        yield b'{"annotations":'
        yield from self.annotations.pieces()
        yield b',\n"categories":' + json.dumps(self._categories, sort_keys=True).encode()
        yield b',\n"images":'
        yield from self.images.pieces()
        yield b',\n"info":{"description":"exported by vsda"},"licenses":[]}\n'
