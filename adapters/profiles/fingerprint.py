"""The fingerprint: sha256 over everything that decides f."""

from collections.abc import Mapping

from adapters.canonical_json import canonical_digest
from adapters.images import CURRENT
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.types import Noise, Task

PREPROCESSING_VERSION = CURRENT.value
"""Changes whenever `adapters/images/` makes another tensor of the same file."""
PIPELINE_VERSION = "1"
"""Changes whenever our code or a new lock file makes other logits of the same canonical tensor, noise and weights."""
TORCH_VERSION = "2.14.1"
"""Of the lock file, without what it was built for; a worker with another release does not start."""
EngineParts = Mapping[str, str | bool | int | float | None]


def engine_parts(profile: Profile, settings: Settings) -> EngineParts:
    """What decides f but for labels, template and sigma; certificates list it.

    Versions of the other libraries are pinned by the lock file, and `PIPELINE_VERSION` counts our own changes. The kind
    of machine is no part of it, so that hosts may differ: certificates name it beside (decision 8).
    """
    return {
        **black_box_parts(profile, settings),
        **({} if profile.class_names is None else {"class_names": canonical_digest(list(profile.class_names))}),
        "torch": TORCH_VERSION,
        "model": profile.model_digest,
        "prompt": profile.prompt,
        "timestep_rule": settings.timestep_rule,
        "k": profile.correction_factor(settings),
        "preprocessing": f"{PREPROCESSING_VERSION}/{profile.side}",
        "pipeline": PIPELINE_VERSION,
        "device": settings.device.partition(":")[0],
        "dtype": settings.dtype,
        "folded": settings.folded,
        "batch_size": profile.samples_per_batch(settings),
    }


def black_box_parts(profile: Profile, settings: Settings) -> EngineParts:
    """What is known of a classifier behind an address: the address, and what the operator says that answers there."""
    if profile.classifier != "remote":
        return {}
    return {"classifier_url": settings.classifier_url, "classifier_identity": settings.classifier_identity}


def engine_digest(profile: Profile, settings: Settings) -> str:
    """sha256 over the canonical JSON of `engine_parts`: only workers of one engine share a job."""
    return canonical_digest(engine_parts(profile, settings))


def fingerprint(profile: Profile, settings: Settings, task: Task, sigma: float, noise: Noise = Noise.GAUSSIAN) -> str:
    """sha256 over everything that decides f: two workers with the same fingerprint are the same function."""
    return function_digest(engine_digest(profile, settings), task, sigma, noise)


def function_digest(engine: str, task: Task, sigma: float, noise: Noise = Noise.GAUSSIAN) -> str:
    """The fingerprint of what an engine computes for a task and sigma; with lattice noise f rounds to the lattice."""
    return canonical_digest(
        {
            "engine": engine,
            "labels": list(task.labels),
            "template": task.template,
            "adaptation": task.adaptation,
            "sigma": sigma,
            "noise": noise.value,
        }
    )
