import copy
import io
import math

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from vsda.adversarial.discriminators import PairDiscriminator
from vsda.adversarial.losses import ClusteredLoss, Clustering, DomainLoss
from vsda.adversarial.tokens import DomainTokens
from vsda.errors import UsageError


class ConstantLogit(nn.Module):
    """A discriminator that always says the same: its losses can be worked by hand."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, tokens, partners):
        return (tokens - partners).sum(dim=-1) * 0 + self.logit


class Remembering(nn.Module):
    """A pair discriminator that keeps the tokens it was shown."""

    def __init__(self, in_features):
        super().__init__()
        self.inner = PairDiscriminator(in_features)

    def forward(self, tokens, partners):
        self.seen = tokens.detach(), partners.detach()
        return self.inner(tokens, partners)


class WaitingOperations(TorchDispatchMode):
    """Records the operations that would make the host wait for a device."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        masks = func is torch.ops.aten.index.Tensor and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        plain_index = func is torch.ops.aten.index.Tensor and not masks
        tags = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
        if tags & set(func.tags) and not plain_index:
            self.found.add(str(func))
        return func(*args, **(kwargs or {}))


def new_generator(seed=0):
    return torch.Generator().manual_seed(seed)


def loss_of(discriminator, in_features=6, reduction="mean", **how):
    clustering = Clustering(**{"num_clusters": 3, "num_pairs": 240} | how)
    return ClusteredLoss(discriminator, clustering, in_features=in_features, reduction=reduction)


def new_loss(in_features=6, pair_input="symmetric", **options):
    torch.manual_seed(0)
    discriminator = PairDiscriminator(in_features, pair_input=pair_input)
    return loss_of(discriminator, in_features, **options)


def two_domains(offset=0.0, seed=1, shape=(2, 10, 10, 6)):
    """Tokens of three blobs in each domain; `offset` is added to the first channel of images."""
    generator = new_generator(seed)
    centres = 20 * torch.eye(3, shape[-1])
    blob = torch.randint(3, (2, *shape[:-1]), generator=generator)
    tokens = centres[blob] + 0.3 * torch.randn(2, *shape, generator=generator)
    tokens[0, ..., -1] += offset
    return tokens[0].clone().requires_grad_(), tokens[1].clone().requires_grad_()


def test_loss_of_a_constant_guess_worked_by_hand():
    # sigmoid(ln 3) = 3/4: half of the pairs cost ln 4/3, half ln 4
    loss = loss_of(ConstantLogit(math.log(3)))
    terms = loss(*two_domains(), strength=1.0, generator=new_generator())
    assert terms.loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert (terms.accuracy_same.item(), terms.accuracy_cross.item()) == (1.0, 0.0)


def test_both_orders_of_a_concatenated_pair_count_half():
    loss = new_loss(pair_input="concatenated")
    remembering = Remembering(6)
    remembering.inner = loss.discriminator
    loss.discriminator = remembering
    terms = loss(*two_domains(), strength=1.0, generator=new_generator())
    x, y = remembering.seen
    ordered, swapped = (
        remembering.inner.layers(torch.cat(pair, dim=1))[:, 0] for pair in ((x, y), (y, x))
    )
    same = (torch.arange(len(x)) % 4 // 2) == torch.arange(len(x)) % 2
    bce = nn.functional.binary_cross_entropy_with_logits
    expected = (bce(ordered, same.float()) + bce(swapped, same.float())) / 2
    assert terms.loss.item() == pytest.approx(expected.item(), abs=1e-6)
    right = (torch.stack((ordered, swapped)) > 0)[:, same].float().mean()
    assert terms.accuracy_same.item() == pytest.approx(right.item())


class Swapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, tokens, partners):
        return self.inner(partners, tokens)


@pytest.mark.parametrize("pair_input", ["symmetric", "concatenated"])
def test_swapping_all_pairs_leaves_the_loss_as_it_was(pair_input):
    plain, swapped = new_loss(pair_input=pair_input), new_loss(pair_input=pair_input)
    swapped.discriminator = Swapped(swapped.discriminator)
    losses = [
        loss(*two_domains(), strength=1.0, generator=new_generator()).loss.item()
        for loss in (plain, swapped)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_natural_pairs_let_a_constant_guess_profit_from_the_mix():
    images, frames = torch.randn(100, 6), torch.randn(900, 6)
    loss = loss_of(ConstantLogit(5.0), num_clusters=1, num_pairs=4096, balance="natural")
    terms = loss(images, frames, strength=1.0, generator=new_generator())
    # 0.82 of the pairs cost next to nothing, 0.18 of them 5
    assert terms.loss.item() == pytest.approx(0.18 * 5, abs=0.1)


def test_whole_frames_are_tokens_too():
    frames = torch.randn(2, 8, 4 * 4 * 6, requires_grad=True)
    loss = new_loss(in_features=96, num_clusters=1)
    terms = loss(*frames, strength=1.0, generator=new_generator())
    terms.loss.backward()
    assert terms.num_valid_clusters.item() == 1
    assert frames.grad.any()


def test_a_batch_above_the_fits_size_is_clustered_by_centroids_of_a_sample():
    loss, (source, target) = new_loss(fit_tokens=50), two_domains()
    tokens = DomainTokens(source.detach().flatten(0, -2), target.detach().flatten(0, -2))
    clusters = loss.cluster(tokens, new_generator())
    nearest = torch.cdist(tokens.joined(), clusters.centroids).argmin(dim=1)
    assert torch.equal(clusters.labels, nearest)
    blobs = tokens.joined()[:, :3].argmax(dim=1)
    assert torch.stack((clusters.labels, blobs)).unique(dim=1).shape == (2, 3)  # one to one
    everything = new_loss(fit_tokens=400).cluster(tokens, new_generator())
    assert not torch.equal(clusters.centroids, everything.centroids)


def test_to_cluster_changes_nothing():
    loss = new_loss()
    loss.cluster(DomainTokens(torch.randn(9, 6), torch.randn(9, 6)), new_generator())
    assert not loss.holds_centroids
    assert not loss.centroids.any()


def test_a_fit_to_a_sample_resumes_bit_for_bit():
    first = new_loss(fit_tokens=50)
    first(*two_domains(), strength=1.0, generator=new_generator())
    second = new_loss(fit_tokens=50)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    terms = [
        loss(*two_domains(seed=2), strength=1.0, generator=new_generator(4))
        for loss in (first, second)
    ]
    assert torch.equal(terms[0].loss, terms[1].loss)
    assert torch.equal(first.centroids, second.centroids)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_131072_tokens_under_autocast_train_with_finite_gradients(dtype, reduction):
    batch = torch.randn(2, 16, 64, 64, 6).requires_grad_()
    loss = new_loss(reduction=reduction)
    with torch.autocast("cpu", dtype=dtype):
        terms = loss(*batch, strength=1.0, generator=new_generator())
    terms.loss.backward()
    assert terms.loss.dtype == torch.float32
    assert batch.grad.isfinite().all()
    assert batch.grad.any()
    assert all(each.grad.isfinite().all() for each in loss.parameters())
    assert loss.discriminator.layers[0].weight.grad.any()


@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0])
def test_the_discriminators_gradient_does_not_depend_on_the_strength(strength):
    gradients = []
    for each in (1.0, strength):
        loss = new_loss()
        loss(*two_domains(), strength=each, generator=new_generator()).loss.backward()
        gradients.append([parameter.grad for parameter in loss.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_sum_is_the_mean_times_the_number_of_valid_pairs():
    mean = loss_of(ConstantLogit(0.0), num_pairs=400)
    total = loss_of(ConstantLogit(0.0), num_pairs=400, reduction="sum")
    batch = two_domains()
    assert mean(*batch, strength=1.0, generator=new_generator()).loss.item() == pytest.approx(
        math.log(2)
    )
    # 100 groups of four over 3 clusters: 33 each, so that 396 of 400 pairs are valid
    assert total(*batch, strength=1.0, generator=new_generator()).loss.item() == pytest.approx(
        396 * math.log(2)
    )


def test_pairs_stay_inside_the_blobs():
    loss = loss_of(Remembering(6))
    loss(*two_domains(), strength=1.0, generator=new_generator())
    tokens, partners = loss.discriminator.seen
    assert (tokens - partners).norm(dim=1).max() < 10  # blobs lie 28 apart
    assert tokens[:, :3].argmax(dim=1).bincount().tolist() == [80, 80, 80]


def test_moving_one_cluster_away_changes_nothing_for_the_others():
    source, target = two_domains()
    loss = new_loss()
    loss(source, target, strength=1.0, generator=new_generator())
    gradients = []
    for distance in (0.0, 1000.0):
        moved = copy.deepcopy(loss)
        batch = []
        for tokens in (source, target):
            far = tokens.detach().clone()
            far[far[..., 0] > 10, 0] += distance
            batch.append(far.requires_grad_())
        moved.centroids[moved.centroids[:, 0] > 10, 0] += distance
        moved(*batch, strength=1.0, generator=new_generator(7)).loss.backward()
        stays = batch[0].detach()[..., 0] < 10
        gradients.append(batch[0].grad[stays])
    assert gradients[0].any()
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)


def test_identical_domains_are_at_chance():
    torch.manual_seed(0)
    loss = new_loss(in_features=96, num_clusters=11, num_pairs=4096)
    batch = torch.randn(2, 4, 16, 16, 96)
    terms = loss(*batch, strength=1.0, generator=new_generator())
    assert terms.loss.item() == pytest.approx(math.log(2), abs=0.02)
    accuracy = (terms.accuracy_same + terms.accuracy_cross) / 2
    assert accuracy.item() == pytest.approx(0.5, abs=0.03)


def test_cluster_shares_and_valid_clusters_are_counted():
    centres = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    source, target = centres[[0, 0, 0, 1, 1]], centres[[0, 0, 2, 2, 1]]
    loss = loss_of(ConstantLogit(0.0), 2, num_clusters=4, num_pairs=16)
    loss.load_state_dict(
        {
            "centroids": torch.cat((centres, torch.tensor([[500.0, 500.0]]))),
            "holds_centroids": torch.tensor(True),
        }
    )
    terms = loss(source, target, strength=1.0, generator=new_generator())
    shares = terms.cluster_source_share
    assert shares[:3].tolist() == pytest.approx([3 / 5, 2 / 3, 0.0])
    assert shares[3].isnan()
    assert terms.num_valid_clusters.item() == 1
    scalars = {name: value.item() for name, value in terms.scalars().items()}
    assert math.isnan(scalars.pop("cluster_source_share_3"))
    assert scalars == {
        "loss_adversarial": pytest.approx(math.log(2)),
        "accuracy_same": 0.0,
        "accuracy_cross": 1.0,
        "cluster_source_share_0": pytest.approx(0.6),
        "cluster_source_share_1": pytest.approx(2 / 3),
        "cluster_source_share_2": 0.0,
        "num_valid_clusters": 1.0,
    }


@pytest.mark.parametrize("empty_domain", [0, 1])
def test_a_batch_of_one_domain_gives_zero_with_a_graph(empty_domain):
    batch = list(two_domains())
    batch[empty_domain] = torch.empty(0, 10, 10, 6, requires_grad=True)
    loss = new_loss()
    terms = loss(*batch, strength=1.0, generator=new_generator())
    terms.loss.backward()
    assert terms.loss.item() == 0.0
    assert not batch[1 - empty_domain].grad.any()
    assert all(not parameter.grad.any() for parameter in loss.parameters())
    assert terms.accuracy_same.isnan()
    assert terms.accuracy_cross.isnan()


def test_warm_start_continues_from_the_last_centroids():
    loss = new_loss(iterations=1)
    assert not loss.holds_centroids
    loss(*two_domains(), strength=1.0, generator=new_generator())
    assert loss.holds_centroids
    after_first = loss.centroids.clone()
    loss(*two_domains(seed=2), strength=1.0, generator=new_generator(99))
    drift = (loss.centroids - after_first).norm(dim=1)
    assert 0 < drift.max() < 1  # another batch of the same blobs: the same clusters in their order


def test_evaluation_uses_the_centroids_but_does_not_move_them():
    loss = new_loss()
    loss.eval()(*two_domains(), strength=1.0, generator=new_generator())
    assert not loss.holds_centroids
    loss.train()(*two_domains(), strength=1.0, generator=new_generator())
    before = loss.centroids.clone()
    loss.eval()(*two_domains(seed=2), strength=1.0, generator=new_generator())
    assert torch.equal(loss.centroids, before)


def test_a_reloaded_loss_goes_on_bit_for_bit():
    first, generator = new_loss(), new_generator()
    first(*two_domains(), strength=1.0, generator=generator)
    saved = io.BytesIO()
    torch.save({"loss": first.state_dict(), "generator": generator.get_state()}, saved)
    expected = first(*two_domains(seed=2), strength=1.0, generator=generator)
    saved.seek(0)
    state = torch.load(saved, weights_only=True)
    second, generator = new_loss(), new_generator(50)
    second.load_state_dict(state["loss"])
    generator.set_state(state["generator"])
    actual = second(*two_domains(seed=2), strength=1.0, generator=generator)
    assert torch.equal(expected.loss, actual.loss)
    assert torch.equal(first.centroids, second.centroids)


def test_state_of_an_unused_loss_makes_a_used_one_cold_again():
    used, unused = new_loss(), new_loss()
    used(*two_domains(), strength=1.0, generator=new_generator())
    used.load_state_dict(unused.state_dict())
    terms = [
        loss(*two_domains(seed=2), strength=1.0, generator=new_generator(4))
        for loss in (used, unused)
    ]
    assert torch.equal(terms[0].loss, terms[1].loss)


def test_all_random_numbers_come_from_the_generator():
    loss = new_loss()
    before = torch.get_rng_state()
    loss(*two_domains(), strength=0.0, generator=new_generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_strength_zero_leaves_the_tokens_gradient_at_zero():
    source, target = two_domains(offset=1.0)
    loss = new_loss()
    loss(source, target, strength=0.0, generator=new_generator()).loss.backward()
    assert not source.grad.any()
    assert not target.grad.any()
    assert all(parameter.grad.any() for parameter in loss.parameters())


def test_surrounding_bf16_autocast_changes_no_cluster():
    outside, inside = new_loss(), new_loss()
    batch = two_domains(shape=(2, 10, 10, 6))
    outside(*batch, strength=1.0, generator=new_generator())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = inside(*batch, strength=1.0, generator=new_generator())
    assert torch.equal(outside.centroids, inside.centroids)
    assert terms.loss.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sum_over_131072_pairs_at_chance_is_finite_in_16_bits(dtype):
    loss = loss_of(ConstantLogit(0.0), num_clusters=1, num_pairs=131_072, reduction="sum")
    batch = [tokens.to(dtype) for tokens in two_domains()]
    terms = loss(*batch, strength=1.0, generator=new_generator())
    assert terms.loss.item() == pytest.approx(131_072 * math.log(2), rel=1e-5)


WAYS = {
    "domain": lambda: DomainLoss(nn.Linear(6, 1)),
    "clustered": new_loss,
    "sampled": lambda: new_loss(fit_tokens=50),
    "natural": lambda: new_loss(balance="natural", pair_input="concatenated"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_operation_waits_for_the_device(way):
    loss = WAYS[way]()
    batch, generator = two_domains(), new_generator()
    with WaitingOperations() as waiting:
        for _ in range(2):  # cold and warm
            loss(*batch, strength=1.0, generator=generator).loss.backward()
    assert waiting.found == set()


def test_the_check_for_waiting_finds_what_waits():
    values = torch.tensor([1.0, 0.0])
    with WaitingOperations() as waiting:
        values.sum().item()
        values[values > 0]
        values.nonzero()
    assert len(waiting.found) == 3


def test_diagnostics_are_detached():
    terms = new_loss()(*two_domains(), strength=1.0, generator=new_generator())
    for name in ("accuracy_same", "accuracy_cross", "cluster_source_share", "num_valid_clusters"):
        assert not getattr(terms, name).requires_grad
    assert terms.loss.requires_grad


def test_missing_generator_is_refused():
    with pytest.raises(ValueError, match=r"got no generator, expected a torch\.Generator"):
        new_loss()(*two_domains(), strength=1.0)


def test_tokens_of_another_width_are_refused():
    with pytest.raises(ValueError, match="got tokens of 6 channels, expected in_features = 5"):
        new_loss(in_features=5)(*two_domains(), strength=1.0, generator=new_generator())


def test_more_clusters_than_tokens_are_refused():
    tokens = torch.randn(1, 1, 1, 6)
    message = "adversarial.clusters: got 3 clusters for the 2 tokens of a batch, .* lower adv"
    with pytest.raises(UsageError, match=message):
        new_loss()(tokens, tokens, strength=1.0, generator=new_generator())


def test_number_of_pairs_is_checked_when_built():
    message = "adversarial.pairs: got 8, expected a multiple of 4 and at least 12"
    with pytest.raises(UsageError, match=message):
        new_loss(num_pairs=8)


def test_unknown_balance_is_refused():
    with pytest.raises(ValueError, match="balance: got 'blind', expected one of"):
        new_loss(balance="blind")


def test_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction: got 'none'"):
        new_loss(reduction="none")
