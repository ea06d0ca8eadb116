import numpy as np
import pytest
from scipy.stats import kstest

from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.seeds import certificate_seed

SHAPE = (3, 32, 32)


def test_noise_of_a_sample_depends_on_nothing_but_its_key() -> None:
    """Drawn again, in another order, by another object: the same bits."""
    first, second = SeededNoise(b"secret"), SeededNoise(b"secret")
    draws = {index: first("estimate", index, SHAPE) for index in range(5)}

    for index in reversed(range(5)):
        assert np.array_equal(second("estimate", index, SHAPE), draws[index])


def test_samples_phases_certificates_and_secrets_have_noise_of_their_own() -> None:
    """No two keys share noise."""
    draws = [
        SeededNoise(certificate_seed(secret, certificate))(phase, index, SHAPE).tobytes()
        for secret in (b"a", b"b")
        for certificate in ("x", "y")
        for phase in ("predict", "select", "estimate")
        for index in range(20)
    ]

    assert len(set(draws)) == len(draws)


@pytest.mark.slow
def test_noise_is_standard_normal() -> None:
    """Moments, tails and the whole distribution of 1.5 million values are those of N(0, 1)."""
    values = np.concatenate([SeededNoise(b"k")("estimate", index, SHAPE).ravel() for index in range(500)])

    assert abs(values.mean()) < 4 / np.sqrt(values.size)
    assert abs(values.std() - 1) < 4 / np.sqrt(2 * values.size)
    assert abs((np.abs(values) > 3).mean() - 0.0027) < 0.0002
    assert kstest(values, "norm").pvalue > 1e-4


def test_samples_are_uncorrelated() -> None:
    """Neighbouring samples share nothing: their correlations look like chance."""
    draws = np.stack([SeededNoise(b"k")("estimate", index, SHAPE).ravel() for index in range(100)])
    correlations = np.corrcoef(draws)[np.triu_indices(100, 1)]

    assert np.abs(correlations).max() < 6 / np.sqrt(draws.shape[1])
