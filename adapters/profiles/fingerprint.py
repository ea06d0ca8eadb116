"""The fingerprint: sha256 over everything that decides f."""

from collections.abc import Mapping, Sequence

from adapters.canonical_json import canonical_digest
from adapters.images import CURRENT
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.types import Noise, Task

PREPROCESSING_VERSION = CURRENT.value
"""Changes whenever `adapters/images/` makes another tensor of the same file."""
PIPELINE_VERSION = "1"
"""Changes whenever our code or a new lock file makes other logits of the same canonical tensor, noise and weights."""
REDUCING_PIPELINE_VERSION = "2"
"""Of the one kind of profile that was served before images that are too large for a classifier were reduced with
antialias, and that has such images."""
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
        **option_parts(profile),
        **({} if profile.class_names is None else {"class_names": canonical_digest(list(profile.class_names))}),
        "torch": TORCH_VERSION,
        "model": profile.model_digest,
        "prompt": profile.prompt,
        "timestep_rule": settings.timestep_rule,
        "k": profile.correction_factor(settings),
        "preprocessing": profile.preprocessing.stated(profile.side),
        "pipeline": REDUCING_PIPELINE_VERSION if profile.denoiser == "unconditional" else PIPELINE_VERSION,
        "device": settings.device.partition(":")[0],
        "dtype": profile.number_format(settings),
        "folded": settings.folded,
        **({"cuda_graphs": True} if profile.has_graphs(settings) else {}),
        "batch_size": profile.samples_per_batch(settings),
    }


def option_parts(profile: Profile) -> EngineParts:
    """What a profile's file says beside the models: the kinds that they are loaded as, and their options.

    Of a kind that takes no options, and is a profile of the installation, the name says it.
    """
    options = {"denoiser": profile.denoiser_options, "classifier": profile.classifier_options}
    if not profile.is_own and not any(options.values()):
        return {}
    stated = {part: found.model_dump(mode="json") for part, found in options.items() if found is not None}
    return {"kinds": f"{profile.denoiser}/{profile.classifier}", "options": canonical_digest(stated)}


def black_box_parts(profile: Profile, settings: Settings) -> EngineParts:
    """What is known of a classifier behind an address: the address, and what the operator says that answers there."""
    if profile.classifier != "remote":
        return {}
    contract = settings.classifier_contract
    return {
        "classifier_url": settings.classifier_url,
        "classifier_identity": settings.classifier_identity,
        **({} if contract == "robustify" else {"classifier_contract": contract}),
    }


def engine_digest(profile: Profile, settings: Settings) -> str:
    """sha256 over the canonical JSON of `engine_parts`: only workers of one engine share a job."""
    return canonical_digest(engine_parts(profile, settings))


def fingerprint(profile: Profile, settings: Settings, task: Task, sigma: float, noise: Noise = Noise.GAUSSIAN) -> str:
    """sha256 over everything that decides f: two workers with the same fingerprint are the same function."""
    return function_digest(engine_digest(profile, settings), task, sigma, noise)


def function_digest(
    engine: str, task: Task, sigma: float, noise: Noise = Noise.GAUSSIAN, sigmas: Sequence[float] = ()
) -> str:
    """The fingerprint of what an engine computes for a task and sigma; with lattice noise f rounds to the lattice.
    Where there are several `sigmas` it is that of all their functions, in this order, and `sigma` is no part of it."""
    return canonical_digest(
        {
            "engine": engine,
            "labels": list(task.labels),
            "template": task.template,
            **({"templates": list(task.templates)} if task.templates else {}),
            **({"set_sizes": list(task.set_sizes)} if task.set_sizes else {}),
            "adaptation": task.adaptation,
            **({"sigmas": list(sigmas)} if sigmas else {"sigma": sigma}),
            "noise": noise.value,
        }
    )
