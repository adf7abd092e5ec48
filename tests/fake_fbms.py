"""Tiny FBMS trees in the dataset's own layout, made by code."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.fake_worlds import SIZE_PX, jpeg, write
from vsda.manifests import fbms_sequences

FOLDERS = {"train": "Trainingset", "test": "Testset"}
PPM_CODES = (0xFFFFFF, 0xFF0000, 0x00FF00, 0x0000FF)
PGM_CODES = (0, 128, 255, 64)


def definition(
    codes: Sequence[int],
    labelled: Sequence[tuple[int, str, str]],
    num_frames: int,
    end: str = "\n",
) -> bytes:
    """Return a Def.dat: codes of the regions, (number, truth, picture) of the labelled frames."""
    size = len(codes)
    lines = ["Ground truth definition file; do not change!", "", "Total number of regions:"]
    lines += [str(size), ""]
    for region, code in enumerate(codes):
        lines += [f"Scale of region {region}:", str(code)]
    lines += ["", "Confusion penality matrix:"]
    lines += [" ".join(str(int(row != col)) for col in range(size)) for row in range(size)]
    lines += ["", "Total number of frames in this shot:", str(num_frames)]
    lines += ["", "Total number of labeled frames for this shot:", str(len(labelled)), ""]
    for number, truth, picture in labelled:
        lines += ["Frame number:", str(number), "File name:", truth]
        lines += ["Input file name:", picture]
    return end.join([*lines, ""]).encode()


def pgm(values: np.ndarray) -> bytes:
    """Return grey values (H, W) as a binary PGM of 8 bits."""
    height_px, width_px = values.shape
    return b"P5\n%d %d\n255\n" % (width_px, height_px) + values.astype(np.uint8).tobytes()


def ppm(codes: np.ndarray) -> bytes:
    """Return codes (H, W) of R * 65536 + G * 256 + B as a binary PPM of 8 bits."""
    height_px, width_px = codes.shape
    pixels = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
    return b"P6\n%d %d\n255\n" % (width_px, height_px) + pixels.tobytes()


def regions(num_regions: int, size_px: int = SIZE_PX) -> np.ndarray:
    """Return region numbers (H, W): columns 0, 1, ... and over again."""
    return np.resize(np.arange(num_regions), (size_px, size_px))


class FbmsTree:
    """An FBMS folder to which sequences are added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in FOLDERS.values():
            (root / folder).mkdir(parents=True)

    def folder(self, split: str, sequence: str) -> Path:
        return self.root / FOLDERS[split] / sequence

    def truth(self, split: str, sequence: str, name: str) -> Path:
        return self.folder(split, sequence) / "GroundTruth" / name

    def definition(self, split: str, sequence: str) -> Path:
        return self.truth(split, sequence, f"{sequence}Def.dat")

    def add(
        self,
        split: str,
        sequence: str,
        *,
        num_regions: int = 2,
        kind: str = "pgm",
        num_frames: int = 4,
        labelled: Sequence[int] = (0, 2),
        first: int = 1,
        digits: int = 2,
        end: str = "\n",
    ) -> "FbmsTree":
        """Add a sequence whose labelled frames show all regions; numbers start at `first`."""
        joint = "_" if sequence[-1].isdigit() else ""
        codes = (PPM_CODES if kind == "ppm" else PGM_CODES)[:num_regions]
        entries = []
        for index in range(num_frames):
            stem = f"{sequence}{joint}{first + index:0{digits}d}"
            write(self.folder(split, sequence) / f"{stem}.jpg", jpeg(seed=index))
            if index in labelled:
                entries.append((index, self._add_truth(split, sequence, stem, kind, codes)))
        rows = [
            (index, truth, f"{sequence}{joint}{first + index:0{digits}d}.ppm")
            for index, truth in entries
        ]
        write(self.definition(split, sequence), definition(codes, rows, num_frames, end))
        return self

    def _add_truth(
        self, split: str, sequence: str, stem: str, kind: str, codes: Sequence[int]
    ) -> str:
        values = np.asarray(codes)[regions(len(codes))]
        if kind == "pgm":
            write(self.truth(split, sequence, f"{stem}.pgm"), pgm(values))
            return f"{stem}.pgm"
        # The archives have four digits here, a grey twin, and how sure each pixel is.
        number = int(stem.rpartition("_")[2])
        name = f"{sequence}_{number:04d}"
        write(self.truth(split, sequence, f"{name}_gt.ppm"), ppm(values))
        write(self.truth(split, sequence, f"{name}_gt.pgm"), pgm(np.zeros_like(values)))
        write(self.truth(split, sequence, f"{name}_PROB_gt.ppm"), ppm(np.zeros_like(values)))
        return f"{name}_gt.ppm"


def small_fbms(root: Path) -> FbmsTree:
    """Make an FBMS of five train and two test sequences; cats04 has four labelled frames."""
    tree = FbmsTree(root)
    tree.add("train", "cars2", num_regions=3)
    tree.add("train", "cats04", kind="ppm", labelled=(0, 1, 2, 3), first=17)
    tree.add("train", "bear01").add("train", "marple1").add("train", "rabbits01")
    tree.add("test", "cars1", num_regions=3).add("test", "tennis", first=454)
    return tree


def full_fbms(root: Path) -> FbmsTree:
    """Make an FBMS of all sequences of the manifest with 353 and 367 labelled frames."""
    tree = FbmsTree(root)
    for split, total in (("train", 353), ("test", 367)):
        names = [row.name for row in fbms_sequences() if row.split == split]
        for place, name in enumerate(names):
            num_labelled = total // len(names) + (place < total % len(names))
            kind = "pgm" if name[-1].isdigit() and "0" not in name else "ppm"
            tree.add(
                split,
                name,
                kind="pgm" if name == "tennis" else kind,
                num_frames=num_labelled,
                labelled=range(num_labelled),
            )
    return tree


def class_map(path: Path, *rows: Sequence[object]) -> Path:
    """Write a table of regions."""
    head = ("split", "sequence", "region", "category", "class", "certainty")
    text = "\n".join("\t".join(map(str, row)) for row in (head, *rows)) + "\n"
    return write(path, text.encode())
