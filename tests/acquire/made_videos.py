"""A small YouTube-BoundingBoxes: rows, and a mirror of videos that show their frame numbers.

A frame is 16 bars of 8 px; bar k is white where bit k of `video * 256 + frame` is set.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH_PX, HEIGHT_PX, NUM_BITS = 128, 32, 16
FPS = 30


def youtube_id(number):
    """Return the id of a made-up video."""
    return f"vid_-{number:06d}"


def paint(value):
    """Return a frame (H, W, 3) that shows `value`."""
    bits = [(value >> bit) & 1 for bit in range(NUM_BITS)]
    row = np.repeat(np.array(bits, dtype=np.uint8) * 255, WIDTH_PX // NUM_BITS)
    return np.broadcast_to(row[None, :, None], (HEIGHT_PX, WIDTH_PX, 3)).copy()


def read(picture):
    """Return the value that a frame (H, W, 3) of any size shows."""
    height, width = picture.shape[:2]
    middles = [round((bit + 0.5) * width / NUM_BITS) for bit in range(NUM_BITS)]
    return sum(int(picture[height // 2, x, 1] > 127) << bit for bit, x in enumerate(middles))


def make_video(path, number, num_frames, fps=FPS):
    """Write a video whose frame i shows `number * 256 + i`; same arguments, same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.thread_count = 1
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "18"}
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(paint(number * 256 + index), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def rows_of(name, start_s=0, end_s=1, class_id=0, class_name="person", object_id=0):
    """Return rows of one segment, a second apart, as lines."""
    return [
        f"{name},{second}000,{class_id},{class_name},{object_id},present,0.1,0.6,0.2,0.9"
        for second in range(start_s, end_s + 1)
    ]


def make_world(folder, num_videos=8, missing=(3,), seconds=2):
    """Write `rows.csv` and a mirror in `videos/`, which lacks some; return the folder."""
    folder = Path(folder)
    (folder / "videos").mkdir(parents=True)
    lines = []
    for number in range(num_videos):
        lines += rows_of(youtube_id(number), 0, seconds - 1)
        if number not in missing:
            make_video(folder / "videos" / f"{youtube_id(number)}.mp4", number, seconds * FPS)
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return folder
