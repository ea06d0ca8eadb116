"""The models that an adaptation works with, in float32: loaded when they are first needed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from accelerate import Accelerator

from adapters.durable_files import write_durably
from adapters.models.classifiers.clip import ClipModel, load_clip
from adapters.models.denoisers import prompts
from adapters.models.denoisers.diffusion import load_one_step_denoiser
from adapters.models.denoisers.prompts import EmbedPrompts
from adapters.models.denoisers.prx_pixel.denoiser import load_prx_pixel, prompt_embedder
from adapters.models.generators.cascade import CascadeGenerator, Sampling, bundled_sources, load_cascade
from adapters.models.loaded import of_kind
from adapters.models.training.adapted import prompt_file, with_denoiser_files
from adapters.models.training.learners import AdaptableDenoiser
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from adapters.profiles.profile import PRX_PIXEL, Profile
from adapters.settings import Settings
from adapters.store.adaptations import LORA, PROMPT
from robustify.errors import ModelFilesError

BF16_FEATURES = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class Workshop:
    """A profile's generator, denoiser and classifier on the device of the settings."""

    profile: Profile
    settings: Settings

    @property
    def device(self) -> torch.device:
        return torch.device(self.settings.device)

    @property
    def folder(self) -> Path:
        if self.profile.folder is None:
            raise ModelFilesError(f"profile {self.profile.name} has no models that can be adapted")
        return self.profile.folder

    @cached_property
    def clip(self) -> ClipModel:
        return load_clip(f"local-dir:{self.folder / 'clip'}", self.device, torch.float32)

    @cached_property
    def denoiser(self) -> AdaptableDenoiser:
        """As it serves what is not adapted, with the profile's prompt."""
        if self.profile.denoiser == PRX_PIXEL:
            source, options = self.folder / "denoiser", self._prx_pixel_options
            return load_prx_pixel(source, self.profile.prompt, options, self.device, torch.float32)
        k = self.profile.correction_factor(self.settings)
        rule, prompt = self.settings.timestep_rule, self.profile.prompt
        return load_one_step_denoiser(
            str(self.folder / "denoiser"), prompt, k, rule, self.device, torch.float32, self._embed
        )

    def generator(self, sampling: Sampling) -> CascadeGenerator:
        """Not kept: it is needed once, and large."""
        if not self.profile.can_adapt:
            raise ModelFilesError(f"profile {self.profile.name} has no generator: it cannot be adapted")
        embed = self._embed if self.profile.large_text_encoder else None
        return load_cascade(*bundled_sources(self.folder), sampling, self.device, torch.float32, embed)

    def write_prompt(self, prompt: str, path: Path) -> None:
        """The rows of a prompt as a file of the adaptation; the text encoder is let go."""
        write_durably(path, prompt_file(self._embed([prompt])[0]))

    def adapted_denoiser(self, made: Path) -> AdaptableDenoiser:
        """The denoiser as the files of an adaptation change it, so far as they are there."""
        prompt, lora = (path if path.is_file() else None for path in (made / PROMPT, made / LORA))
        return with_denoiser_files(self.denoiser, prompt, lora)

    def accelerator(self) -> Accelerator:
        """Trains in bfloat16 where the hardware computes in it."""
        on_cpu = self.device.type == "cpu"
        if self.device.type == "cuda" and self.device.index is not None:
            torch.cuda.set_device(self.device)  # Accelerate takes the current one.
        return Accelerator(cpu=on_cpu, mixed_precision="bf16" if has_bf16(self.device) else "no")

    @property
    def _embed(self) -> EmbedPrompts:
        if self.profile.denoiser == PRX_PIXEL:
            return prompt_embedder(self.folder / "denoiser", self._prx_pixel_options)
        return prompts.prompt_embedder(self.profile, self.settings)

    @property
    def _prx_pixel_options(self) -> PRXPixelOptions:
        return of_kind(PRXPixelOptions, self.profile.denoiser_options)


def has_bf16(device: torch.device) -> bool:
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        return any(features.get(name) for name in BF16_FEATURES)
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
