"""What the measurement of the streams gives; without torch, for commands that print it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """The pictures that every way reads.

    Attributes:
        name: What they are.
        width_px: Of the first one.
        height_px: Likewise.
        number: How many there are; all ways go through them again and again.
        jpeg_bytes: Mean size of a JPEG.
        mask_bytes: Mean size of a mask's PNG; 0 where the pictures have none.
    """

    name: str
    width_px: int
    height_px: int
    number: int
    jpeg_bytes: int
    mask_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRow:
    """One way to make batches of the pictures.

    Attributes:
        name: Of the way.
        work: What it does.
        per_core: Pictures per second of one core: the median over the rounds, in one process.
        low: A quarter of the rounds gave less.
        high: A quarter of the rounds gave more.
        of_limit: Share of what decoding alone, by Pillow, reaches: the median over the rounds, each
            compared in itself.
        with_workers: Pictures per second of wall-clock time with worker processes; None where the
            way has none, or none were asked for.
    """

    name: str
    work: str
    per_core: float
    low: float
    high: float
    of_limit: float
    with_workers: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamResult:
    """All ways for one kind of pictures, with or without their masks."""

    pictures: Pictures
    labelled: bool
    rows: tuple[StreamRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamBench:
    """All measurements, how they were made, and where.

    Attributes:
        results: One for each kind of pictures, with masks and without.
        size_px: Side of the squares that all ways make.
        batch: Pictures of a batch.
        rounds: Of every measurement in one process.
        workers: Processes of the last column; 0 for none.
        num_cores: That this process may use.
        processor: What the system calls it.
        versions: Of the libraries that decode and read.
    """

    results: tuple[StreamResult, ...]
    size_px: int
    batch: int
    rounds: int
    workers: int
    num_cores: int
    processor: str
    versions: dict[str, str]
