"""A restoration network as a denoiser: any that `spandrel` knows and that keeps the size of a colour image.

Some are told sigma as a fourth channel, as DRUNet is (Zhang et al., 2021, "Plug-and-play image restoration with deep
denoiser prior"): trained for noise of standard deviation sigma in [0, 1] pixels, added to the image and not clipped.
The others see the noise themselves. Nothing is clipped before the network, and the result is clamped to [0, 1].
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError, canonicalize_state_dict
from torch.nn.functional import pad

from adapters.models.denoisers.tensor_files import read_tensors
from adapters.profiles.options.restoration import RestorationOptions
from robustify.errors import ModelFilesError

IMAGE_CHANNELS = 3
DRUNET, FDNCNN = "DRUNet", "FDnCNN"
Function = Callable[[torch.Tensor, float], torch.Tensor]


@dataclass(frozen=True)
class RestorationDenoiser:
    """Denoises images (B, 3, H, W) in [0, 1] with noise sigma in one forward pass; any H and W above the padding."""

    restore: Function
    """From padded images, in the network's number format, and sigma to clean ones."""
    options: RestorationOptions
    multiple: int
    """Of which height and width must be multiples."""
    minimum: int
    dtype: torch.dtype

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """Raises InvalidInputError for a sigma outside of the training's range."""
        self.options.check_sigma(sigma)
        height, width = x.shape[-2:]
        # Some networks make tensors of their own in float32: SwinIR its masks, for a size that it was not made for.
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            restored = self.restore(self.padded(x).to(self.dtype), sigma)
        return restored[..., :height, :width].float().clamp(0, 1)

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """Reflected at the lower and the right border, up to the next size that the network takes."""
        missing = [self.next_size(side) - side for side in x.shape[-2:]]
        return pad(x, (0, missing[1], 0, missing[0]), mode="reflect") if any(missing) else x

    def next_size(self, side: int) -> int:
        size = math.ceil(max(side, self.minimum) / self.multiple) * self.multiple
        if size - side >= side:
            raise ModelFilesError(f"the network takes no images of {side} pixels: the least is {size // 2 + 1}")
        return size


def load_restoration(
    weights: Path, options: RestorationOptions, device: torch.device, dtype: torch.dtype
) -> RestorationDenoiser:
    """The network whose state dict the file is. Raises ModelFilesError, in a sentence, for any that cannot denoise."""
    network = recognised(canonicalize_state_dict(read_tensors(weights, options.sha256)))
    told = is_told_sigma(network)
    check_images(network)
    check_noise_map(network.architecture.name, told, options)
    check_dtype(network, dtype)
    network.model.requires_grad_(False).eval().to(device=device, dtype=dtype)
    needs = network.size_requirements
    return RestorationDenoiser(
        restore=with_noise_map(network) if told else without_noise_map(network),
        options=options,
        multiple=math.lcm(needs.multiple_of, options.size_multiple or 1),
        minimum=needs.minimum,
        dtype=dtype,
    )


def recognised(state: dict[str, object]) -> ImageModelDescriptor:
    """The network that spandrel recognises in a state dict."""
    try:
        found = ModelLoader().load_from_state_dict(state)
    except UnsupportedModelError as error:
        raise ModelFilesError("the file is of no network that is known: spandrel lists those that are") from error
    except (RuntimeError, KeyError, ValueError, AttributeError, AssertionError, ZeroDivisionError, TypeError) as error:
        raise ModelFilesError("the file's tensors do not fit the network that they look like") from error
    if not isinstance(found, ImageModelDescriptor):
        raise ModelFilesError(f"{found.architecture.name} fills holes: a denoiser takes an image alone")
    return found


def is_told_sigma(network: ImageModelDescriptor) -> bool:
    """Whether its last input channel is a map of sigma; spandrel does not count that channel."""
    return network.architecture.id == DRUNET or FDNCNN in network.tags


def check_images(network: ImageModelDescriptor) -> None:
    name, channels = network.architecture.name, (network.input_channels, network.output_channels)
    if network.scale != 1:
        raise ModelFilesError(f"this {name} enlarges images {network.scale} times: a denoiser keeps their size")
    if channels != (IMAGE_CHANNELS, IMAGE_CHANNELS):
        raise ModelFilesError(f"this {name} has {channels[0]} input and {channels[1]} output channels: it needs 3 each")


def check_noise_map(name: str, told: bool, options: RestorationOptions) -> None:
    if told and not options.noise_map:
        raise ModelFilesError(f"{name} is told sigma as a fourth channel: set noise_map = true")
    if options.noise_map and not told:
        raise ModelFilesError(f"{name} takes no map of sigma: set noise_map = false")


def check_dtype(network: ImageModelDescriptor, dtype: torch.dtype) -> None:
    unsupported = {torch.float16: not network.supports_half, torch.bfloat16: not network.supports_bfloat16}
    if unsupported.get(dtype, False):
        raise ModelFilesError(f"{network.architecture.name} cannot compute in {dtype}: set the dtype to float32")


def with_noise_map(network: ImageModelDescriptor) -> Function:
    """The network itself: spandrel's own call fills the map with 15/255, whatever the noise is."""

    def restore(x: torch.Tensor, sigma: float) -> torch.Tensor:
        restored: torch.Tensor = network.model(torch.cat([x, torch.full_like(x[:, :1], sigma)], dim=1))
        return restored

    return restore


def without_noise_map(network: ImageModelDescriptor) -> Function:
    """spandrel's own call of the network, without its inference mode: attacks take gradients."""
    call = inspect.unwrap(type(network).__call__)

    def restore(x: torch.Tensor, sigma: float) -> torch.Tensor:
        restored: torch.Tensor = call(network, x)
        return restored

    return restore
