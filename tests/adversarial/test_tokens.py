import pytest
import torch

from vsda.adversarial.tokens import DomainTokens


@pytest.fixture
def tokens():
    torch.manual_seed(0)
    return DomainTokens(
        torch.randn(5, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    )


def test_images_come_first_in_the_numbering(tokens):
    assert len(tokens) == 9
    assert tokens.is_source().tolist() == [True] * 5 + [False] * 4
    assert torch.equal(tokens.joined(), torch.cat((tokens.source, tokens.target)))


def test_tokens_are_taken_by_number_as_from_the_joined_ones(tokens):
    numbers = torch.tensor([0, 8, 4, 5, 4, 8, 3])
    assert torch.equal(tokens.take(numbers), tokens.joined()[numbers])


def test_the_gradient_of_what_is_taken_is_that_of_the_joined_ones(tokens):
    numbers, weights = torch.randint(9, (40,)), torch.randn(40, 3)
    inputs = (tokens.source, tokens.target)
    ours = torch.autograd.grad((tokens.take(numbers) * weights).sum(), inputs)
    theirs = torch.autograd.grad((tokens.joined()[numbers] * weights).sum(), inputs)
    for each, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(each, expected)


@pytest.mark.parametrize("empty", [0, 1])
def test_a_domain_may_be_empty(tokens, empty):
    parts = [tokens.source, tokens.target]
    parts[empty] = torch.empty(0, 3)
    numbers = torch.tensor([3, 0])
    assert torch.equal(DomainTokens(*parts).take(numbers), parts[1 - empty][numbers])


def test_detached_tokens_carry_no_gradient(tokens):
    detached = tokens.detach()
    assert not detached.take(torch.tensor([0, 7])).requires_grad
    assert torch.equal(detached.source, tokens.source)
