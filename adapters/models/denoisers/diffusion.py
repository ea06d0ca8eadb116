"""A text-to-image super-resolution diffusion model as a one-step denoiser (Eq. 9); loads any IF-II pipeline folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch.func import functional_call
from transformers import T5EncoderModel, T5Tokenizer

from robustify.denoising import Thresholding, remove_noise
from robustify.errors import ModelFilesError
from robustify.schedule import Timestep, TimestepRule, timestep_for

PROMPT_TOKENS = 77
"""Hard-coded in diffusers' IF pipelines; the rows of the padding enter the attention too."""
IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class OneStepDenoiser:
    """Denoises images (B, 3, H, W) in [0, 1] with noise sigma in a single forward pass; H and W as the UNet needs them.

    Both halves of the UNet's input are the same noisy image; the low-resolution half is declared to carry the noise
    level k t (Eq. 8). The prompt is one constant: `prompt_rows` (77, D) of the text encoder.
    """

    unet: UNet2DConditionModel
    alphas_cumprod: Sequence[float]
    prompt_rows: torch.Tensor
    k: float
    rule: TimestepRule = "exact"
    threshold: Thresholding = Thresholding()
    overrides: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Weights of the UNet that a task has instead of the loaded ones."""
    _timesteps: dict[float, Timestep] = field(default_factory=dict)

    @property
    def network(self) -> UNet2DConditionModel:
        """What of it a task may have other weights of."""
        return self.unet

    def with_network(self, network: UNet2DConditionModel) -> "OneStepDenoiser":
        return replace(self, unet=network, overrides={})

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        step = self.timestep(sigma)
        signed = 2 * x - 1
        timesteps, levels = (torch.full((len(x),), value, device=x.device) for value in (step.t, step.noise_level))
        eps = self.predict_noise(step.sqrt_alpha * signed, timesteps, levels)
        return remove_noise(signed, eps, step.sqrt_one_minus_alpha / step.sqrt_alpha, self.threshold)

    def timestep(self, sigma: float) -> Timestep:
        if sigma not in self._timesteps:
            self._timesteps[sigma] = timestep_for(sigma, self.alphas_cumprod, self.k, self.rule)
        return self._timesteps[sigma]

    def predict_noise(self, x_t: torch.Tensor, timesteps: torch.Tensor, noise_levels: torch.Tensor) -> torch.Tensor:
        """eps (B, 3, H, W) in float32: the first half of the UNet's channels; the other half is its variance."""
        pair = torch.cat([x_t, x_t], dim=1).to(self.unet.dtype, memory_format=torch.channels_last)
        inputs = {
            "encoder_hidden_states": self.prompt_rows.expand(len(x_t), -1, -1),
            "class_labels": noise_levels,
            "return_dict": False,
        }
        output: torch.Tensor = functional_call(
            self.unet, dict(self.overrides), (pair, timesteps), inputs, tie_weights=False
        )[0]
        return output[:, :IMAGE_CHANNELS].float()


def load_one_step_denoiser(
    source: str,
    prompt: str,
    k: float,
    rule: TimestepRule,
    device: torch.device,
    dtype: torch.dtype,
    embed: Callable[[Sequence[str]], Sequence[torch.Tensor]] | None = None,
) -> OneStepDenoiser:
    """Load from a local pipeline folder or a hub id; safetensors only.

    `embed` makes the rows of prompts; by default the text encoder runs here once and is let go.
    """
    try:
        unet = UNet2DConditionModel.from_pretrained(source, subfolder="unet", use_safetensors=True)
        scheduler = DDPMScheduler.from_pretrained(source, subfolder="scheduler")
        rows = embed([prompt])[0] if embed else embed_prompt(source, prompt)
    except OSError as error:
        raise ModelFilesError(
            f"denoiser {source!r} cannot be loaded: its files are missing or no safetensors"
        ) from error
    return one_step_denoiser(unet, scheduler, rows, k, rule, device, dtype)


def one_step_denoiser(
    unet: UNet2DConditionModel,
    scheduler: DDPMScheduler,
    prompt_rows: torch.Tensor,
    k: float,
    rule: TimestepRule,
    device: torch.device,
    dtype: torch.dtype,
) -> OneStepDenoiser:
    """Check that the parts are a super-resolution model that predicts eps, and put them on the device."""
    if unet.config["in_channels"] != 2 * IMAGE_CHANNELS or unet.config["class_embed_type"] != "timestep":
        raise ModelFilesError("the UNet is no super-resolution model: it needs 6 input channels and a noise level")
    if scheduler.config["prediction_type"] != "epsilon":
        raise ModelFilesError("the denoiser must predict eps")
    unet.requires_grad_(False).eval()
    return OneStepDenoiser(
        unet=unet.to(device=device, dtype=dtype, memory_format=torch.channels_last),
        alphas_cumprod=scheduler.alphas_cumprod.double().tolist(),
        prompt_rows=prompt_rows.to(device=device, dtype=dtype),
        k=k,
        rule=rule,
        threshold=Thresholding(
            max_value=float(scheduler.config["sample_max_value"]) if scheduler.config["thresholding"] else 1.0,
            ratio=float(scheduler.config["dynamic_thresholding_ratio"]),
        ),
    )


def embed_prompt(source: str, prompt: str) -> torch.Tensor:
    """The text encoder's rows (77, D) for one prompt, lower-cased and stripped as `IFPipeline.encode_prompt` does."""
    return embed_prompts(source, [prompt])[0]


@torch.no_grad()
def embed_prompts(source: str, prompts: Sequence[str]) -> list[torch.Tensor]:
    """The same for several prompts, one after the other, with one text encoder in float32."""
    tokenizer = T5Tokenizer.from_pretrained(source, subfolder="tokenizer")
    encoder = T5EncoderModel.from_pretrained(
        source, subfolder="text_encoder", use_safetensors=True, dtype=torch.float32
    ).eval()
    rows = []
    for prompt in prompts:
        tokens = tokenizer(
            prompt.lower().strip(),
            padding="max_length",
            truncation=True,
            max_length=PROMPT_TOKENS,
            return_tensors="pt",
        )
        encoded = encoder(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        rows.append(encoded.last_hidden_state[0])
    return rows
