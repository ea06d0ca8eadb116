from pathlib import Path

import pytest
import torch
from torch import nn

from adapters.embedded.recipe.baselines.attack import attacked
from adapters.embedded.recipe.baselines.carlini import create_unet, diffusion_step, validation
from adapters.embedded.recipe.baselines.pictures import draw_of, random_shift, views
from adapters.embedded.recipe.baselines.resnet20 import Training, change_of, classification_step, logits_of
from adapters.embedded.recipe.baselines.tecoa import bundled_clip, contrastive_step
from adapters.embedded.recipe.data import LabelledImages
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.classifiers.resnet20 import ResNet20
from adapters.models.training.checkpoints import Checkpoint
from robustify.attacks.budget import l2

OPTIONS = TrainingOptions(steps=2, learning_rate=1e-3, weight_decay=0.01, warmup_steps=1)
CLASSES = 10


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures() -> LabelledImages:
    """Twenty of grey noise."""
    values = torch.randint(256, (20, 3, 32, 32), generator=seeded(0), dtype=torch.uint8)
    return LabelledImages(values, torch.arange(20) % CLASSES, tuple(map(str, range(CLASSES))))


@pytest.fixture
def network() -> ResNet20:
    torch.manual_seed(0)
    return ResNet20(CLASSES)


@pytest.mark.parametrize("steps", [1, 7])
def test_attack_when_images_are_trained_on(network: ResNet20, pictures: LabelledImages, steps: int) -> None:
    """What it finds is within eps and [0, 1], and worse for the network as it answers; the network stays as it was."""
    images, labels = pictures.images[:8].float() / 255, pictures.labels[:8]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def loss(shown: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits_of(network, shown), labels)

    found = attacked(network, loss, images, 0.5, steps, seeded(1))
    network.eval()
    assert l2(found - images).max() <= 0.5 + 1e-5
    assert 0 <= found.min() <= found.max() <= 1
    assert loss(found) > loss(images)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_attack_when_gradients_are_off(network: ResNet20, pictures: LabelledImages) -> None:
    """It turns them on: validation attacks too."""
    change = change_of(Training.ADVERSARIAL, 0.0, 0.5)
    images, labels = pictures.images[:4].float() / 255, pictures.labels[:4]
    with torch.no_grad():
        changed = change(network, images, labels, seeded(1))
    assert not changed.requires_grad
    assert l2(changed - images).min() > 0.1


def test_noise_when_training_is_gaussian(network: ResNet20) -> None:
    """Of the asked standard deviation, and not clamped."""
    images = torch.zeros(8, 3, 32, 32)
    change = change_of(Training.GAUSSIAN, 0.25, 0.0)
    noisy = change(network, images, torch.zeros(8).long(), seeded(2))
    assert float(noisy.std()) == pytest.approx(0.25, rel=0.05)
    assert noisy.min() < 0


def test_shift_when_an_image_has_one_bright_pixel() -> None:
    """It lands at most four pixels away along each axis, not always the same way, and is the only one."""
    images = torch.zeros(50, 3, 32, 32, dtype=torch.uint8)
    images[:, :, 16, 16] = 255
    shifted = random_shift(images, seeded(3))
    places = shifted[:, 0].nonzero()[:, 1:]

    assert shifted.shape == images.shape
    assert len(places) == 50
    assert (places - 16).abs().max() == 4
    assert len(torch.unique(places, dim=0)) > 20


def test_views_when_the_generator_is_the_same(pictures: LabelledImages) -> None:
    """The same pictures, in [0, 1]."""
    first, second = (views(pictures.images, seeded(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert 0 <= first.min() <= first.max() <= 1


@pytest.mark.parametrize("training", Training)
def test_training_when_it_is_stopped(pictures: LabelledImages, training: Training, tmp_path: Path) -> None:
    """Taken up after its first step it ends with the weights of an undisturbed run."""
    change = change_of(training, 0.25, 0.5)

    def fit(path: Path, stop_after: int | None = None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        network = ResNet20(CLASSES)
        of_step = classification_step(network, draw_of(pictures, 4), change)

        def loss(step: int, generator: torch.Generator) -> torch.Tensor:
            if step == stop_after:
                raise KeyboardInterrupt
            return of_step(step, generator)

        return train(network, loss, TrainingOptions(2, 1e-3, 0.01, checkpoint_seconds=0), Checkpoint(path))

    whole = fit(tmp_path / "whole.safetensors")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "cut.safetensors", stop_after=1)
    resumed = fit(tmp_path / "cut.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_tecoa_when_it_has_trained(pictures: LabelledImages, tmp_path: Path) -> None:
    """The image tower moves, its averages of batch norms too; texts and temperature are as they were."""
    model = bundled_clip()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    texts = nn.functional.normalize(torch.randn(CLASSES, 128, generator=seeded(5)), dim=1)
    loss = contrastive_step(model, draw_of(pictures, 4), texts, 0.5)
    after = train(model, loss, OPTIONS, Checkpoint(tmp_path / "training.safetensors"))

    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith("visual.")}


def test_unconditional_unet_when_it_denoises(pictures: LabelledImages, tmp_path: Path) -> None:
    """It is as large as the bundled denoiser, trains on images alone, and is judged as it is served."""
    unet = create_unet()
    train(unet, diffusion_step(unet, draw_of(pictures, 4)), OPTIONS, Checkpoint(tmp_path / "training.safetensors"))
    with torch.no_grad():
        verdict = validation(unet, pictures.images[:2].float() / 255)(unet)

    assert 3e6 < sum(tensor.numel() for tensor in unet.parameters()) < 5e6
    assert unet(torch.zeros(2, 3, 32, 32), torch.tensor([100, 500])).sample.shape == (2, 3, 32, 32)
    assert verdict.startswith("PSNR ")
