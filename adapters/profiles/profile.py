"""The named sets of models, as data: what the service may know of a model without loading one."""

import json
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from adapters.canonical_json import json_digest, text_digest
from adapters.images import USUAL, Preprocessing
from adapters.profiles.class_lists import Repeats, read_class_list, read_id_to_label
from adapters.profiles.licences import PartLicence
from adapters.profiles.manifest import MANIFEST, read_manifest
from adapters.profiles.weights import HubSource, PackagedWeights
from adapters.settings import NumberFormat, Settings
from robustify.errors import ModelFilesError

GENERATOR = "generator/"
BUNDLED = Path(__file__).parents[1] / "embedded" / "weights"
INSTALLED_LISTS = ("imagenet",)
CLASS_NAMES = Path(__file__).parents[1] / "class_names"

DenoiserKind = Literal[
    "super-resolution", "unconditional", "guided-diffusion", "prx-pixel", "restoration", "ffdnet", "identity"
]
SUPER_RESOLUTION: Final = "super-resolution"
"""The paper's kind."""
PRX_PIXEL: Final = "prx-pixel"
ADAPTABLE: tuple[DenoiserKind, ...] = (SUPER_RESOLUTION, PRX_PIXEL)
"""Those that a task may have weights of its own for."""
FOLDABLE = ADAPTABLE
"""Those that have an equal, faster form for a constant prompt."""
ClassifierKind = Literal[
    "clip",
    "transformers",
    "transformers-zero-shot",
    "timm",
    "torchvision",
    "resnet-20",
    "onnx",
    "efficientnet-lite0",
    "remote",
    "oracle",
]


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
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
    dtype: NumberFormat = "float32"
    folder: Path | None = None
    denoiser: DenoiserKind = SUPER_RESOLUTION
    classifier: ClassifierKind = "clip"
    class_list: str | None = None
    repeats: Repeats = "refuse"
    """What becomes of a name that the list has twice."""
    packaged: tuple[PackagedWeights, ...] = ()
    pulled: bool = False
    sources: tuple[HubSource, ...] = ()
    licence_url: str | None = None
    large_text_encoder: bool = False
    """Whether it is so large that only a process of its own may load it."""
    for_tests: bool = False
    adaptation: AdaptationDefaults = AdaptationDefaults()
    micro_batch_size: int = 32
    """Images that training takes at once, for a second or two; a larger batch is several of these."""
    lora_width: int = 0
    """Inputs and outputs of all weights that a LoRA changes: it has so many numbers for each rank."""
    licences: tuple[PartLicence, ...] = ()
    denoiser_options: BaseModel | None = None
    classifier_options: BaseModel | None = None
    """What the kinds take beside: records of `adapters/profiles/options/`."""
    templates: tuple[str, ...] = ()
    """Prompts of a label where a request gives none."""
    is_own: bool = False
    """Whether its file is the user's."""
    preprocessing: Preprocessing = USUAL
    """How a file becomes a tensor of `side`."""

    def samples_per_batch(self, settings: Settings) -> int:
        return settings.batch_size or self.batch_size

    def images_per_micro_batch(self, settings: Settings) -> int:
        return settings.micro_batch_size or self.micro_batch_size

    def samples_per_shard(self, settings: Settings) -> int:
        return settings.shard_samples or self.shard_samples

    def number_format(self, settings: Settings) -> NumberFormat:
        return settings.dtype or self.dtype

    def correction_factor(self, settings: Settings) -> float:
        """k of Eq. 8."""
        return self.k if settings.k is None else settings.k

    def has_graphs(self, settings: Settings) -> bool:
        """Whether its network is launched as CUDA graphs: where they are asked for, and it is folded."""
        return settings.cuda_graphs and settings.folded and self.denoiser in FOLDABLE

    @property
    def can_adapt(self) -> bool:
        """Whether it has a text-to-image model to make reference images with, and models that can learn from them."""
        trainable = (self.denoiser, self.classifier) == (SUPER_RESOLUTION, "clip")
        return trainable and self.folder is not None and (self.folder / "generator").is_dir()

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes that its classifier knows, in the order of its logits; None where it reads any labels.

        Raises ModelFilesError where its own list is missing or wrong.
        """
        if self.class_list in INSTALLED_LISTS:
            return read_class_names(self.class_list)
        if self.folder is None or not self.is_there:
            return None
        return classes_in(self.folder / "classifier", self.classifier, self.class_list, self.repeats)

    @property
    def model_digest(self) -> str:
        """sha256 over the manifest of the weights that decide f; of the name where there are none.

        The generator makes references and decides nothing that is served.
        """
        if self.folder is None and not self.packaged:
            return text_digest(self.name)
        files = {} if self.folder is None else self._manifest(self.folder)
        packaged = {f"{weights.package}/{weights.file}": weights.sha256 for weights in self.packaged}
        return json_digest(
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


def classes_in(
    folder: Path, kind: ClassifierKind, class_list: str | None, repeats: Repeats = "refuse"
) -> tuple[str, ...] | None:
    """By the list of classes in a classifier's folder, or by the config of one of transformers."""
    if class_list is not None:
        path = folder / class_list
        return read_own_list(path, changed_at(path), repeats)
    if kind == "transformers":
        return read_own_labels(folder / "config.json", changed_at(folder / "config.json"))
    return None


def changed_at(path: Path) -> int:
    """0 where it is not there."""
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache
def read_own_list(path: Path, changed_at: int, repeats: Repeats) -> tuple[str, ...]:
    return read_class_list(path, repeats)


@lru_cache
def read_own_labels(path: Path, changed_at: int) -> tuple[str, ...]:
    return read_id_to_label(path)


@cache
def read_class_names(name: str) -> tuple[str, ...]:
    return tuple(json.loads((CLASS_NAMES / f"{name}.json").read_text(encoding="utf-8")))
