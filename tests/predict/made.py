"""Videos and pictures made by code, and readers of what a prediction wrote."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from vsda.predict.outputs import Report


@dataclass(frozen=True)
class Predicted:
    """The folder of a prediction, and the report."""

    out: Path
    report: Report

    def masks(self, name):
        """Return the masks of a video by the names of its frames."""
        paths = sorted((self.out / "Annotations" / name).glob("*.png"))
        return {path.stem: np.asarray(Image.open(path)) for path in paths}

    def overlay(self, name):
        """Return the path of an overlay video."""
        return self.out / "overlay" / f"{name}.mp4"

    def files(self):
        """Return all files, by their paths below the folder."""
        if not self.out.exists():
            return []
        return sorted(
            str(path.relative_to(self.out)) for path in self.out.rglob("*") if path.is_file()
        )


def pictures(number, height_px=40, width_px=48):
    """Return frames on which soft spots of red and blue move."""
    rows, columns = np.mgrid[:height_px, :width_px]
    made = []
    for step in range(number):
        spots = [
            np.exp(-((rows - top) ** 2 + (columns - left) ** 2) / 60)
            for top, left in ((10, 5 + 3 * step % width_px), (30, 40 - 2 * step % width_px))
        ]
        colours = np.stack([spots[0], 0 * spots[0], spots[1]], axis=-1)
        made.append((60 + 190 * colours).astype(np.uint8))
    return made


def write_jpegs(folder, frames):
    """Write frames as JPEGs and return what they decode to."""
    folder.mkdir(parents=True)
    decoded = []
    for number, frame in enumerate(frames):
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(frame).save(path, quality=92)
        decoded.append(np.asarray(Image.open(path)))
    return decoded


def write_lossless(path, frames, times=None, time_base=Fraction(1, 30), pixel_aspect=1):
    """Write a video that gives back the very frames, frame i at `times[i]`.

    H.264 says itself what shape pixels have; of other codecs, Matroska is not told by PyAV.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=30, options={"qp": "0", "g": "1"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "rgb24"
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.time_base = stream.codec_context.time_base = time_base
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = times[number] if times else number, time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def add_sound(path, source, codec):
    """Write `source` again, with two seconds of a tone beside it."""
    rate = 48_000
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy, sound = new.add_stream_from_template(stream), new.add_stream(codec, rate=rate)
        for packet in old.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
        tone = np.sin(np.arange(2 * rate) * 0.05).astype(np.float32)
        for start in range(0, len(tone), 960):
            samples = np.stack([tone[start : start + 960]] * sound.channels)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=sound.layout.name)
            frame.pts, frame.sample_rate, frame.time_base = start, rate, Fraction(1, rate)
            new.mux(sound.encode(frame))
        new.mux(sound.encode(None))
    return path


def times_s(path):
    """Return when each frame of a video is shown, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [float(frame.pts * stream.time_base) for frame in container.decode(stream)]


def decoded(path):
    """Return the frames of a video, (H, W, 3)."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
