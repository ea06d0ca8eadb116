"""Classifier-guided self-personalisation of the denoiser: DreamBooth LoRA under Eq. 12."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator

from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.training.checkpoints import Checkpoint
from adapters.models.training.lora import add_lora, write_lora
from adapters.models.training.micro_batches import Losses
from adapters.models.training.trainer import History, Objective, References, Training, TrainingPlan, train
from robustify.adaptation.objectives import Diffusion, NoisyBatch, personalization_loss
from robustify.interfaces import Classifier


@dataclass(frozen=True)
class Personalization:
    """`guidance_weight`: lambda of Eq. 12. `rank`: of the LoRA."""

    plan: TrainingPlan
    guidance_weight: float
    rank: int
    gradient_checkpointing: bool = False


def diffusion_of(denoiser: OneStepDenoiser) -> Diffusion:
    """The forward process that a denoiser reverses."""
    return Diffusion(torch.tensor(denoiser.alphas_cumprod), denoiser.k, denoiser.threshold)


def personalize(
    denoiser: OneStepDenoiser,
    classifier: Classifier,
    references: References,
    held_back: References,
    options: Personalization,
    folder: Path,
    on_step: Callable[[int], None],
    accelerator: Accelerator,
) -> History:
    """Writes `folder`/lora.safetensors; `denoiser` must already be told the task's prompt, and stays as it is."""
    unet = deepcopy(denoiser.unet).float().to(accelerator.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.plan.seed)
        add_lora(unet, options.rank)
    if options.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    learner = replace(denoiser, unet=unet, overrides={})
    diffusion = diffusion_of(denoiser)

    def losses(batch: NoisyBatch) -> Losses:
        loss = personalization_loss(learner.predict_noise, classifier, diffusion, batch, options.guidance_weight)
        return {"total": loss.total, "diffusion": loss.diffusion, "classifier": loss.classifier}

    history = train(
        Training(
            objective=Objective(unet, losses),
            references=references,
            held_back=held_back,
            timesteps=diffusion.timesteps,
            plan=options.plan,
            checkpoint=Checkpoint(folder / "training.safetensors"),
            on_step=on_step,
        ),
        accelerator,
    )
    if accelerator.is_main_process:
        write_lora(unet, folder / "lora.safetensors")
    return history
