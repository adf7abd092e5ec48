"""Whether videos can be decoded."""

import importlib.util
import tempfile
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path

from vsda.doctor.check import Check, State, try_in_process

_PYAV = "pip install --upgrade av"
_DECODERS = {"H.264": ("h264",), "VP9": ("vp9", "libvpx-vp9"), "AV1": ("libdav1d", "libaom-av1")}
"""Names of FFmpeg's decoders; its own `av1` needs a graphics card and does not count."""

_NUM_FRAMES = 5
_SIDE_PX = 64
_READ_WITH_DECORD = """
import sys, decord
reader = decord.VideoReader(sys.argv[1])
print(decord.__version__, len(reader), *reader[len(reader) - 1].shape)
"""


def check_video() -> list[Check]:
    """Return what PyAV can decode, and whether decord works; it may be missing."""
    if importlib.util.find_spec("av") is None:
        found = "not installed: no video can be opened"
        return [Check(name="PyAV", state=State.FAIL, found=found, mend="pip install av")]
    return [check_pyav(), check_decord()]


def check_pyav(available: Collection[str] | None = None) -> Check:
    """Return which of the codecs that YouTube has are among PyAV's."""
    import av  # noqa: PLC0415  other commands do without

    known = set(av.codecs_available if available is None else available)
    missing = [name for name, decoders in _DECODERS.items() if not known & set(decoders)]
    if not missing:
        found = f"version {av.__version__}, decodes {', '.join(_DECODERS)}"
        return Check(name="PyAV", state=State.OK, found=found)
    found = f"version {av.__version__}, cannot decode {', '.join(missing)}"
    state = State.FAIL if "H.264" in missing else State.WARN
    return Check(name="PyAV", state=state, found=found, mend=_PYAV)


def check_decord() -> Check:
    """Return whether decord reads a small H.264 file; PyAV takes its place where it does not."""
    name, slower = "decord", "PyAV decodes in its place"
    if importlib.util.find_spec("decord") is None:
        mend = "pip install decord, where there is a wheel: Linux on x86-64"
        return Check(name=name, state=State.WARN, found=f"not installed; {slower}", mend=mend)
    with tempfile.TemporaryDirectory(prefix="vsda-") as folder:
        clip = Path(folder, "clip.mp4")
        if not write_clip(clip):
            found = "not tried: PyAV has no encoder for a trial"
            return Check(name=name, state=State.WARN, found=found, mend=_PYAV)
        works, said = try_in_process(_READ_WITH_DECORD, str(clip))
    version, _, shape = said.partition(" ")
    if works and shape == f"{_NUM_FRAMES} {_SIDE_PX} {_SIDE_PX} 3":
        return Check(name=name, state=State.OK, found=f"version {version}, decodes H.264")
    found = f"cannot read an H.264 file ({said}); {slower}"
    return Check(name=name, state=State.WARN, found=found, mend="pip install --upgrade decord")


def write_clip(path: Path) -> bool:
    """Write a few frames of H.264 to `path`, or return False if there is no encoder."""
    import av  # noqa: PLC0415  see above
    import numpy as np  # noqa: PLC0415

    if "libx264" not in av.codecs_available:
        return False
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width = stream.height = _SIDE_PX
        stream.pix_fmt = "yuv420p"
        for grey in np.linspace(0, 255, _NUM_FRAMES, dtype=np.uint8):
            pixels = np.full((_SIDE_PX, _SIDE_PX, 3), grey)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    return True
