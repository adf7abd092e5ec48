"""The probe against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from vsda.gap.logistic import fit_probe


@pytest.mark.parametrize(
    ("channels", "classes", "number"), [(12, 2, 300), (40, 2, 60), (20, 4, 300)]
)
def test_equals_scikit_learn(channels, classes, number):
    generator = torch.Generator().manual_seed(channels)
    labels = (torch.rand(number, generator=generator) ** 2 * classes).long()  # unequally often
    centres = torch.randn(classes, channels, generator=generator)
    features = 5 + 3 * torch.randn(number, channels, generator=generator) + 2 * centres[labels]
    probe = fit_probe(features, labels, classes)
    inputs = (features - features.mean(0)) / features.std(0, correction=0)
    oracle = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-8, max_iter=5000)
    oracle.fit(inputs.double().numpy(), labels.numpy())
    np.testing.assert_allclose(probe.weights.T.numpy(), oracle.coef_, atol=0.02)
    bias = probe.bias.numpy()
    if classes > 2:  # a common summand changes nothing
        bias, oracle.intercept_ = bias - bias.mean(), oracle.intercept_ - oracle.intercept_.mean()
    np.testing.assert_allclose(bias, oracle.intercept_, atol=0.02)
    agreement = probe.predict(features).numpy() == oracle.predict(inputs.double().numpy())
    assert agreement.mean() > 0.99


def test_constant_channel_says_nothing():
    labels = torch.arange(20) % 2
    features = torch.stack((torch.full((20,), 7.0), labels.float()), dim=1)
    probe = fit_probe(features, labels, 2)
    assert probe.weights[0].item() == pytest.approx(0)
    assert torch.equal(probe.predict(features), labels)
