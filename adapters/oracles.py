"""Base classifiers whose smoothed answer is known exactly: they test the whole service (profiles `oracle-*`)."""

import numpy as np
import torch

PARITY_SCALE = 1 << 16


def linear_weights(shape: tuple[int, ...]) -> np.ndarray:
    """A fixed direction of unit length, float64."""
    direction = np.random.Generator(np.random.Philox(key=0)).standard_normal(shape)
    weights: np.ndarray = direction / np.linalg.norm(direction)
    return weights


def exact_margin(image: np.ndarray) -> float:
    """w.x + b of an image (3, H, W): class 0 where positive; its size is the exact robust radius at any sigma."""
    return float((linear_weights(image.shape) * (image.astype(np.float64) - 0.5)).sum())


class LinearOracle:
    """f(x) = sign(w.x + b) with ||w|| = 1, as two logits; b puts the mid-grey image on the boundary."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        weights = torch.from_numpy(linear_weights(tuple(x0.shape[1:]))).to(self.device)
        margin = ((x0.double() - 0.5) * weights).sum(dim=(1, 2, 3))
        return torch.stack([margin, -margin], dim=1)


class CoinOracle:
    """Heads or tails with equal probability for every noisy sample: the parity of a far digit of its first value."""

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        heads = (x0[:, 0, 0, 0].double() * PARITY_SCALE).floor().remainder(2)
        return torch.stack([heads, 1 - heads], dim=1)
