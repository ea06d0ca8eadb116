"""Which reference images an adaptation is made from (Algorithm 2, lines 1-4): data only, no model."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from robustify.types import Task

IDENTIFIER = "sks"
"""DreamBooth's word without a meaning, which comes to mean the task."""


@dataclass(frozen=True)
class Reference:
    """One image to be synthesised: what of, from which seed, and whether it is kept from training to judge by."""

    label_index: int
    shot: int
    prompt: str
    seed: int
    held_back: bool


def plan_references(task: Task, shots: int, held_back: int, seed: int) -> Sequence[Reference]:
    """`shots` images of each label to adapt with, then `held_back` more of each that nothing is trained on.

    The seed of an image depends on (seed, label, shot) alone, so that more shots begin with the seeds of fewer.
    """
    return [
        Reference(index, shot, prompt, reference_seed(seed, task.labels[index], shot), shot >= shots)
        for shot in range(shots + held_back)
        for index, prompt in enumerate(task.prompts)
    ]


def reference_seed(seed: int, label: str, shot: int) -> int:
    """63 bits for a torch.Generator."""
    digest = hashlib.sha256(f"{seed}/{shot}/{label}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def personal_prompt(template: str) -> str:
    """C("sks"): what a personalised denoiser is told at inference."""
    return template.replace("{}", IDENTIFIER)
