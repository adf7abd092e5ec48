import pytest
import torch
from torch import nn

from vsda.adversarial.discriminators import (
    PairDiscriminator,
    TokenDiscriminator,
    pair_features,
)


def layer_kinds(discriminator):
    return [type(layer) for layer in discriminator.layers]


@pytest.mark.parametrize("num_tokens", [1, 7, 12288])
def test_each_token_gets_one_logit(num_tokens):
    assert TokenDiscriminator(96)(torch.randn(num_tokens, 96)).shape == (num_tokens,)


def test_a_grid_of_tokens_gets_a_grid_of_logits():
    discriminator = TokenDiscriminator(6)
    tokens = torch.randn(2, 3, 5, 6)
    logits = discriminator(tokens)
    assert logits.shape == (2, 3, 5)
    torch.testing.assert_close(logits.flatten(), discriminator(tokens.flatten(0, -2)))


def test_linear_layers_and_leaky_relus_alternate():
    assert layer_kinds(TokenDiscriminator(4, (8, 16))) == [
        nn.Linear,
        nn.LeakyReLU,
        nn.Linear,
        nn.LeakyReLU,
        nn.Linear,
    ]
    assert layer_kinds(TokenDiscriminator(4, ())) == [nn.Linear]
    assert TokenDiscriminator(4).layers[1].negative_slope == 0.2


def test_logit_of_hand_set_weights():
    discriminator = TokenDiscriminator(2, (1,))
    with torch.no_grad():
        for parameter, value in zip(
            discriminator.parameters(), ([[1.0, -1.0]], [0.0], [[10.0]], [1.0]), strict=True
        ):
            parameter.copy_(torch.tensor(value))
    # 3 - 1 = 2 -> 2 -> 21;  1 - 3 = -2 -> -0.4 -> -3
    logits = discriminator(torch.tensor([[3.0, 1.0], [1.0, 3.0]]))
    torch.testing.assert_close(logits, torch.tensor([21.0, -3.0]))


def test_permuted_tokens_give_permuted_logits():
    discriminator = TokenDiscriminator(8)
    tokens, order = torch.randn(50, 8), torch.randperm(50)
    torch.testing.assert_close(discriminator(tokens[order]), discriminator(tokens)[order])


def test_pair_features_of_hand_written_tokens():
    features = pair_features(torch.tensor([[1.0, -2.0]]), torch.tensor([[4.0, 3.0]]))
    assert features.tolist() == [[3.0, 5.0, 4.0, -6.0]]


def test_swapping_a_pair_changes_nothing():
    discriminator = PairDiscriminator(8)
    tokens, partners = torch.randn(2, 20, 8)
    assert discriminator(tokens, partners).shape == (20,)
    assert torch.equal(discriminator(tokens, partners), discriminator(partners, tokens))


def test_concatenated_tokens_are_judged_in_both_orders():
    discriminator = PairDiscriminator(8, pair_input="concatenated")
    tokens, partners = torch.randn(2, 20, 8)
    logits = discriminator(tokens, partners)
    assert logits.shape == (2, 20)
    one_order = discriminator.layers(torch.cat((tokens, partners), dim=1))[:, 0]
    torch.testing.assert_close(logits[0], one_order)
    torch.testing.assert_close(discriminator(partners, tokens), logits.flip(0))
    assert (logits[0] - logits[1]).abs().min() > 0


def test_unknown_pair_input_is_refused():
    with pytest.raises(ValueError, match="pair_input: got 'difference', expected one of"):
        PairDiscriminator(4, pair_input="difference")


@pytest.mark.parametrize("kind", [TokenDiscriminator, PairDiscriminator])
def test_training_and_evaluation_agree_and_draw_nothing(kind):
    discriminator = kind(4)
    inputs = torch.randn(1 if kind is TokenDiscriminator else 2, 9, 4)
    before = torch.get_rng_state()
    assert torch.equal(discriminator.train()(*inputs), discriminator.eval()(*inputs))
    assert torch.equal(torch.get_rng_state(), before)


def test_wrong_number_of_channels_is_named():
    message = r"got tokens of shape \(3, 5\), expected 4 channels"
    with pytest.raises(ValueError, match=message):
        TokenDiscriminator(4)(torch.ones(3, 5))
    with pytest.raises(ValueError, match=message):
        PairDiscriminator(4)(torch.ones(3, 4), torch.ones(3, 5))
