"""Ways to cluster the same tokens; how fast they are is no test."""

import importlib.util

import pytest
import torch

from vsda.adversarial.discriminators import PairDiscriminator
from vsda.adversarial.losses import ClusteredLoss, Clustering
from vsda.adversarial.tokens import DomainTokens
from vsda.bench import kmeans_ways
from vsda.bench.kmeans_ways import FIRST_STEP, LATER_STEPS, MISSING, compare

K = 3


@pytest.fixture(scope="module")
def tokens():
    """Return three far blobs, each half of images."""
    generator = torch.Generator().manual_seed(0)
    blobs = 10 * torch.arange(K)[:, None, None] + torch.randn(K, 40, 5, generator=generator)
    return DomainTokens(blobs[:, :20].flatten(0, 1), blobs[:, 20:].flatten(0, 1))


@pytest.fixture(scope="module")
def generator():
    return torch.Generator().manual_seed(1)


@pytest.fixture(scope="module")
def loss(tokens, generator):
    """Return a loss that has done a step."""
    clustering = Clustering(num_clusters=K, num_pairs=16)
    loss = ClusteredLoss(PairDiscriminator(5), clustering, in_features=5)
    loss(tokens.source, tokens.target, strength=1.0, generator=generator)
    return loss


@pytest.fixture(scope="module")
def rows(loss, tokens, generator):
    return {row.name: row for row in compare(loss, tokens, generator, 2, "test")}


def test_later_steps_are_the_measure_of_all(rows):
    assert rows[LATER_STEPS].against_vsda.of_medians == 1
    for row in rows.values():
        quotient = row.took.median_ms / rows[LATER_STEPS].took.median_ms
        assert row.against_vsda.of_medians == pytest.approx(quotient)


def test_every_way_finds_the_three_blobs(rows, tokens):
    blobs = torch.cat([part.reshape(K, 20, 5) for part in (tokens.source, tokens.target)], dim=1)
    within = float((blobs - blobs.mean(dim=1, keepdim=True)).square().sum(dim=-1).mean())
    exact = {name: row for name, row in rows.items() if "MiniBatch" not in name}
    assert {FIRST_STEP, LATER_STEPS} < {*exact}
    for row in exact.values():
        assert row.square_distance == pytest.approx(within, rel=1e-4)


def test_every_round_of_the_first_step_seeds_anew(loss, tokens, generator):
    # Without an iteration the centroids are the seeds.
    clustering = Clustering(num_clusters=K, num_pairs=16, iterations=0)
    seeding = ClusteredLoss(loss.discriminator, clustering, in_features=5)
    first_step = kmeans_ways._ours(seeding, tokens, generator)[FIRST_STEP]
    assert not torch.equal(first_step(), first_step())


def test_rounds_leave_the_centroids_of_the_loss_as_they_were(loss, tokens, generator):
    before = loss.centroids.clone()
    compare(loss, tokens, generator, 2, "test")
    assert torch.equal(loss.centroids, before)


def test_scikit_learn_has_its_rows(rows):
    assert sum("scikit-learn" in name for name in rows) == 3


def test_rows_say_so_where_scikit_learn_is_not_installed(loss, tokens, generator, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not kmeans_ways.is_there()
    *ours, one, ten, mini = compare(loss, tokens, generator, 1, "test")
    assert [row.name for row in ours] == [LATER_STEPS, FIRST_STEP]
    for row in (one, ten, mini):
        assert (row.took, row.against_vsda, row.square_distance) == (None, None, None)
        assert row.note == MISSING
