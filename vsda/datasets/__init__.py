"""The datasets that `vsda prepare` knows: one folder each, listed here."""

from vsda.datasets.coco import dataset as coco
from vsda.datasets.davis import dataset as davis
from vsda.datasets.fbms import dataset as fbms
from vsda.datasets.folder import dataset as folder
from vsda.datasets.listing import Dataset
from vsda.datasets.voc import dataset as voc
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
