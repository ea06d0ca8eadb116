import numpy as np
import pytest
import torch

from adapters.models.oracles import CoinOracle, LinearOracle, exact_margin, linear_weights
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes

SHAPE = (3, 32, 32)


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(SHAPE, dtype=np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_margin_is_the_distance_to_the_boundary(seed: int) -> None:
    """A step of that length along the weights reaches the boundary, and one step less does not."""
    x = image(seed)
    margin = exact_margin(x)
    oracle = LinearOracle(torch.device("cpu"))
    steps = [x - share * margin * linear_weights(SHAPE) for share in (0.999, 1.001)]
    logits = oracle(torch.from_numpy(np.stack([x, *steps])))

    assert (logits[:, 0] > 0).tolist() == [margin > 0, margin > 0, margin < 0]


@pytest.mark.slow
def test_coin_is_fair_whatever_the_image() -> None:
    """400 runs of 1,000 samples have the mean and the variance of independent fair coins."""
    counts = []
    for seed in range(400):
        samples = GaussianSamples(image(seed % 7)[:, :1, :1], 0.25, SeededNoise(b"%032d" % seed))
        counts.append(NoisyVotes(CoinOracle(), samples, "estimate", 2, 500)(0, 1000)[0])

    assert abs(np.mean(counts) - 500) < 4 * np.sqrt(250 / 400)
    assert 0.8 <= np.var(counts) / 250 <= 1.25
