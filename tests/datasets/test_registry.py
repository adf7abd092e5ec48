import pytest

from vsda.datasets import DATASETS, get_dataset
from vsda.errors import UnknownNameError


def test_every_dataset_is_listed_under_its_own_name():
    assert DATASETS
    assert {name: dataset.name for name, dataset in DATASETS.items()} == {
        name: name for name in DATASETS
    }


def test_an_unknown_dataset_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown dataset 'davsi'\. Did you mean 'davis'"):
        get_dataset("davsi")
