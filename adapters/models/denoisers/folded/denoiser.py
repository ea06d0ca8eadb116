"""One-step denoisers whose UNet is folded: one for each prompt and its weights, sharing what is the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

import torch

from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.denoisers.folded.constants import TextConstants, TimeConstants, Weights, with_weights
from adapters.models.denoisers.folded.folding import Folding, Folds, Placement
from adapters.models.denoisers.folded.network import FoldedUNet, ScaleAndShift
from adapters.models.denoisers.folded.support import check_foldable
from adapters.models.denoisers.graphs import Launching, Network, one_by_one
from adapters.models.lru_cache import LruCache
from robustify.denoising import remove_noise

SIGMA_BYTES = 32 << 20
"""Room of one denoiser for what it computes once for each sigma: of IF-II-L 0.3 MiB."""


class FoldedDenoiser:
    """Denoises as `source` does, up to rounding, with a UNet in which all that is constant is computed once.

    `source` stays the reference, and the place where new constants come from. For inference; gradients with respect
    to the image are right too.
    """

    def __init__(self, source: OneStepDenoiser, folding: Folding, launching: Launching = one_by_one) -> None:
        self.source = source
        self._folding = folding
        self._launching = launching
        self._network = folding.network(with_weights(TextConstants(source.unet), source.overrides, self._rows))
        self._own_bytes = bytes_of(self._network, besides=folding.shared)
        self._networks: LruCache[float, TimedNetwork] = LruCache(self._fold_in_time, TimedNetwork.size, SIGMA_BYTES)

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """Images (B, 3, H, W) in [0, 1] of such with noise sigma; H and W as the UNet needs them."""
        step = self.source.timestep(sigma)
        signed = 2 * x - 1
        eps = self._networks(sigma).launched(step.sqrt_alpha * signed)
        return remove_noise(signed, eps, step.sqrt_one_minus_alpha / step.sqrt_alpha, self.source.threshold)

    def network_for(self, sigma: float) -> FoldedUNet:
        """What sees the noise in x_t (B, 3, H, W), the image scaled as the diffusion model expects it at sigma."""
        return self._networks(sigma).network

    @property
    def held_bytes(self) -> int:
        """What it holds beside the weights that all denoisers of its UNet share."""
        return self._own_bytes + self._networks.held_bytes

    @property
    def _rows(self) -> torch.Tensor:
        return self.source.prompt_rows[None]

    def _fold_in_time(self, sigma: float) -> "TimedNetwork":
        step = self.source.timestep(sigma)
        t, level = torch.tensor([step.t]), torch.tensor([step.noise_level])
        # Ordinary tensors even where inference mode calls for them first: gradients may be wanted of them later.
        with torch.inference_mode(False):
            found: ScaleAndShift = with_weights(
                TimeConstants(self.source.unet), self.source.overrides, self._rows, t, level
            )
            network = self._network.at(found, self._folding.folds.scale_shift)
        return TimedNetwork(network, self._launching(network), bytes_of(network, besides=self._network))


@dataclass(frozen=True)
class TimedNetwork:
    """A network for one sigma, what launches it, and the bytes that it has of its own."""

    network: FoldedUNet
    launched: Network
    own_bytes: int

    def size(self) -> int:
        return self.own_bytes


class DenoiserFolder:
    """Folds the denoisers of one UNet, in float32 on the CPU, for a device; they share the weights that are the same.

    Raises UnknownPartError when the UNet has a part that it does not know.
    """

    def __init__(
        self,
        pristine: OneStepDenoiser,
        device: torch.device,
        dtype: torch.dtype,
        folds: Folds,
        launching: Launching = one_by_one,
    ) -> None:
        check_foldable(pristine.unet)
        self._pristine = pristine
        self._launching = launching
        memory_format = torch.channels_last if folds.channels_last else torch.contiguous_format
        self._plain = Folding(pristine.unet, folds, Placement(device, dtype, memory_format))
        self._unadapted = self._fold(pristine)

    def __call__(self, denoiser: OneStepDenoiser) -> FoldedDenoiser:
        """Denoiser is the pristine one, or that with another prompt or other weights."""
        return self._unadapted if denoiser is self._pristine else self._fold(denoiser)

    def _fold(self, denoiser: OneStepDenoiser) -> FoldedDenoiser:
        with torch.inference_mode(False):
            return FoldedDenoiser(denoiser, self._folding_with(denoiser.overrides), self._launching)

    def _folding_with(self, overrides: Weights) -> Folding:
        plain = self._plain
        return Folding(plain.unet, plain.folds, plain.place, overrides, plain.shared)


def bytes_of(value: object, besides: object) -> int:
    """Memory of the tensors in `value` that are not in `besides`."""
    known = {id(tensor) for tensor in tensors_in(besides)}
    own = {id(tensor): tensor.numel() * tensor.element_size() for tensor in tensors_in(value)}
    return sum(size for key, size in own.items() if key not in known)


def tensors_in(value: object) -> Iterator[torch.Tensor]:
    """All tensors in nested dataclasses, tuples and mappings."""
    if isinstance(value, torch.Tensor):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name))
    elif isinstance(value, tuple | Mapping):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from tensors_in(part)
