"""Fine-tuning of the classifier on denoised references (Eq. 13): of CLIP, both encoders."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from adapters.models.classifiers.clip import ClipModel
from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.training.checkpoints import Checkpoint
from adapters.models.training.delta import Tensors, write_delta
from adapters.models.training.personalization import diffusion_of
from adapters.models.training.trainer import History, Losses, Objective, References, Training, TrainingPlan, train
from robustify.adaptation.objectives import NoisyBatch, fine_tuning_loss
from robustify.types import Task


class TunableClip(nn.Module):
    """A copy of a CLIP in float32 that learns to tell a task's labels apart; norm statistics and logit scale stay."""

    def __init__(self, clip: ClipModel, task: Task, device: torch.device) -> None:
        super().__init__()
        self.model = deepcopy(clip.model).float().eval().requires_grad_(True).to(device)
        self.model.get_parameter("logit_scale").requires_grad_(False)
        self._clip = clip
        self._tokens = clip.tokens_of(task).to(device)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        image_features, text_features, scale = self.model(self._clip.prepare(images), self._tokens)
        logits: torch.Tensor = scale * image_features.float() @ text_features.float().T
        return logits


def fine_tune(
    denoiser: OneStepDenoiser,
    clip: ClipModel,
    task: Task,
    references: References,
    held_back: References,
    plan: TrainingPlan,
    mix: float,
    folder: Path,
    on_step: Callable[[int], None],
    accelerator: Accelerator,
) -> History:
    """Writes `folder`/classifier.safetensors, what changes of the CLIP; `denoiser` is the personalised one.

    What serves lies between the weights before and after, at `mix` of the way: 1 is Eq. 13 as it stands, less keeps
    more of what the classifier knew of real images (WiSE-FT, Wortsman et al., 2022).
    """
    tunable = TunableClip(clip, task, accelerator.device)
    diffusion = diffusion_of(denoiser)

    def losses(batch: NoisyBatch) -> Losses:
        return {"total": fine_tuning_loss(denoiser.predict_noise, tunable, diffusion, batch)}

    history = train(
        Training(
            objective=Objective(tunable, losses),
            references=references,
            held_back=held_back,
            timesteps=diffusion.timesteps,
            plan=plan,
            checkpoint=Checkpoint(folder / "training.safetensors"),
            on_step=on_step,
        ),
        accelerator,
    )
    if accelerator.is_main_process:
        before = clip.model.state_dict()
        write_delta(before, mixed(before, tunable.model.state_dict(), mix), folder / "classifier.safetensors")
    return history


def mixed(before: Tensors, after: Tensors, share: float) -> Tensors:
    """The weights `share` of the way from `before` to `after`, which have other values for some names only."""
    return {
        name: torch.lerp(before[name].to(tensor), tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in after.items()
    }
