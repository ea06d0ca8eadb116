"""TeCoA (Mao et al., 2023): the bundled CLIP, its image tower fine-tuned against an attack on Tiny-ImageNet.

    python -m adapters.embedded.recipe.baselines.tecoa DATA --output WORK

DATA is a folder as `../shared/data`; CIFAR-10 is not trained on, for it is tested zero-shot.
Cost: 66 images/s on one busy core (bf16 autocast), 128 images a step: 1,000 steps are 32 minutes of one core, 18 of
two. Run it again to go on.

Text-guided contrastive adversarial training: an image within L2 distance eps that is as far as two steps of PGD bring
it from the text of its class must be nearest to that text all the same. The texts and the temperature stay as they are.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import open_clip
import torch
import typer
from torch import nn

from adapters.embedded.recipe.baselines.attack import attacked
from adapters.embedded.recipe.baselines.kept import bundled_clip_weights
from adapters.embedded.recipe.baselines.pictures import draw_of, views
from adapters.embedded.recipe.clip import MODEL_CONFIG, ClassTexts, enlarge, normalise
from adapters.embedded.recipe.data import DrawBatch, LabelledImages, read_cifar10, read_tiny_imagenet
from adapters.embedded.recipe.names import synonyms
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.training.checkpoints import Checkpoint

BATCH_SIZE = 128
EPS = 0.5
ATTACK_STEPS = 2
VALIDATED = 200
STEPS = 1000


def options(steps: int) -> TrainingOptions:
    """A short run from trained weights."""
    return TrainingOptions(
        steps=steps, learning_rate=2e-4, weight_decay=0.01, warmup_steps=50, decay_share=0.7, ema_decay=0.99
    )


def bundled_clip() -> open_clip.CLIP:
    """In float32, with nothing but its image tower to be trained."""
    model = open_clip.CLIP(**MODEL_CONFIG)
    model.load_state_dict(bundled_clip_weights())
    model = model.float().to(memory_format=torch.channels_last).requires_grad_(False)
    model.visual.requires_grad_(True)
    return model


@torch.no_grad()
def text_features(model: open_clip.CLIP, data: Path, class_names: tuple[str, ...]) -> torch.Tensor:
    """Unit features (K, D) of "a photo of a NAME"."""
    texts = ClassTexts(synonyms(data / "tiny_imagenet_32", class_names))
    features: torch.Tensor = model.encode_text(torch.cat(texts.plain), normalize=True)
    return features


def logits_of(model: open_clip.CLIP, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """(B, K) of images (B, 3, 32, 32) in [0, 1] and the features (K, D) of texts."""
    shown = normalise(enlarge(images)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        features = model.encode_image(shown, normalize=True)
    logits: torch.Tensor = model.logit_scale.exp() * features.float() @ texts.T
    return logits


def adversarial(
    model: open_clip.CLIP,
    images: torch.Tensor,
    labels: torch.Tensor,
    texts: torch.Tensor,
    eps: float,
    generator: torch.Generator,
) -> torch.Tensor:
    def loss(shown: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits_of(model, shown, texts), labels)

    return attacked(model, loss, images, eps, ATTACK_STEPS, generator)


def build(data: Path, work: Path, steps: int, eps: float) -> dict[str, torch.Tensor]:
    images = read_tiny_imagenet(data / "tiny_imagenet_32")
    model = bundled_clip()
    texts = text_features(model, data, images.class_names)
    return train(
        model,
        contrastive_step(model, draw_of(images, BATCH_SIZE), texts, eps),
        options(steps),
        Checkpoint(work / "training.safetensors"),
        validation(model, data, eps),
    )


def contrastive_step(
    model: open_clip.CLIP, draw: DrawBatch, texts: torch.Tensor, eps: float
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a step on a batch of `draw`, once it is attacked."""

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        images, labels = draw(generator)
        shown = adversarial(model, views(images, generator), labels, texts, eps, generator)
        return nn.functional.cross_entropy(logits_of(model, shown, texts), labels)

    return loss_of_step


def validation(model: open_clip.CLIP, data: Path, eps: float) -> Callable[[nn.Module], str]:
    """Accuracy on held-back images of both sets, as they are and attacked; CIFAR-10's are zero-shot."""
    both = [
        read_tiny_imagenet(data / "tiny_imagenet_32", held_back=True),
        read_cifar10(data / "cifar10", held_back=True),
    ]
    prepared = [(some_of(images), text_features(model, data, images.class_names)) for images in both]

    def validate(network: nn.Module) -> str:
        first, second = (accuracies(model, images, texts, eps) for images, texts in prepared)
        return f"held back: Tiny-ImageNet {first}, CIFAR-10 {second}"

    return validate


def some_of(images: LabelledImages) -> LabelledImages:
    """At even distances, so that all classes are there."""
    step = len(images) // VALIDATED
    return LabelledImages(images.images[::step], images.labels[::step], images.class_names)


def accuracies(model: open_clip.CLIP, held_back: LabelledImages, texts: torch.Tensor, eps: float) -> str:
    images, labels = held_back.images.float() / 255, held_back.labels
    changed = adversarial(model, images, labels, texts, eps, torch.Generator().manual_seed(0))
    clean, robust = (
        float((logits_of(model, shown, texts).argmax(1) == labels).float().mean()) for shown in (images, changed)
    )
    return f"{clean:.3f} (attacked {robust:.3f})"


def main(
    data: Path,
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    steps: int = STEPS,
    eps: Annotated[float, typer.Option(help="Of the attack, in L2.")] = EPS,
) -> None:
    build(data, output, steps, eps)


if __name__ == "__main__":
    typer.run(main)
