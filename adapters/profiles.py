"""The named sets of models, as data: what the service may know of a model without loading one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from adapters.canonical_json import canonical_digest
from adapters.manifest import MANIFEST, read_manifest
from adapters.settings import Settings
from adapters.weight_sources import (
    FFDNET,
    LITE0,
    HubSource,
    PackagedWeights,
    base_stage,
    open_clip_model,
    super_resolution,
    timm_model,
    unconditional_model,
)
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Noise, Task

PREPROCESSING_VERSION = "1"
"""Changes whenever `adapters/images.py` makes another tensor of the same file."""
PIPELINE_VERSION = "1"
"""Changes whenever our code or a new lock file makes other logits of the same canonical tensor, noise and weights."""
GENERATOR = "generator/"
BUNDLED = Path(__file__).parent / "embedded" / "weights"
CLASS_NAMES = Path(__file__).parent / "class_names"

DenoiserKind = Literal["super-resolution", "unconditional", "ffdnet", "identity"]
SUPER_RESOLUTION: Final = "super-resolution"
"""The paper's kind, and the only one that can be adapted."""
ClassifierKind = Literal["clip", "timm", "torchvision", "efficientnet-lite0", "remote", "oracle"]


@dataclass(frozen=True)
class AdaptationDefaults:
    """How a profile adapts unless the request says otherwise; the paper's values, for its models.

    `steps` of `batch_size` images at `learning_rate` personalise the denoiser, with `guidance_weight` for lambda of
    Eq. 12; then the classifier is fine-tuned, and its weights mixed with those before. `base_steps`, `enlarging_steps`
    and `images_per_batch` make references.
    """

    shots: int = 1
    held_back: int = 1
    steps: int = 500
    batch_size: int = 24
    learning_rate: float = 1e-4
    guidance_weight: float = 0.01
    rank: int = 4
    fine_tuning_steps: int = 40
    fine_tuning_batch_size: int = 256
    fine_tuning_learning_rate: float = 5e-7
    fine_tuning_mix: float = 1.0
    base_steps: int = 100
    enlarging_steps: int = 50
    images_per_batch: int = 10
    base_guidance: float = 4.0
    one_shot_base_guidance: float = 7.0
    """Classifier-free guidance of the base stage: a single image should be typical, several should differ."""
    one_shot_fine_tuning_learning_rate: float | None = None
    """A single image of each name is soon known by heart; None: the rate of several."""

    def fitted(self, shots: int) -> "AdaptationDefaults":
        """Those for so many references of each name."""
        if shots > 1:
            return self
        rate = self.one_shot_fine_tuning_learning_rate or self.fine_tuning_learning_rate
        return replace(self, base_guidance=self.one_shot_base_guidance, fine_tuning_learning_rate=rate)


@dataclass(frozen=True)
class Profile:
    """A named set of models and what the service must know of it.

    `side`: height and width of the canonical tensor; `classes`: the number of labels it can tell apart, None for any.
    `prompt`: what the denoiser is told when no task is adapted. Speeds of shards are set for one or two seconds each.
    `class_list`: names the classes of a classifier that knows no others. `pulled`: its files are not bundled but in
    the folder of models; `sources` say where they can be had, and `licence_url` what has to be accepted before.
    """

    name: str
    description: str
    licence: str
    side: int
    default_sigma: float = 0.25
    k: float = 1.0
    prompt: str = ""
    classes: int | None = None
    batch_size: int = 50
    shard_samples: int = 100
    folder: Path | None = None
    denoiser: DenoiserKind = SUPER_RESOLUTION
    classifier: ClassifierKind = "clip"
    class_list: str | None = None
    packaged: tuple[PackagedWeights, ...] = ()
    pulled: bool = False
    sources: tuple[HubSource, ...] = ()
    licence_url: str | None = None
    large_text_encoder: bool = False
    """Whether it is so large that only a process of its own may load it."""
    for_tests: bool = False
    adaptation: AdaptationDefaults = AdaptationDefaults()

    def samples_per_batch(self, settings: Settings) -> int:
        return settings.batch_size or self.batch_size

    def samples_per_shard(self, settings: Settings) -> int:
        return settings.shard_samples or self.shard_samples

    def correction_factor(self, settings: Settings) -> float:
        """k of Eq. 8."""
        return self.k if settings.k is None else settings.k

    @property
    def can_adapt(self) -> bool:
        """Whether it has a text-to-image model to make reference images with, and models that can learn from them."""
        trainable = (self.denoiser, self.classifier) == (SUPER_RESOLUTION, "clip")
        return trainable and self.folder is not None and (self.folder / "generator").is_dir()

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes that its classifier knows, in the order of its logits; None where it reads any labels."""
        return None if self.class_list is None else read_class_names(self.class_list)

    @property
    def model_digest(self) -> str:
        """sha256 over the manifest of the weights that decide f; of the name where there are none.

        The generator makes references and decides nothing that is served.
        """
        if self.folder is None and not self.packaged:
            return hashlib.sha256(self.name.encode()).hexdigest()
        files = {} if self.folder is None else self._manifest(self.folder)
        packaged = {f"{weights.package}/{weights.file}": weights.sha256 for weights in self.packaged}
        return _digest(
            {**{name: digest for name, digest in files.items() if not name.startswith(GENERATOR)}, **packaged}
        )

    @property
    def from_hub(self) -> bool:
        """Whether its models can be pulled from the hub; else the user brings them."""
        return any(source.repo for source in self.sources)

    @property
    def is_there(self) -> bool:
        """Whether its files have been pulled, if that is needed; not whether they are whole."""
        return not self.pulled or (self.folder is not None and (self.folder / MANIFEST).is_file())

    def _manifest(self, folder: Path) -> dict[str, str]:
        if not self.is_there:
            raise ModelFilesError(f"the models of profile {self.name} are not there: robustify models pull {self.name}")
        if not (folder / MANIFEST).is_file():
            raise ModelFilesError(f"profile {self.name} has no manifest of its weights: build or restore the models")
        return read_manifest(folder)


DEEPFLOYD = Profile(
    name="deepfloyd",
    description="The paper's models, for 224 x 224 images: DeepFloyd IF-I-XL and IF-II-L, CLIP ViT-B/32; needs a GPU.",
    licence="DeepFloyd IF: non-commercial research only, neither commercial nor production use. CLIP: MIT.",
    side=224,
    default_sigma=0.5,
    k=1.8,
    batch_size=32,
    shard_samples=64,
    pulled=True,
    sources=(
        super_resolution("DeepFloyd/IF-II-L-v1.0"),
        open_clip_model("timm/vit_base_patch32_clip_224.openai"),
        base_stage("DeepFloyd/IF-I-XL-v1.0"),
    ),
    licence_url="https://huggingface.co/DeepFloyd/IF-II-L-v1.0",
    large_text_encoder=True,
)
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                name="mini",
                description="Bundled diffusion denoiser and CLIP for 32 x 32 images; runs on a CPU.",
                licence="Code Apache-2.0; weights trained on CIFAR-10 and Tiny-ImageNet (non-commercial research).",
                side=32,
                batch_size=25,
                k=1.8,
                folder=BUNDLED,
                adaptation=AdaptationDefaults(
                    shots=4,
                    held_back=4,
                    steps=120,
                    learning_rate=3e-4,
                    fine_tuning_steps=60,
                    fine_tuning_batch_size=40,
                    fine_tuning_learning_rate=5e-4,
                    fine_tuning_mix=0.3,
                    base_steps=50,
                    enlarging_steps=25,
                    images_per_batch=20,
                    base_guidance=2.0,
                    one_shot_base_guidance=2.0,
                    one_shot_fine_tuning_learning_rate=2e-4,
                ),
            ),
            DEEPFLOYD,
            replace(
                DEEPFLOYD,
                name="deepfloyd-m",
                description="As deepfloyd, with the smaller denoiser IF-II-M.",
                sources=(super_resolution("DeepFloyd/IF-II-M-v1.0"), *DEEPFLOYD.sources[1:]),
            ),
            replace(
                DEEPFLOYD,
                name="deepfloyd-resnet50",
                description="The paper's ResNet-50: DeepFloyd IF-II-L before torchvision's weights; ImageNet classes.",
                classifier="timm",
                class_list="imagenet",
                sources=(DEEPFLOYD.sources[0], timm_model("timm/resnet50.tv_in1k")),
            ),
            Profile(
                name="imagenet-lite0-ffdnet",
                description="EfficientNet-Lite0 behind the classical denoiser FFDNet; ImageNet classes; runs on a CPU.",
                licence="Code Apache-2.0; EfficientNet-Lite0 Apache-2.0; FFDNet MIT. Trained on ImageNet and others.",
                side=224,
                denoiser="ffdnet",
                classifier="efficientnet-lite0",
                class_list="imagenet",
                packaged=(FFDNET, LITE0),
                batch_size=10,
                shard_samples=20,
            ),
            Profile(
                name="imagenet-lite0-plain",
                description="EfficientNet-Lite0 without a denoiser: plain randomized smoothing; ImageNet classes.",
                licence="Code Apache-2.0; EfficientNet-Lite0 Apache-2.0, trained on ImageNet.",
                side=224,
                denoiser="identity",
                classifier="efficientnet-lite0",
                class_list="imagenet",
                packaged=(LITE0,),
                batch_size=10,
                shard_samples=50,
            ),
            Profile(
                name="unconditional-clip",
                description="Your unconditional diffusion model before an open_clip model (Carlini et al., 2023).",
                licence="That of the models that you put in its folder.",
                side=256,
                denoiser="unconditional",
                pulled=True,
                sources=(unconditional_model(), open_clip_model("")),
                batch_size=4,
                shard_samples=4,
            ),
            Profile(
                name="mini-remote",
                description="The denoiser of mini before a black box at ROBUSTIFY_CLASSIFIER_URL.",
                licence="As mini's; the black box has its own terms.",
                side=32,
                k=1.8,
                folder=BUNDLED,
                classifier="remote",
            ),
            Profile(
                name="oracle-linear",
                description="sign(w.x + b), whose exact robust radius is known; tests the whole service.",
                licence="Apache-2.0",
                side=32,
                classes=2,
                batch_size=500,
                shard_samples=500,
                denoiser="identity",
                classifier="oracle",
                for_tests=True,
            ),
            Profile(
                name="oracle-coin",
                description="A fair coin for every sample; tests that votes are independent.",
                licence="Apache-2.0",
                side=32,
                classes=2,
                batch_size=500,
                shard_samples=500,
                denoiser="identity",
                classifier="oracle",
                for_tests=True,
            ),
        )
    }
)


def find_profile(name: str) -> Profile:
    """Its data as it is written here: where pulled files are, only `served_profile` knows."""
    if name not in PROFILES:
        raise InvalidInputError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}", field="profile")
    return PROFILES[name]


def served_profile(settings: Settings) -> Profile:
    """The profile of the settings with the folder of its files."""
    return located(find_profile(settings.profile), settings)


def located(profile: Profile, settings: Settings) -> Profile:
    return replace(profile, folder=settings.models_folder / profile.name) if profile.pulled else profile


@cache
def read_class_names(name: str) -> tuple[str, ...]:
    return tuple(json.loads((CLASS_NAMES / f"{name}.json").read_text(encoding="utf-8")))


EngineParts = Mapping[str, str | bool | int | float | None]


def engine_parts(profile: Profile, settings: Settings) -> EngineParts:
    """What decides f but for labels, template and sigma; certificates list it.

    Versions of the libraries are pinned by the lock file, and `PIPELINE_VERSION` counts our own changes.
    """
    remote = {"classifier_url": settings.classifier_url} if profile.classifier == "remote" else {}
    return {
        **remote,
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


def _digest(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()).hexdigest()
