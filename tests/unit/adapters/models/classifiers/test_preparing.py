import pytest
import torch

from adapters.models.classifiers.preparing import Preparation

CPU = torch.device("cpu")
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def test_images_when_the_network_takes_any_size() -> None:
    """They are less the mean, divided by the standard deviation, and nothing else."""
    images = torch.rand(2, 3, 5, 7)
    prepared = Preparation.of(MEAN, STD, CPU)(images)
    for channel in range(3):
        torch.testing.assert_close(prepared[:, channel], (images[:, channel] - MEAN[channel]) / STD[channel])


def test_images_when_the_network_takes_blue_first() -> None:
    """Channels are turned round after they are normalised, each with its own numbers."""
    images = torch.rand(2, 3, 4, 4)
    turned = Preparation.of(MEAN, STD, CPU, swaps_channels=True)(images)
    assert torch.equal(turned.flip(1), Preparation.of(MEAN, STD, CPU)(images))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_images_when_they_are_resized(dtype: torch.dtype) -> None:
    """A grey image stays as it is, in whatever number format it comes."""
    prepared = Preparation.of((0.0,) * 3, (1.0,) * 3, CPU, (6, 4))(torch.full((1, 3, 9, 9), 0.5, dtype=dtype))
    torch.testing.assert_close(prepared.float(), torch.full((1, 3, 6, 4), 0.5))
