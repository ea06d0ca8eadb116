"""The kinds of denoiser and classifier: which files each is loaded from, and which options it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import BaseModel

from adapters.profiles.options.guided_diffusion import GuidedDiffusionOptions
from adapters.profiles.options.onnx_model import OnnxOptions
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from adapters.profiles.options.remote import RemoteOptions
from adapters.profiles.options.resnet20 import ResNet20Options
from adapters.profiles.options.restoration import RestorationOptions
from adapters.profiles.options.transformers_image import TransformersImageOptions
from adapters.profiles.options.transformers_zero_shot import TransformersZeroShotOptions
from adapters.profiles.options.vision import VisionOptions
from adapters.profiles.weights import FFDNET, LITE0, HubSource, PackagedWeights

CLASS_LISTS = ("*.txt", "labels.json", "classes.json")
ONNX_DATA = ("*.data", "*.onnx_data*")
"""What a large ONNX model's tensors are in, beside it."""
TRANSFORMERS = ("config.json", "model*.safetensors*")
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
TOKENIZERS = ("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "spiece.model")
VISION = ("config.json", "model.safetensors")
WEIGHTS = ("*.safetensors",)
UNET = ("unet/config.json", "unet/diffusion_pytorch_model*.safetensors*", "scheduler/scheduler_config.json")


@dataclass(frozen=True)
class Kind:
    """`folder` and `patterns`: its files, inside the folder of the profile; none where it has no files of its own.
    `optional`: files that may be there too. `package`: the weights of a Python package that it is instead. `options`:
    what its table `options` may have. `has_gradients`: whether an attack can follow them through such a classifier.
    """

    folder: str = ""
    patterns: Sequence[str] = ()
    optional: Sequence[str] = ()
    package: str | None = None
    options: type[BaseModel] | None = None
    has_gradients: bool = True

    @property
    def has_files(self) -> bool:
        return bool(self.folder)

    def source(self, repository: str) -> HubSource:
        """Where its files are had; an empty repository is the user."""
        return HubSource(repository, self.folder, self.patterns, self.optional)


PACKAGES: Mapping[str, PackagedWeights] = MappingProxyType({"ffdnet": FFDNET, "lite0": LITE0})

DENOISERS: Mapping[str, Kind] = MappingProxyType(
    {
        # A pipeline of the kind of IF-II, in float32, without filters, pickles and half-precision copies.
        "super-resolution": Kind(
            "denoiser",
            (
                *UNET,
                "image_noising_scheduler/scheduler_config.json",
                "text_encoder/config.json",
                "text_encoder/model*.safetensors*",
                "tokenizer/*",
                "model_index.json",
            ),
        ),
        "unconditional": Kind("denoiser", UNET),
        "guided-diffusion": Kind("denoiser", WEIGHTS, options=GuidedDiffusionOptions),
        "prx-pixel": Kind(
            "denoiser",
            (
                "transformer/config.json",
                "transformer/diffusion_pytorch_model*.safetensors*",
                "text_encoder/config.json",
                "text_encoder/model*.safetensors*",
                "tokenizer/*",
                "model_index.json",
            ),
            options=PRXPixelOptions,
        ),
        "restoration": Kind("denoiser", WEIGHTS, options=RestorationOptions),
        "ffdnet": Kind(package="ffdnet"),
        "identity": Kind(),
    }
)
CLASSIFIERS: Mapping[str, Kind] = MappingProxyType(
    {
        "clip": Kind("clip", ("open_clip_config.json", "open_clip_model.safetensors")),
        "transformers": Kind(
            "classifier",
            TRANSFORMERS,
            (*PROCESSORS, "classes.txt", "labels.json", "classes.json"),
            options=TransformersImageOptions,
        ),
        "transformers-zero-shot": Kind(
            "classifier", (*TRANSFORMERS, "tokenizer*"), (*PROCESSORS, *TOKENIZERS), options=TransformersZeroShotOptions
        ),
        "timm": Kind("classifier", VISION, CLASS_LISTS, options=VisionOptions),
        "torchvision": Kind("classifier", VISION, CLASS_LISTS, options=VisionOptions),
        "resnet-20": Kind("classifier", VISION, CLASS_LISTS, options=ResNet20Options),
        "onnx": Kind("classifier", ("*.onnx",), (*CLASS_LISTS, *ONNX_DATA), options=OnnxOptions, has_gradients=False),
        "efficientnet-lite0": Kind(package="lite0"),
        "remote": Kind(options=RemoteOptions, has_gradients=False),
        "oracle": Kind(),
    }
)
# A pipeline of the kind of IF-I, without its text encoder: both stages read the rows of the same T5.
GENERATOR = Kind("generator", (*UNET, "model_index.json"))


def has_gradients(classifier: str) -> bool:
    """Whether an attack can follow gradients through classifiers of a kind."""
    return CLASSIFIERS[classifier].has_gradients
