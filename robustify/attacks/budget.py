"""What an attack may change: an image stays within an L2 distance of the clean one, and its values within [0, 1]."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Budget:
    """All images (B, 3, H, W) in [0, 1] within L2 distance `eps` of the clean ones, which are in [0, 1] themselves."""

    clean: torch.Tensor
    eps: float

    def project(self, images: torch.Tensor) -> torch.Tensor:
        """Back to the ball, then clamped: the clamp only shortens the distance."""
        change = images - self.clean
        shrink = (self.eps / l2(change)).clamp(max=1)
        return (self.clean + change * shrink).clamp(0, 1)

    def random_start(self, generator: torch.Generator) -> torch.Tensor:
        """A random direction, at a distance that is uniform up to eps, as Mao et al. (2023) start."""
        direction = drawn_like(self.clean, generator)
        share = torch.rand(len(direction), 1, 1, 1, generator=generator).to(direction.device)
        return self.project(self.clean + self.eps * share * direction / l2(direction))


def shortened(image: torch.Tensor, clean: torch.Tensor, eps: float) -> torch.Tensor:
    """An image (3, H, W) whose distance is at most eps in float64 too: projecting in float32 may miss it by a last bit.

    What is taken off doubles until rounding no longer undoes it.
    """
    found, less = image, 1e-7
    while (distance := l2_distance(found, clean)) > eps:
        found = (clean.double() + (image.double() - clean.double()) * (eps / distance * (1 - less))).to(image)
        less *= 2
    return found


def l2(change: torch.Tensor) -> torch.Tensor:
    """The L2 length of each image's change (B, 1, 1, 1)."""
    length: torch.Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return length


def l2_distance(first: torch.Tensor, second: torch.Tensor) -> float:
    """Between two images (3, H, W), in float64."""
    return float(torch.linalg.vector_norm(first.double() - second.double()))


def drawn_like(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Standard normal values, drawn on the CPU: the same on every device."""
    return torch.randn(images.shape, generator=generator).to(images)
