"""Classifier-guided self-personalisation of the denoiser: DreamBooth LoRA under Eq. 12."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from adapters.models.training.checkpoints import Checkpoint
from adapters.models.training.learners import AdaptableDenoiser, diffusion_of, learner_of, noise_of, write_adapters
from adapters.models.training.micro_batches import Losses
from adapters.models.training.trainer import History, Objective, References, Training, TrainingPlan, train
from robustify.adaptation.objectives import NoisyBatch, personalization_loss
from robustify.interfaces import Classifier


@dataclass(frozen=True)
class Personalization:
    """`guidance_weight`: lambda of Eq. 12. `rank`: of the LoRA."""

    plan: TrainingPlan
    guidance_weight: float
    rank: int
    gradient_checkpointing: bool = False


def personalize(
    denoiser: AdaptableDenoiser,
    classifier: Classifier,
    references: References,
    held_back: References,
    options: Personalization,
    folder: Path,
    on_step: Callable[[int], None],
    accelerator: Accelerator,
) -> History:
    """Writes `folder`/lora.safetensors; `denoiser` must already be told the task's prompt, and stays as it is."""
    learner = learner_of(denoiser, options.rank, options.plan.seed, accelerator.device)
    if options.gradient_checkpointing:
        learner.network.enable_gradient_checkpointing()
    diffusion, predict_noise = diffusion_of(denoiser), noise_of(learner)

    def losses(batch: NoisyBatch) -> Losses:
        loss = personalization_loss(predict_noise, classifier, diffusion, batch, options.guidance_weight)
        return {"total": loss.total, "diffusion": loss.diffusion, "classifier": loss.classifier}

    history = train(
        Training(
            objective=Objective(learner.network, losses),
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
        write_adapters(learner, folder / "lora.safetensors")
    return history
