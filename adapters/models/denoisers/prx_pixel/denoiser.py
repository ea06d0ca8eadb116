"""PRXPixel (Photoroom), a text-to-image transformer in pixel space that predicts the clean image, as a denoiser.

Where the formula comes from, in the conventions of diffusers' `PRXPixelPipeline`:

1. Its images are in [-1, 1], where noise of standard deviation sigma in [0, 1] pixels has s = 2 sigma.
2. It begins from noise_scale x (unit noise) at t = 1 and moves by flow matching, so that at a time t in [0, 1]
   x_t = (1 - t) x0 + t noise_scale eps. The time is the sigma of `FlowMatchEulerDiscreteScheduler`; the pipeline gives
   the network timestep / 1000, which is t, and the network's own `time_factor` multiplies by 1000 inside. The shift of
   the scheduler chooses which times a sampler visits; it changes nothing at a given t.
3. A noisy image y = x0 + s eps becomes an x_t by scaling: (1 - t) y = (1 - t) x0 + (1 - t) s eps. The noise agrees
   with step 2 where (1 - t) s = t noise_scale, that is t = s' / (1 + s') with s' = s / noise_scale. With the
   noise_scale of 2 that is t = sigma / (1 + sigma).
4. The network's output is x0 itself: the pipeline makes a velocity v = (x_t - x0) / max(t, 0.05) of it, and Euler's
   step from t to 0 is x_t - t v. For t >= 0.05 that is x0, the output. Below (sigma under 0.0526) the pipeline's floor
   would keep part of the noise; a denoiser wants the estimate, so that we take the output there too.

There is no low-resolution half, hence no k of Eq. 8. In its place `told_time_factor` multiplies the t that the network
is told, while the image is scaled for the true one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from diffusers import PRXTransformer2DModel
from torch.func import functional_call

from adapters.models.denoisers.prx_pixel.prompts import embed_prompts
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from robustify.errors import ModelFilesError

IMAGE_CHANNELS = 3
PIPELINE = "PRXPixelPipeline"
NOISE_SCALE = 2.0
PROMPT_TOKENS = 256
"""Those of the pipeline's class, where a folder's model_index.json does not say others."""


@dataclass(frozen=True)
class FlowTime:
    """Where one-step denoising stands: the noise's own time in [0, 1), and the one that the network is told."""

    true: float
    told: float


@dataclass(frozen=True)
class PRXPixelDenoiser:
    """Denoises images (B, 3, H, W) in [0, 1] with noise sigma in one forward pass; H and W multiples of the patch.

    `prompt_rows` (T, D): the text encoder's rows of the prompt's own tokens. The pipeline pads prompts and masks the
    padding in every attention; text has no positions there, so that rows which are masked can be left out.
    """

    transformer: PRXTransformer2DModel
    prompt_rows: torch.Tensor
    noise_scale: float = NOISE_SCALE
    told_time_factor: float = 1.0
    overrides: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Weights of the transformer that a task has instead of the loaded ones."""

    @property
    def network(self) -> PRXTransformer2DModel:
        """What of it a task may have other weights of."""
        return self.transformer

    def with_network(self, network: PRXTransformer2DModel) -> "PRXPixelDenoiser":
        return replace(self, transformer=network, overrides={})

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        time = self.time(sigma)
        times = torch.full((len(x),), time.told, device=x.device)
        return as_image(self.predict_clean((1 - time.true) * (2 * x - 1), times))

    def time(self, sigma: float) -> FlowTime:
        scaled = 2 * sigma / self.noise_scale
        true = scaled / (1 + scaled)
        return FlowTime(true, min(self.told_time_factor * true, 1.0))

    def predict_clean(self, x_t: torch.Tensor, told_times: torch.Tensor) -> torch.Tensor:
        """The clean images (B, 3, H, W) around [-1, 1], float32, of x_t at times (B,)."""
        inputs = {
            "hidden_states": x_t.to(self.transformer.dtype),
            "timestep": told_times,
            "encoder_hidden_states": self.prompt_rows.expand(len(x_t), -1, -1),
            "return_dict": False,
        }
        output: torch.Tensor = functional_call(self.transformer, dict(self.overrides), (), inputs, tie_weights=False)[0]
        return output.float()


def as_image(clean: torch.Tensor) -> torch.Tensor:
    """From around [-1, 1] to [0, 1]."""
    return (clean.clamp(-1, 1) + 1) / 2


@dataclass(frozen=True)
class PipelineConfig:
    """What a pipeline's model_index.json says of the noise and the prompt."""

    noise_scale: float
    prompt_tokens: int


def load_prx_pixel(
    folder: Path,
    prompt: str,
    options: PRXPixelOptions,
    device: torch.device,
    dtype: torch.dtype,
    embed: Callable[[Sequence[str]], Sequence[torch.Tensor]] | None = None,
) -> PRXPixelDenoiser:
    """Load from a pipeline's folder; safetensors only.

    `embed` makes the rows (T, D) of prompts; by default the text encoder runs here once and is let go.
    """
    config = read_pipeline_config(folder / "model_index.json", options)
    transformer = load_transformer(folder, dtype)
    rows = (embed or prompt_embedder(folder, options))([prompt])[0]
    if rows.shape[-1] != transformer.config["context_in_dim"]:
        raise ModelFilesError("the text encoder is not that of the transformer: its rows have another width")
    transformer.requires_grad_(False).eval().to(device)
    return PRXPixelDenoiser(
        transformer, rows.to(device=device, dtype=dtype), config.noise_scale, options.told_time_factor
    )


def prompt_embedder(folder: Path, options: PRXPixelOptions) -> Callable[[Sequence[str]], Sequence[torch.Tensor]]:
    """What makes the rows (T, D) of prompts: the pipeline's text encoder, which is let go after each call."""
    return partial(embed_prompts, folder, read_pipeline_config(folder / "model_index.json", options).prompt_tokens)


def read_pipeline_config(path: Path, options: PRXPixelOptions) -> PipelineConfig:
    """The options, or else the file, or else the defaults of the pipeline's class."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFilesError("the denoiser's model_index.json is missing or damaged: pull the model again") from error
    if not isinstance(said, dict) or said.get("_class_name") != PIPELINE:
        raise ModelFilesError(f"the denoiser is no {PIPELINE}: any other predicts a velocity, or works on latents")
    return PipelineConfig(
        noise_scale=options.noise_scale or float(said.get("noise_scale", NOISE_SCALE)),
        prompt_tokens=options.prompt_tokens or int(said.get("prompt_max_tokens", PROMPT_TOKENS)),
    )


def load_transformer(folder: Path, dtype: torch.dtype) -> PRXTransformer2DModel:
    """On the CPU, in a number format from the start: 7 billion numbers are 28 GB in float32."""
    try:
        transformer = PRXTransformer2DModel.from_pretrained(
            folder, subfolder="transformer", use_safetensors=True, local_files_only=True, torch_dtype=dtype
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFilesError("the denoiser cannot be loaded: its files are missing or no safetensors") from error
    if transformer.config["in_channels"] != IMAGE_CHANNELS:
        raise ModelFilesError("the transformer works on latents: a denoiser of images has 3 input channels")
    return transformer
