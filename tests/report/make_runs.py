"""Run folders and a shard set as training, evaluation and `vsda prepare` write them, by code."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from vsda.report.read import read_runs
from vsda.sample import FrameFacts, Sample
from vsda.shards.index import ShardIndex, index_path
from vsda.shards.masks import encode_mask
from vsda.shards.write import write_shard

PERSON, DOG = 1, 18
CLASSES = ("background", "person", "dog", "cow")
SIZE = (96, 64)  # width, height
RECIPE = {
    "description": "Images only.",
    "images": ["coco-train"],
    "videos": ["davis-train"],
    "steps": 100,
    "seed": 0,
    "adversarial": {"loss": "none", "mu": 1.0, "reduction": "mean"},
    "class_weights": {"source": "images"},
}
CLUSTERED = {
    "description": "Clustered patch loss.",
    "adversarial": {"loss": "clustered", "mu": 1.0},
}
PROVENANCE = {
    "versions": {"vsda": "0.1.0", "torch": "2.15.0"},
    "git_revision": "0123456789abcdef",
    "images": [{"name": "coco-train", "index_sha256": "aa11"}],
    "videos": [{"name": "davis-train", "index_sha256": "bb22"}],
    "class_weights": {
        "source": "images",
        "sets": ["coco-train"],
        "uses_target_labels": False,
        "values": [0.25, 1.5, 1.25, 1.0],
    },
}


def truth_mask(number: int) -> np.ndarray:
    """A person and a dog that move with `number`, and an ignored corner."""
    width, height = SIZE
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[(x - 26 - 3 * number) ** 2 + (y - 34) ** 2 < 18**2] = PERSON
    mask[(abs(x - 70 + 2 * number) < 12) & (abs(y - 44) < 9)] = DOG
    mask[:12, -12:] = 255
    return mask


def frame_jpg(number: int) -> bytes:
    width, height = SIZE
    y, x = np.mgrid[:height, :width]
    image = np.stack([90 + x, 150 - y, 120 + 40 * np.sin((x + y + number) / 5)], axis=-1)
    image[truth_mask(number) == PERSON] += 60
    data = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(data, format="JPEG", quality=92)
    return data.getvalue()


def make_set(folder: Path, name: str = "davis-val", sequences=("bear", "camel"), length=2) -> Path:
    """Write a set of labelled frames; return its folder."""
    samples = [
        Sample(
            key=f"davis/{sequence}/{frame:05}",
            jpg=frame_jpg(number * length + frame),
            seg=truth_mask(number * length + frame),
            inst=None,
            facts=FrameFacts(
                dataset="davis",
                split="val",
                sequence=sequence,
                frame=f"{frame:05}",
                frame_index=frame,
                width_px=SIZE[0],
                height_px=SIZE[1],
                labelled=True,
            ),
        )
        for number, sequence in enumerate(sequences)
        for frame in range(length)
    ]
    shard = write_shard(folder / f"{name}-000000.tar", samples)
    index = ShardIndex(name=name, dataset="davis", split="val", shards=(shard,))
    Path(index_path(str(folder), name)).write_bytes(index.to_json())
    return folder


def make_run(folder: Path, recipe=None, log=(), provenance=PROVENANCE) -> Path:
    """Write a run folder without evaluations."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(RECIPE | (recipe or {})))
    if provenance is not None:
        (folder / "provenance.json").write_text(json.dumps(provenance))
    if log is not None:
        lines = [json.dumps(row) for row in log]
        (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def evaluation(mean=0.5, videos=None, name="davis-val", **other) -> dict:
    """What `evaluation/<set>.json` holds; `videos` maps sequences to mean IoUs."""
    return {
        "run": "any",
        "set": name,
        "step": 100,
        "num_frames": 4,
        "mean_iou": mean,
        "iou": {"background": 0.9, "person": mean, "dog": mean and mean / 2, "cow": None},
        "pixels": {"background": 7000, "person": 2000, "dog": 1000, "cow": 0},
        "absent": ["cow"],
        "classes": list(CLASSES),
        "confusion": [],
        "at_px": 64,
        "videos": {
            sequence: {"mean_iou": score, "iou": {}, "num_frames": 2}
            for sequence, score in (videos or {}).items()
        },
        "predictions": [],
    } | other


def judge(run: Path, scores: dict) -> Path:
    """Write an evaluation into a run folder."""
    path = run / "evaluation" / f"{scores['set']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(scores))
    return run


def predict(run: Path, masks: dict[str, np.ndarray], name: str = "davis-val") -> list[dict]:
    """Save predictions; return what the evaluation says about them."""
    listed = []
    for key, mask in masks.items():
        png = f"evaluation/{name}.predictions/{key}.png"
        (run / png).parent.mkdir(parents=True, exist_ok=True)
        (run / png).write_bytes(encode_mask(mask))
        listed.append({"key": key, "png": png})
    return listed


def runs_of(*scores: dict | None, folder: Path):
    """Return runs r0, r1, ..., each judged as told; None leaves a run without evaluation."""
    folders = [make_run(folder / f"r{number}") for number in range(len(scores))]
    for path, score in zip(folders, scores, strict=True):
        if score is not None:
            judge(path, score)
    return runs_in(folders)


def runs_in(folders):
    """Return the runs in the folders, all of which are whole."""
    reading = read_runs(folders)
    assert reading.unread == ()
    return reading.runs
