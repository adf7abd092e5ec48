import itertools

import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from vsda.adversarial.kmeans import (
    FIT_TOKENS,
    SEED_TOKENS,
    Clusters,
    assign,
    kmeans,
    seed_centroids,
)


def inertia(tokens, clusters):
    return (tokens - clusters.centroids[clusters.labels]).double().square().sum().item()


def test_one_iteration_worked_by_hand():
    tokens = torch.tensor([[0.0], [2.0], [10.0], [14.0]])
    clusters = kmeans(tokens, torch.tensor([[0.0], [9.0]]), iterations=1)
    assert clusters.labels.tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(clusters.centroids, torch.tensor([[1.0], [12.0]]))


@pytest.mark.parametrize("iterations", [1, 2, 5, 20])
def test_equals_scikit_learn_from_the_same_start(generator, iterations):
    tokens = torch.randn(3000, 8, generator=generator)  # no gaps: labels hang on the details
    start = tokens[:7].clone()
    ours = kmeans(tokens, start, iterations)
    theirs = KMeans(7, init=start.numpy(), n_init=1, max_iter=iterations, tol=0.0)
    theirs.fit(tokens.numpy())
    assert ours.labels.tolist() == theirs.labels_.tolist()
    assert inertia(tokens, ours) == pytest.approx(theirs.inertia_, rel=1e-5)
    torch.testing.assert_close(
        ours.centroids, torch.from_numpy(theirs.cluster_centers_), atol=1e-4, rtol=1e-4
    )


def test_all_tokens_are_assigned_as_by_scikit_learn(generator):
    tokens = torch.randn(40_000, 6, generator=generator)  # three pieces, the last one short
    model = KMeans(9, init=tokens[:9].numpy(), n_init=1, max_iter=3).fit(tokens[:500].numpy())
    ours = assign(tokens, torch.from_numpy(model.cluster_centers_))
    assert ours.tolist() == model.predict(tokens.numpy()).tolist()


def test_assigned_centroids_are_nearest_in_double_precision_beside_an_offset(generator):
    tokens = 3e3 + torch.randn(20_000, 6, generator=generator)
    distances = torch.cdist(tokens.double(), tokens[:9].double())
    chosen = distances.gather(1, assign(tokens, tokens[:9])[:, None])[:, 0]
    assert (chosen - distances.amin(dim=1)).max().item() < 1e-2


def test_no_tokens_are_assigned_to_nothing():
    assert assign(torch.empty(0, 3), torch.ones(2, 3)).shape == (0,)


def test_a_fit_to_a_sample_of_16384_tokens_costs_a_thousandth_of_the_inertia(generator):
    tokens = torch.randn(131_072, 16, generator=generator)  # no blobs: the hardest case
    start = seed_centroids(tokens, 11, generator)
    chosen = torch.randint(len(tokens), (FIT_TOKENS,), generator=generator)
    whole = kmeans(tokens, start, 5)
    sampled = kmeans(tokens[chosen], start, 5).centroids
    sampled = Clusters(centroids=sampled, labels=assign(tokens, sampled))
    assert inertia(tokens, sampled) == pytest.approx(inertia(tokens, whole), rel=1e-3)


def test_finds_planted_blobs_among_131072_tokens(planted, generator):
    tokens, blobs = planted(131_072, 96, 11, spread=5.0)
    clusters = kmeans(tokens, seed_centroids(tokens, 11, generator), iterations=5)
    assert adjusted_rand_score(blobs.numpy(), clusters.labels.numpy()) > 0.99


@pytest.mark.parametrize("seed", range(20))
def test_seeding_reaches_every_blob(planted, seed):
    tokens, blobs = planted(2200, 96, 11, spread=5.0)
    seeds = seed_centroids(tokens, 11, torch.Generator().manual_seed(seed))
    assert len(set(kmeans(tokens, seeds, 0).labels.tolist())) == 11
    nearest_blob = blobs[torch.cdist(seeds, tokens).argmin(dim=1)]
    assert nearest_blob.unique().numel() == 11


def test_seeds_are_tokens_in_original_coordinates(planted, generator):
    tokens = planted(500)[0] + 100
    seeds = seed_centroids(tokens, 4, generator)
    torch.testing.assert_close(
        torch.cdist(seeds, tokens, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1).values,
        torch.zeros(4),
        atol=1e-3,
        rtol=0,
    )


def test_inertia_never_rises(generator):
    tokens = torch.randn(2000, 6, generator=generator)
    start = tokens[:9].clone()
    course = [inertia(tokens, kmeans(tokens, start, iterations)) for iterations in range(12)]
    assert all(after <= before * (1 + 1e-6) for before, after in itertools.pairwise(course))
    assert course[-1] < course[0]


@pytest.mark.parametrize("offset", [30.0, 3e4])
def test_an_offset_of_all_tokens_changes_no_label(planted, offset):
    # Steps of 1/16 stay exact beside the offset, so that only the arithmetic can differ.
    tokens = (planted(3000, 16, 5, spread=1.0)[0] * 16).round() / 16
    start = tokens[:5].clone()
    plain, shifted = kmeans(tokens, start, 5), kmeans(tokens + offset, start + offset, 5)
    assert torch.equal(plain.labels, shifted.labels)
    torch.testing.assert_close(plain.centroids + offset, shifted.centroids, atol=1e-2, rtol=0)


def test_empty_cluster_keeps_its_centroid():
    tokens = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    clusters = kmeans(tokens, torch.tensor([[0.0, 0.0], [50.0, 60.0]]), iterations=3)
    torch.testing.assert_close(clusters.centroids[1], torch.tensor([50.0, 60.0]))
    assert clusters.labels.tolist() == [0, 0, 0]


def test_identical_tokens_stay_finite(generator):
    tokens = torch.full((50, 4), 3.0)
    clusters = kmeans(tokens, seed_centroids(tokens, 6, generator), iterations=3)
    assert torch.equal(clusters.centroids, torch.full((6, 4), 3.0))


def test_surrounding_bf16_autocast_changes_nothing(planted):
    tokens, _ = planted(3000, 16, 5, spread=1.0)
    outside = kmeans(tokens, seed_centroids(tokens, 5, torch.Generator().manual_seed(1)), 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = kmeans(tokens, seed_centroids(tokens, 5, torch.Generator().manual_seed(1)), 5)
    assert torch.equal(outside.labels, inside.labels)
    assert torch.equal(outside.centroids, inside.centroids)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_centroids_are_float32_whatever_the_tokens_are(planted, generator, dtype):
    tokens = planted()[0].to(dtype)
    clusters = kmeans(tokens, seed_centroids(tokens, 3, generator), 2)
    assert clusters.centroids.dtype == torch.float32
    assert clusters.labels.dtype == torch.int64


def test_more_members_than_float16_can_count_are_averaged_rightly():
    tokens = torch.full((70_000, 1), 2.0, dtype=torch.float16)
    clusters = kmeans(tokens, torch.tensor([[0.0], [9.0]]), 1)
    assert clusters.centroids[0].item() == 2.0


def test_no_gradient_flows_through(planted, generator):
    tokens = planted()[0].requires_grad_()
    clusters = kmeans(tokens, seed_centroids(tokens, 3, generator), 2)
    assert not clusters.centroids.requires_grad
    assert not clusters.labels.requires_grad


def test_same_generator_same_clusters_with_deterministic_algorithms(planted):
    tokens, _ = planted(3 * SEED_TOKENS, 8, 3, spread=1.0)
    torch.use_deterministic_algorithms(True)
    try:
        runs = [
            kmeans(tokens, seed_centroids(tokens, 6, torch.Generator().manual_seed(5)), 5)
            for _ in range(2)
        ]
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(runs[0].labels, runs[1].labels)
    assert torch.equal(runs[0].centroids, runs[1].centroids)


def test_seeding_leaves_the_global_random_stream_alone(planted, generator):
    tokens, _ = planted(2 * SEED_TOKENS)
    before = torch.get_rng_state()
    seed_centroids(tokens, 3, generator)
    assert torch.equal(torch.get_rng_state(), before)


def test_fewer_tokens_than_clusters_is_refused(generator):
    with pytest.raises(ValueError, match="got 4 clusters for 3 tokens, expected 1 to the number"):
        seed_centroids(torch.ones(3, 2), 4, generator)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"got tokens \(3, 2\) and centroids \(2, 5\)"):
        kmeans(torch.ones(3, 2), torch.ones(2, 5), 1)
    with pytest.raises(ValueError, match=r"got tokens \(3, 2, 2\) and centroids"):
        kmeans(torch.ones(3, 2, 2), torch.ones(2, 2), 1)
