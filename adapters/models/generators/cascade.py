"""Text to images with a pixel cascade: a base stage and a super-resolution stage, two pipelines of diffusers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DiffusionPipeline, IFPipeline, IFSuperResolutionPipeline

from robustify.errors import ModelFilesError

EmbedPrompts = Callable[[Sequence[str]], Sequence[torch.Tensor]]
"""Rows (77, D) of each prompt."""
NO_FILTERS = {"safety_checker": None, "feature_extractor": None, "watermarker": None, "requires_safety_checker": False}


@dataclass(frozen=True)
class Sampling:
    """Steps and classifier-free guidance of both stages; the noise put on the small image before it is enlarged."""

    base_guidance: float
    base_steps: int = 100
    enlarging_guidance: float = 4.0
    enlarging_steps: int = 50
    noise_level: int = 250


class CascadeGenerator:
    """One image (3, H, W) in [0, 1] for each prompt, H and W as the super-resolution stage makes them."""

    def __init__(
        self,
        base: IFPipeline,
        enlarger: IFSuperResolutionPipeline,
        sampling: Sampling,
        embed: EmbedPrompts | None = None,
    ) -> None:
        self._own_embed = embed
        self._base = base
        self._enlarger = enlarger
        self._sampling = sampling

    def __call__(
        self, prompts: Sequence[str], generators: Sequence[torch.Generator], on_step: Callable[[], None]
    ) -> torch.Tensor:
        sampling = self._sampling
        shared = {**self._embed(prompts), "callback": lambda step, timestep, images: on_step()}
        small = self._base(
            **shared,
            generator=list(generators),
            num_inference_steps=sampling.base_steps,
            guidance_scale=sampling.base_guidance,
            output_type="pt",
        ).images
        images: torch.Tensor = self._enlarger(
            **shared,
            image=small,
            generator=list(generators),
            num_inference_steps=sampling.enlarging_steps,
            guidance_scale=sampling.enlarging_guidance,
            noise_level=sampling.noise_level,
            output_type="pt",
        ).images
        return (images.float().clamp(-1, 1) + 1) / 2

    def _embed(self, prompts: Sequence[str]) -> dict[str, object]:
        if self._own_embed is not None:
            *own, none = (rows.to(self._base.device, self._base.dtype) for rows in self._own_embed([*prompts, ""]))
            return {"prompt_embeds": torch.stack(own), "negative_prompt_embeds": torch.stack([none] * len(own))}
        with torch.no_grad():
            rows, empty = self._base.encode_prompt(list(prompts))
        return {"prompt_embeds": rows, "negative_prompt_embeds": empty}


def load_cascade(
    base_source: str,
    enlarger_source: str,
    sampling: Sampling,
    device: torch.device,
    dtype: torch.dtype,
    embed: EmbedPrompts | None = None,
) -> CascadeGenerator:
    """Load both stages from local pipeline folders or hub ids; safetensors only. They share the text encoder.

    With `embed`, which makes the rows of prompts, no text encoder is loaded.
    """
    without = {} if embed is None else {"text_encoder": None, "tokenizer": None}
    try:
        base = IFPipeline.from_pretrained(base_source, use_safetensors=True, dtype=dtype, **without, **NO_FILTERS)
        enlarger = IFSuperResolutionPipeline.from_pretrained(
            enlarger_source, use_safetensors=True, dtype=dtype, text_encoder=None, tokenizer=None, **NO_FILTERS
        )
    except (OSError, ValueError) as error:  # ValueError: what is no folder would have to be a hub id.
        raise ModelFilesError(
            f"generator {base_source!r} cannot be loaded: its files are missing or damaged"
        ) from error
    return CascadeGenerator(prepared(base, device), prepared(enlarger, device), sampling, embed)


def prepared(pipeline: DiffusionPipeline, device: torch.device) -> DiffusionPipeline:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def bundled_sources(folder: Path) -> tuple[str, str]:
    """(base stage, super-resolution stage) of a profile's folder."""
    return str(folder / "generator"), str(folder / "denoiser")
