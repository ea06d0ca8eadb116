"""The profiles that come with the installation, and which one is served."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from adapters.profiles.profile import BUNDLED, AdaptationDefaults, Profile
from adapters.profiles.weights import (
    FFDNET,
    LITE0,
    base_stage,
    open_clip_model,
    super_resolution,
    timm_model,
    unconditional_model,
)
from adapters.settings import Settings
from robustify.errors import InvalidInputError

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
    lora_width=318_080,
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
                micro_batch_size=40,
                lora_width=5632,
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
