import pytest
import torch

from vsda.adversarial.gradient_reversal import grad_reverse

TYPES = [torch.float64, torch.float32, torch.bfloat16]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0, 10.0])
def test_forward_is_the_identity_bit_for_bit(dtype, strength):
    x = torch.randn(5, 3).to(dtype)
    assert torch.equal(grad_reverse(x, strength), x)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0, 10.0])
def test_gradient_is_multiplied_by_minus_the_strength(dtype, strength):
    x = torch.randn(5, 3).to(dtype).requires_grad_()
    flowing = torch.randn(5, 3).to(dtype)
    grad_reverse(x, strength).backward(flowing)
    assert x.grad.dtype == dtype
    assert torch.equal(x.grad, -strength * flowing)


def test_strength_zero_gives_zeros_and_not_none():
    x = torch.ones(4, requires_grad=True)
    grad_reverse(x, 0.0).sum().backward()
    assert torch.equal(x.grad, torch.zeros(4))


def test_gradcheck_fails_since_the_gradient_is_not_that_of_the_identity():
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(lambda y: grad_reverse(y, 1.0), x)


def test_gradcheck_passes_for_two_reversals_and_for_minus_one():
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: grad_reverse(grad_reverse(y, 1.0), 1.0), x)
    assert torch.autograd.gradcheck(lambda y: grad_reverse(y, -1.0), x)


def test_the_gradient_itself_can_be_differentiated():
    x = torch.tensor(3.0, requires_grad=True)
    (slope,) = torch.autograd.grad(grad_reverse(x**2, 0.5), x, create_graph=True)
    slope.backward()
    assert slope.item() == -3.0  # -0.5 * 2 x
    assert x.grad.item() == -1.0


def test_input_without_gradient_passes_through():
    assert not grad_reverse(torch.ones(2), 1.0).requires_grad
