"""Made-up tokens that the tests of this room share."""

import pytest
import torch


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def planted(generator):
    """Blobs far apart: returns tokens (M, C) and the blob of each."""

    def make(num_tokens=600, num_features=8, num_blobs=3, spread=10.0):
        centres = spread * torch.randn(num_blobs, num_features, generator=generator)
        blobs = torch.arange(num_tokens) % num_blobs
        noise = torch.randn(num_tokens, num_features, generator=generator)
        return centres[blobs] + noise, blobs

    return make
