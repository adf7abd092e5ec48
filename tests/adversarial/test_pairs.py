import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.nn import functional

from vsda.adversarial.pairs import sample_pairs
from vsda.errors import UsageError

NUM_PAIRS = 4096


def draw(labels, is_source, num_clusters, num_pairs=NUM_PAIRS, seed=0, balance="balanced"):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.as_tensor(labels), torch.as_tensor(is_source)
    return sample_pairs(*tokens, num_clusters, num_pairs, generator, balance=balance)


def mixed_batch(num_tokens=5000, num_clusters=7, source_share=0.5, seed=3):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(num_clusters, (num_tokens,), generator=generator)
    return labels, torch.rand(num_tokens, generator=generator) < source_share


def test_both_tokens_of_a_pair_are_of_the_pairs_cluster():
    labels, is_source = mixed_batch()
    pairs = draw(labels, is_source, 7)
    valid = pairs.valid
    assert torch.equal(labels[pairs.anchor][valid], pairs.cluster[valid])
    assert torch.equal(labels[pairs.partner][valid], pairs.cluster[valid])


def test_label_says_whether_the_domains_agree():
    labels, is_source = mixed_batch()
    pairs = draw(labels, is_source, 7)
    agree = is_source[pairs.anchor] == is_source[pairs.partner]
    assert torch.equal(pairs.same_domain[pairs.valid], agree[pairs.valid])


def test_no_token_is_paired_with_itself_even_in_the_smallest_cluster():
    pairs = draw([0, 0, 0, 0], [True, True, False, False], 1, seed=4)
    assert pairs.valid.all()
    assert not (pairs.anchor == pairs.partner).any()
    same_images = pairs.same_domain & (pairs.anchor < 2)
    assert torch.equal(
        pairs.anchor[same_images] + pairs.partner[same_images] == 1,
        torch.ones(1024, dtype=torch.bool),
    )


def test_each_usable_cluster_gives_equally_many_pairs_of_each_kind():
    labels, is_source = mixed_batch(num_clusters=11)
    pairs = draw(labels, is_source, 11)
    # 1024 groups of four over 11 clusters: 93 each, one group left over
    assert int(pairs.valid.sum()) == 93 * 11 * 4
    source = is_source[pairs.anchor].long() * 2 + is_source[pairs.partner].long()
    key = (pairs.cluster * 4 + source)[pairs.valid]
    assert torch.bincount(key, minlength=44).tolist() == [93] * 44


@pytest.mark.parametrize("source_share", [0.1, 0.5, 0.97])
def test_half_of_the_pairs_are_of_one_domain_whatever_the_mix(source_share):
    labels, is_source = mixed_batch(source_share=source_share)
    pairs = draw(labels, is_source, 7)
    assert pairs.same_domain[pairs.valid].float().mean().item() == 0.5
    assert is_source[pairs.anchor][pairs.valid].float().mean().item() == 0.5


def test_a_constant_guess_is_at_chance_in_a_cluster_of_ten_percent_images():
    labels, is_source = mixed_batch(num_clusters=1, source_share=0.1)
    pairs = draw(labels, is_source, 1)
    best = min(
        functional.binary_cross_entropy_with_logits(
            torch.full((NUM_PAIRS,), float(logit)), pairs.same_domain.float()
        ).item()
        for logit in torch.linspace(-3, 3, 61)
    )
    assert best == pytest.approx(math.log(2), abs=1e-6)


def test_natural_pairs_of_ten_percent_images_are_of_one_domain_in_82_percent():
    labels, is_source = torch.zeros(5000).long(), torch.arange(5000) < 500
    pairs = draw(labels, is_source, 1, num_pairs=20_000, balance="natural")
    assert pairs.same_domain.float().mean().item() == pytest.approx(0.82, abs=0.02)
    assert pairs.valid.all()


def test_natural_pairs_are_drawn_uniformly_among_all_of_a_cluster():
    labels, is_source = torch.zeros(9).long(), torch.arange(9) < 2
    pairs = draw(labels, is_source, 1, num_pairs=72_000, balance="natural")
    counts = torch.bincount(pairs.anchor * 9 + pairs.partner, minlength=81).view(9, 9)
    assert not counts.diagonal().any()
    assert chisquare(counts[~torch.eye(9).bool()].numpy()).pvalue > 1e-3


def test_natural_pairs_come_equally_from_each_cluster_of_both_domains():
    labels, is_source = [0] * 3 + [1] * 900 + [2] * 50, [True, False, False] + [True] * 50
    is_source += [False] * 850 + [True] * 50
    pairs = draw(labels, is_source, 4, balance="natural")
    assert pairs.usable.tolist() == [True, True, False, False]
    assert pairs.cluster[pairs.valid].bincount().tolist() == [2048, 2048]
    cluster = torch.as_tensor(labels)
    assert torch.equal(cluster[pairs.anchor], pairs.cluster)
    assert torch.equal(cluster[pairs.partner], pairs.cluster)
    assert not (pairs.anchor == pairs.partner).any()


def test_swapped_pairs_are_distributed_alike():
    labels, is_source = mixed_batch(num_tokens=40, num_clusters=1, source_share=0.3)
    pairs = draw(labels, is_source, 1, num_pairs=40_000)
    anchors, partners = (torch.bincount(x, minlength=40) for x in (pairs.anchor, pairs.partner))
    together = (anchors + partners) / 2
    assert chisquare(anchors, together).pvalue > 1e-3


def test_all_members_of_a_kind_are_drawn_alike():
    labels, is_source = mixed_batch(num_tokens=300, num_clusters=3, source_share=0.4)
    pairs = draw(labels, is_source, 3, num_pairs=120_000)
    for index in (pairs.anchor, pairs.partner):
        for cluster in range(3):
            for domain in (True, False):
                members = (labels == cluster) & (is_source == domain)
                drawn = torch.bincount(index[pairs.valid], minlength=300)[members]
                assert chisquare(drawn.numpy()).pvalue > 1e-4


def test_partners_of_one_anchor_cover_its_whole_group():
    is_source = [True] * 5 + [False] * 5
    pairs = draw([0] * 10, is_source, 1)
    of_first = pairs.anchor == 0
    assert set(pairs.partner[of_first & pairs.same_domain].tolist()) == {1, 2, 3, 4}
    assert set(pairs.partner[of_first & ~pairs.same_domain].tolist()) == {5, 6, 7, 8, 9}


def test_clusters_without_two_tokens_of_each_domain_are_skipped():
    labels = [0] * 4 + [1] * 4 + [2] * 4 + [4] * 4  # 3 is empty
    is_source = [True, True, False, False] + [True] * 4 + [True, False, False, False]
    is_source += [True, True, True, False]
    pairs = draw(labels, is_source, 5)
    assert pairs.usable.tolist() == [True, False, False, False, False]
    assert pairs.counts.tolist() == [[2, 2], [4, 0], [1, 3], [0, 0], [3, 1]]
    assert pairs.cluster[pairs.valid].unique().tolist() == [0]
    assert pairs.valid.all()


@pytest.mark.parametrize("domain", [True, False])
def test_a_batch_of_one_domain_gives_no_valid_pair_but_legal_indices(domain):
    pairs = draw([0, 1, 2, 2, 1], [domain] * 5, 3, num_pairs=12)
    assert not pairs.valid.any()
    assert pairs.anchor.shape == pairs.partner.shape == (12,)
    assert 0 <= int(pairs.anchor.min()) <= int(pairs.anchor.max()) < 5
    assert 0 <= int(pairs.partner.min()) <= int(pairs.partner.max()) < 5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pairs_are_legal_for_any_clusters(data):
    num_clusters = data.draw(st.integers(1, 6))
    size = data.draw(st.integers(1, 40))
    labels = torch.tensor(
        data.draw(st.lists(st.integers(0, num_clusters - 1), min_size=size, max_size=size))
    )
    is_source = torch.tensor(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    balance = data.draw(st.sampled_from(["balanced", "natural"]))
    pairs = draw(labels, is_source, num_clusters, num_pairs=32, balance=balance)
    agree = is_source[pairs.anchor] == is_source[pairs.partner]
    assert torch.equal(pairs.same_domain[pairs.valid], agree[pairs.valid])
    assert int(torch.stack((pairs.anchor, pairs.partner)).max()) < size
    anchor, partner, cluster = (
        x[pairs.valid] for x in (pairs.anchor, pairs.partner, pairs.cluster)
    )
    assert torch.equal(labels[anchor], cluster)
    assert torch.equal(labels[partner], cluster)
    assert not (anchor == partner).any()
    assert pairs.valid.any() == pairs.usable.any()
    assert set(cluster.tolist()) == set(pairs.usable.nonzero().flatten().tolist())


def test_same_generator_same_pairs_and_other_seed_other_pairs():
    labels, is_source = mixed_batch()
    first, again, other = (draw(labels, is_source, 7, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.anchor, again.anchor)
    assert torch.equal(first.partner, again.partner)
    assert not torch.equal(first.anchor, other.anchor)


def test_the_global_random_stream_is_left_alone():
    before = torch.get_rng_state()
    draw(*mixed_batch(), 7)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num_pairs", [0, 24, 30])
def test_number_of_pairs_that_does_not_fit_is_refused(num_pairs):
    with pytest.raises(
        UsageError,
        match=f"adversarial.pairs: got {num_pairs}, expected a multiple of 4 and at least 28",
    ):
        draw(*mixed_batch(), 7, num_pairs=num_pairs)


def test_labels_and_domains_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r"got labels \(3,\) and domains \(2,\)"):
        draw([0, 0, 0], [True, False], 1)
    with pytest.raises(ValueError, match="with M > 0"):
        draw([], [], 1)
