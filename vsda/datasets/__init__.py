"""The datasets that `vsda prepare` knows: one file each, listed here."""

from vsda.datasets import coco, davis, fbms, folder, voc
from vsda.datasets.listing import Dataset
from vsda.errors import UnknownNameError

DATASETS: dict[str, Dataset] = {
    "coco": coco.DATASET,
    "davis": davis.DATASET,
    "fbms": fbms.DATASET,
    "folder": folder.DATASET,
    "voc": voc.DATASET,
}


def get_dataset(name: str) -> Dataset:
    """Return the dataset called `name`.

    Raises:
        UnknownNameError: There is none; the message proposes the nearest name.
    """
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    return DATASETS[name]
