"""What looks like weights: what torch and safetensors write passes."""

import pytest
import torch
from safetensors.torch import save_file

from vsda.fetch.weights_file import weights_fault

TENSORS = {"a": torch.arange(6.0), "b": torch.zeros(0), "c": torch.ones(2, 3)}


@pytest.mark.parametrize("is_zip", [True, False])
def test_what_torch_saves_looks_like_weights(tmp_path, is_zip):
    path = tmp_path / "weights.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=is_zip)
    assert weights_fault(path) is None


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
@pytest.mark.parametrize("tensors", [TENSORS, {}])
def test_safetensors_look_like_weights(tmp_path, tensors, metadata):
    path = tmp_path / "weights"
    save_file(tensors, path, metadata)
    assert weights_fault(path) is None


@pytest.mark.parametrize("kind", ["zip", "safetensors"])
def test_a_file_that_was_cut_does_not(tmp_path, kind):
    path = tmp_path / "weights"
    if kind == "zip":
        torch.save(TENSORS, path)
    else:
        save_file(TENSORS, path)
    path.write_bytes(path.read_bytes()[:-1])
    assert weights_fault(path) is not None
