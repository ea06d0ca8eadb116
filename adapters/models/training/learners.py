"""What training knows of each kind of denoiser that can be adapted: its noise, its diffusion, its adapters."""

from copy import deepcopy
from pathlib import Path

import torch

from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser
from adapters.models.training.flow_matching import FlowNoise, diffusion_of_flow
from adapters.models.training.lora import add_lora, write_lora
from adapters.models.training.transformer_lora import add_transformer_lora, write_transformer_lora
from robustify.adaptation.objectives import Diffusion, NoisePredictor

AdaptableDenoiser = OneStepDenoiser | PRXPixelDenoiser


def diffusion_of(denoiser: AdaptableDenoiser) -> Diffusion:
    """The forward process that a denoiser reverses."""
    if isinstance(denoiser, PRXPixelDenoiser):
        return diffusion_of_flow(denoiser)
    return Diffusion(torch.tensor(denoiser.alphas_cumprod), denoiser.k, denoiser.threshold)


def noise_of(denoiser: AdaptableDenoiser) -> NoisePredictor:
    """The noise that it sees in the images of its diffusion."""
    return FlowNoise(denoiser) if isinstance(denoiser, PRXPixelDenoiser) else denoiser.predict_noise


def learner_of(denoiser: AdaptableDenoiser, rank: int, seed: int, device: torch.device) -> AdaptableDenoiser:
    """A copy in float32 whose network has new adapters to train, on every projection of its attention."""
    network = deepcopy(denoiser.network).float().to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        add = add_transformer_lora if isinstance(denoiser, PRXPixelDenoiser) else add_lora
        add(network, rank)
    return denoiser.with_network(network)


def write_adapters(learner: AdaptableDenoiser, path: Path) -> None:
    """As `read_lora` reads them."""
    write = write_transformer_lora if isinstance(learner, PRXPixelDenoiser) else write_lora
    write(learner.network, path)
