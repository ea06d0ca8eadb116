"""What all measurements share: the device, the models on disk, the way of ours and the official one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from diffusers import DDPMScheduler

from adapters.models.classifiers.clip import ZeroShotClassifier, load_clip
from adapters.models.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser
from adapters.models.denoisers.folded.denoiser import DenoiserFolder
from adapters.models.denoisers.folded.folding import Folds
from adapters.models.denoisers.graphs import CudaGraphs, Network, one_by_one
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from benchmarks.gpu.architectures import Architecture
from benchmarks.official import OfficialDenoiser, OfficialDenoising
from benchmarks.paths import LABELS, SIGMA, wait_for
from robustify.pipeline import DenoiseAndClassify
from robustify.schedule import search_timestep
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import BaseClassifier, NoisyVotes
from robustify.types import Phase, Task

TASK = Task(LABELS)
SEED = bytes(32)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Way:
    """How the same models are computed. None for `batch_size` is the architecture's."""

    name: str
    dtype: torch.dtype = torch.bfloat16
    channels_last: bool = True
    graphs: bool = False
    compiled: bool = False
    batch_size: int | None = None


OFFICIAL = "official"
FLOAT32 = Way("float32", torch.float32)
OURS = Way("bfloat16")
GRAPHS = Way("CUDA graphs", graphs=True)


@dataclass(frozen=True, eq=False)
class Bench:
    """The models of an architecture, which lie on disk as a profile of the settings, on a device."""

    architecture: Architecture
    settings: Settings
    device: torch.device

    @cached_property
    def profile(self) -> Profile:
        return served_profile(self.settings)

    @cached_property
    def pristine(self) -> OneStepDenoiser:
        """In float32 on the CPU."""
        profile = self.profile
        return load_one_step_denoiser(
            f"{profile.folder}/denoiser", profile.prompt, profile.k, "exact", CPU, torch.float32
        )

    def classifier(self, device: torch.device, dtype: torch.dtype) -> ZeroShotClassifier:
        return load_clip(f"local-dir:{self.profile.folder}/clip", device, dtype).zero_shot(TASK)

    @cached_property
    def image(self) -> np.ndarray:
        """(3, H, W), smooth, float32 in [0, 1]."""
        coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        side = (self.architecture.side,) * 2
        image: np.ndarray = torch.nn.functional.interpolate(coarse, side, mode="bilinear")[0].numpy()
        return image

    @property
    def samples(self) -> GaussianSamples:
        return GaussianSamples(self.image, SIGMA, SeededNoise(SEED))

    def batch_size(self, way: Way) -> int:
        return way.batch_size or self.architecture.batch_size

    def base_classifier(self, way: Way, device: torch.device | None = None) -> BaseClassifier:
        """Ours, folded, on the device that is measured or on another."""
        place = device or self.device
        shape = (self.batch_size(way), 3, self.architecture.side, self.architecture.side)
        launching = CudaGraphs(shape, place) if way.graphs else compiled if way.compiled else one_by_one
        folder = DenoiserFolder(self.pristine, place, way.dtype, Folds(channels_last=way.channels_last), launching)
        return DenoiseAndClassify(folder(self.pristine), self.classifier(place, way.dtype), SIGMA)

    def votes(self, way: Way) -> NoisyVotes:
        """As a worker counts them, noise included."""
        base_classifier, size = self.base_classifier(way), self.batch_size(way)
        return NoisyVotes(base_classifier, self.samples, Phase.ESTIMATE, len(LABELS), size, self.device)

    def official(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Logits of images, of which it makes noisy copies itself: float32, as the library lays its models out."""
        denoiser = load_one_step_denoiser(
            f"{self.profile.folder}/denoiser", self.profile.prompt, self.profile.k, "search", self.device, torch.float32
        )
        denoiser.unet.to(memory_format=torch.contiguous_format)
        classifier = self.classifier(self.device, torch.float32)
        classifier.clip.model.to(memory_format=torch.contiguous_format)
        scheduler = DDPMScheduler.from_pretrained(f"{self.profile.folder}/denoiser", subfolder="scheduler")
        timestep = search_timestep(2 * SIGMA, denoiser.alphas_cumprod)
        loop = OfficialDenoiser(denoiser.unet, scheduler, denoiser.prompt_rows, denoiser.k)
        denoising = OfficialDenoising(loop, timestep, SIGMA)
        return lambda images: classifier(denoising.denoise(images))


@contextmanager
def tf32_as(allowed: bool) -> Iterator[None]:
    """The library's TF32 for float32 convolutions, which only the official way has."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def compiled(network: Network) -> Network:
    """By torch, as a function: it does not take objects that can be called."""

    def run(batch: torch.Tensor) -> torch.Tensor:
        return network(batch)

    found: Network = torch.compile(run)
    return found


def seconds_of(act: Callable[[], object], device: torch.device) -> float:
    """Of the clock, until all that was begun on the device is done."""
    wait_for(device)
    started = time.perf_counter()
    act()
    wait_for(device)
    return time.perf_counter() - started


def repeated(act: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """The seconds of each time, for about so many together, at least twice; a first time does not count."""
    seconds_of(act, device)
    found = [seconds_of(act, device) for _ in range(2)]
    while sum(found) < seconds:
        found.append(seconds_of(act, device))
    return found
