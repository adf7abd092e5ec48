"""Opening pictures that nobody has vouched for: their size is known before a pixel is decoded."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

Kind = Literal["JPEG", "PNG", "PPM", "PBM", "BMP", "GIF", "TIFF", "WEBP"]
"""PPM stands for the grey ones (PGM), too; PBM, black or white, is one by itself."""

MAX_PIXELS = 1 << 27
"""Cameras of 100 megapixels pass (11648x8736), frames of DAVIS have 8 at most.

Decoding that many takes 0.5 GiB (Pillow keeps 4 bytes of a colour pixel), up to 1.3 GiB where the
JPEG is progressive (libjpeg keeps 2 bytes of each coefficient); a mask takes 1.2 GiB, most of it
where its values are counted.
"""
MAX_PICTURE_BYTES = 1 << 28
_MAX_SCANNED_PIXELS = 1 << 33
"""Pixels times scans of a JPEG; each scan of a progressive one goes over the whole picture."""
_START_OF_SCAN = b"\xff\xda"
_MAGIC: dict[str, bytes | tuple[bytes, ...]] = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "PPM": (b"P2", b"P3", b"P5", b"P6"),
    "PBM": (b"P1", b"P4"),
    "BMP": b"BM",
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "WEBP": b"RIFF",
}
# The classes, since Image.open has a limit of its own, which warns or raises by a global setting.
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "PPM": PpmImageFile,
    "PBM": PpmImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
    "WEBP": WebPImageFile,
}
_PNG_BITS_AT = 24
_PNG_EXTRA = 12
"""Bytes of a chunk beside its content: length, kind and check sum."""
_LARGEST_OF_8_BITS = 255
_UNDECODABLE = (
    OSError,  # also a file that ends early
    SyntaxError,  # Pillow's name for a broken header or chunk
    ValueError,  # also text and colour profiles that unpack to more than Pillow takes
    EOFError,
    Image.DecompressionBombError,  # of a part of a GIF
    struct.error,
    zlib.error,
)


class PictureError(ValueError):
    """The bytes are no picture of the kind asked for, a damaged one, or one too large."""


@contextmanager
def opened_picture(data: bytes, *kinds: Kind) -> Iterator[ImageFile]:
    """Yield the picture in `data`, of which only the header is decoded so far.

    Args:
        data: A whole file.
        kinds: What it may be; JPEG or PNG for none.

    Raises:
        PictureError: It is of another kind, animated, larger than `MAX_PIXELS` or
            `MAX_PICTURE_BYTES`, or what decodes it in the block finds it damaged.
    """
    try:
        yield _open(data, kinds or ("JPEG", "PNG"))
    except PictureError:
        raise
    except _UNDECODABLE as error:
        raise PictureError(str(error) or type(error).__name__) from error


def num_bits(picture: ImageFile, data: bytes) -> int:
    """Return how many bits a colour has in the file `data`; Pillow keeps the high 8 of 16 alone."""
    if isinstance(picture, PngImageFile):
        return data[_PNG_BITS_AT]
    if isinstance(picture, TiffImageFile):
        return int(max(picture.tag_v2.get(BITSPERSAMPLE, (1,))))
    if isinstance(picture, PpmImageFile) and picture.tile[0].codec_name != "raw":
        arguments = picture.tile[0].args
        largest = arguments[1] if isinstance(arguments, tuple) else 0
        return 16 if largest > _LARGEST_OF_8_BITS else 8
    return 8


def _open(data: bytes, kinds: tuple[Kind, ...]) -> ImageFile:
    kind = next((kind for kind in kinds if data.startswith(_MAGIC[kind])), None)
    if kind is None:
        raise PictureError("the file is something else")
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureError(f"{len(data)} bytes, more than the {MAX_PICTURE_BYTES} that are read")
    if kind == "PNG":
        _check_png(data)
    image = _OPENERS[kind](io.BytesIO(data))
    _check_work(image, data.count(_START_OF_SCAN) if kind == "JPEG" else 1)
    num_pictures = getattr(image, "n_frames", 1)
    if num_pictures > 1:
        what = "a document" if kind == "TIFF" else "an animation"
        raise PictureError(f"{what} of {num_pictures} pictures; make them files, or a video")
    return image


def _check_png(data: bytes) -> None:
    """Compare all check sums: Pillow reads past those of the pixels, whatever bits changed.

    Raises:
        PictureError: A chunk has another check sum, or the file ends early.
    """
    if data[12:16] != b"IHDR":
        raise PictureError("its first chunk is not its header")
    view, at, kind = memoryview(data), len(_MAGIC["PNG"]), b""
    while kind != b"IEND":
        if at + _PNG_EXTRA > len(data):
            raise PictureError("the file ends before its last chunk")
        stop = at + 8 + int.from_bytes(view[at : at + 4], "big")
        kind = bytes(view[at + 4 : at + 8])
        if view[stop : stop + 4] != zlib.crc32(view[at + 4 : stop]).to_bytes(4, "big"):
            raise PictureError(f"a chunk {kind!r} has another check sum; bits of it changed")
        at = stop + 4


def _check_work(image: Image.Image, num_scans: int) -> None:
    num_pixels = image.width * image.height
    if num_pixels > MAX_PIXELS:
        raise PictureError(
            f"{image.width}x{image.height} pixels, more than the {MAX_PIXELS} that are decoded"
        )
    if num_pixels * num_scans > _MAX_SCANNED_PIXELS:
        raise PictureError(
            f"{num_scans} scans of {image.width}x{image.height} pixels, which would take minutes"
        )
