"""The datasets that `vsda prepare` knows: one folder each, listed here."""

from vsda.datasets.coco.dataset import DATASET as COCO
from vsda.datasets.davis.dataset import DATASET as DAVIS
from vsda.datasets.fbms.dataset import DATASET as FBMS
from vsda.datasets.folder.dataset import DATASET as FOLDER
from vsda.datasets.listing import Dataset
from vsda.datasets.voc.dataset import DATASET as VOC
from vsda.errors import UnknownNameError

DATASETS: dict[str, Dataset] = {
    "coco": COCO,
    "davis": DAVIS,
    "fbms": FBMS,
    "folder": FOLDER,
    "voc": VOC,
}


def get_dataset(name: str) -> Dataset:
    """Return the dataset called `name`.

    Raises:
        UnknownNameError: There is none; the message proposes the nearest name.
    """
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    return DATASETS[name]
