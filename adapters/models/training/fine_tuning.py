"""Fine-tuning of the classifier on denoised references (Eq. 13): of CLIP, both encoders."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.checkpoint import checkpoint

from adapters.models.classifiers.clip import ClipModel
from adapters.models.classifiers.ensembles import mean_direction
from adapters.models.training.checkpoints import Checkpoint
from adapters.models.training.delta import Tensors, write_delta
from adapters.models.training.learners import AdaptableDenoiser, diffusion_of, noise_of
from adapters.models.training.micro_batches import Losses
from adapters.models.training.trainer import History, Objective, References, Training, TrainingPlan, train
from robustify.adaptation.objectives import NoisyBatch, fine_tuning_loss
from robustify.types import Task

LABELS_AT_ONCE = 256
"""Of more, the text encoder keeps nothing for their gradient: a thousand of a large one would be 20 GB."""


class TunableClip(nn.Module):
    """A copy of a CLIP in float32 that learns to tell a task's labels apart; norm statistics and logit scale stay."""

    def __init__(self, clip: ClipModel, task: Task, device: torch.device) -> None:
        super().__init__()
        self.model = deepcopy(clip.model).float().eval().requires_grad_(True).to(device)
        for name, parameter in self.model.named_parameters(recurse=False):
            if name in ("logit_scale", "logit_bias"):
                parameter.requires_grad_(False)
        self._clip = clip
        self._tokens = torch.stack([*clip.tokens_of(task)]).to(device)  # (templates, K, T)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, K)."""
        image_features, _, scale, *_ = self.model(self._clip.prepare(images), None)
        logits: torch.Tensor = scale * image_features.float() @ self.embed_texts().float().T
        return logits

    def embed_texts(self) -> torch.Tensor:
        """Unit features (K, D) of the labels; of many prompts, what their gradient needs is computed again for it."""
        parts = torch.split(self._tokens.flatten(0, 1), LABELS_AT_ONCE)
        if len(parts) == 1:
            features = self._embed(parts[0])
        else:
            features = torch.cat([checkpoint(self._embed, part, use_reentrant=False) for part in parts])
        templates, labels, _ = self._tokens.shape
        return mean_direction(features.view(templates, labels, -1))

    def _embed(self, tokens: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.model(None, tokens)[1]
        return features


def fine_tune(
    denoiser: AdaptableDenoiser,
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
    diffusion, predict_noise = diffusion_of(denoiser), noise_of(denoiser)

    def losses(batch: NoisyBatch) -> Losses:
        return {"total": fine_tuning_loss(predict_noise, tunable, diffusion, batch)}

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
