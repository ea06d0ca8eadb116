"""How each kind of denoiser and classifier that a profile names is loaded: one function each.

Each imports the library that it needs: they take seconds, and a profile needs one or two of them.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from adapters.models.classifiers.black_box import BlackBox
from adapters.models.classifiers.clip import ClipModel, load_clip
from adapters.models.classifiers.efficientnet_lite import load_lite0
from adapters.models.classifiers.resnet20 import load_resnet20
from adapters.models.classifiers.vision import load_timm, load_torchvision
from adapters.models.denoisers.ffdnet import load_ffdnet
from adapters.models.loaded import Placement
from adapters.profiles.options.guided_diffusion import GuidedDiffusionOptions
from adapters.profiles.options.onnx_model import OnnxOptions
from adapters.profiles.options.remote import RemoteOptions
from adapters.profiles.options.resnet20 import ResNet20Options
from adapters.profiles.options.restoration import RestorationOptions
from adapters.profiles.options.transformers_image import TransformersImageOptions
from adapters.profiles.options.transformers_zero_shot import TransformersZeroShotOptions
from adapters.profiles.options.vision import VisionOptions
from adapters.profiles.weights import FFDNET, LITE0
from robustify.interfaces import Classifier, Denoiser
from robustify.pipeline import identity_denoiser
from robustify.types import Task


class TaskClassifiers(Protocol):
    """What a classifier is loaded as: from a task to the classifier that tells its labels apart."""

    def for_task(self, task: Task) -> Classifier: ...


AnyClassifier = ClipModel | TaskClassifiers


def unconditional(placement: Placement) -> Denoiser:
    from adapters.models.denoisers.unconditional import load_unconditional

    rule = placement.settings.timestep_rule
    return load_unconditional(placement.denoiser, rule, placement.device, placement.dtype)


def guided_diffusion(placement: Placement) -> Denoiser:
    from adapters.models.denoisers.guided_diffusion.loading import load_guided_diffusion

    options = placement.denoiser_options(GuidedDiffusionOptions)
    rule = placement.settings.timestep_rule
    return load_guided_diffusion(placement.denoiser / options.file, options, rule, placement.device, placement.dtype)


def restoration(placement: Placement) -> Denoiser:
    from adapters.models.denoisers.restoration import load_restoration

    options = placement.denoiser_options(RestorationOptions)
    return load_restoration(placement.denoiser / options.file, options, placement.device, placement.dtype)


def ffdnet(placement: Placement) -> Denoiser:
    return load_ffdnet(FFDNET.checked_path(), placement.device, placement.dtype)


def identity(placement: Placement) -> Denoiser:
    return identity_denoiser


def clip(placement: Placement) -> AnyClassifier:
    return load_clip(f"local-dir:{placement.folder / 'clip'}", placement.device, placement.dtype)


def transformers_image(placement: Placement) -> AnyClassifier:
    from adapters.models.classifiers.transformers_image import load_transformers_image

    options = placement.classifier_options(TransformersImageOptions)
    names = placement.profile.class_names
    return load_transformers_image(placement.classifier, options, names, placement.device, placement.dtype)


def transformers_zero_shot(placement: Placement) -> AnyClassifier:
    from adapters.models.classifiers.transformers_zero_shot import load_transformers_zero_shot

    options = placement.classifier_options(TransformersZeroShotOptions)
    return load_transformers_zero_shot(placement.classifier, options, placement.device, placement.dtype)


def timm(placement: Placement) -> AnyClassifier:
    options = placement.classifier_options(VisionOptions)
    return load_timm(placement.classifier, placement.class_names, placement.device, placement.dtype, options)


def torchvision(placement: Placement) -> AnyClassifier:
    options = placement.classifier_options(VisionOptions)
    return load_torchvision(placement.classifier, placement.class_names, placement.device, placement.dtype, options)


def resnet20(placement: Placement) -> AnyClassifier:
    options = placement.classifier_options(ResNet20Options)
    return load_resnet20(placement.classifier, placement.class_names, placement.device, placement.dtype, options)


def onnx(placement: Placement) -> AnyClassifier:
    from adapters.models.classifiers.onnx_model import load_onnx

    options = placement.classifier_options(OnnxOptions)
    return load_onnx(placement.classifier, options, placement.class_names, placement.device)


def lite0(placement: Placement) -> AnyClassifier:
    return load_lite0(LITE0.checked_path(), placement.class_names, placement.device, placement.dtype)


def remote(placement: Placement) -> AnyClassifier:
    options = placement.classifier_options(RemoteOptions)
    return BlackBox.from_settings(placement.settings, options, placement.profile.class_names)


DENOISERS: Mapping[str, Callable[[Placement], Denoiser]] = {
    "unconditional": unconditional,
    "guided-diffusion": guided_diffusion,
    "restoration": restoration,
    "ffdnet": ffdnet,
    "identity": identity,
}
"""But for those that a task may have weights of its own for."""
CLASSIFIERS: Mapping[str, Callable[[Placement], AnyClassifier]] = {
    "clip": clip,
    "transformers": transformers_image,
    "transformers-zero-shot": transformers_zero_shot,
    "timm": timm,
    "torchvision": torchvision,
    "resnet-20": resnet20,
    "onnx": onnx,
    "efficientnet-lite0": lite0,
    "remote": remote,
}
