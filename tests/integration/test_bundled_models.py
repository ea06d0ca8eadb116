"""What the bundled weights achieve on the 50 CIFAR-10 test images of the repository; the model card has all 500."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, IFSuperResolutionPipeline
from transformers import T5EncoderModel, T5Tokenizer

from adapters.embedded.recipe.super_resolution import create_unet
from adapters.models.catalogue import load_models
from adapters.models.classifiers.clip import load_clip
from adapters.models.denoisers.diffusion import load_one_step_denoiser
from adapters.models.loaded import Models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.profiles.manifest import verify_manifest
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from benchmarks.studies.batch_shapes import compare
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.seeds import public_seed
from robustify.types import Task
from workers.counting import VoteMaker
from workers.evaluation.data.dataset import Dataset, stacked, usable
from workers.evaluation.data.reading import read_dataset

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
SYNONYMS = {"automobile": "car", "ship": "boat", "airplane": "plane"}
CPU = torch.device("cpu")
PLAIN_ACCURACY = 0.7
DENOISED_ACCURACY = 0.53
"""Those of the model card, less some three standard errors of 50 images."""


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(find_profile("mini"), Settings(profile="mini"))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return read_dataset(IMAGES, None, 32)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    draw = SeededNoise(public_seed(b"bundled models", "test"))
    return torch.from_numpy(draw("estimate", 0, 50, (3, 32, 32)).astype(np.float32))


@torch.inference_mode()
def accuracy(classify: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, labels: list[int]) -> float:
    return float((classify(images).argmax(1) == torch.tensor(labels)).float().mean())


def test_plain_clip_names_most_images(models: Models, dataset: Dataset) -> None:
    """Zero-shot with the ten class names."""
    classifier = models.classifier_for(Task(dataset.class_names))

    assert accuracy(classifier, torch.from_numpy(stacked(dataset)), list(dataset.labels)) >= PLAIN_ACCURACY


@torch.inference_mode()
def test_synonyms_give_the_same_answer(models: Models, dataset: Dataset) -> None:
    """Nine of ten images keep their class when it is called by another name that CLIP was trained on."""
    images = torch.from_numpy(stacked(dataset))
    other = tuple(SYNONYMS.get(name, name) for name in dataset.class_names)
    answers = [models.classifier_for(Task(names))(images).argmax(1) for names in (dataset.class_names, other)]

    assert float((answers[0] == answers[1]).float().mean()) >= 0.9


@torch.inference_mode()
@pytest.mark.parametrize(("sigma", "gain_db"), [(0.12, 5.0), (0.25, 9.0), (0.5, 11.0)])
def test_denoiser_removes_noise_in_one_step(
    models: Models, dataset: Dataset, noise: torch.Tensor, sigma: float, gain_db: float
) -> None:
    """The mean squared error falls by at least so many decibels."""
    clean = torch.from_numpy(stacked(dataset))
    error = (models.denoiser_for(Task(("cat", "dog")))(clean + sigma * noise, sigma) - clean).square().mean()

    assert 10 * torch.log10(sigma**2 / error) >= gain_db


def test_denoising_makes_noisy_images_readable(models: Models, dataset: Dataset, noise: torch.Tensor) -> None:
    """Under noise of .25 denoise-and-classify reads far more images than the bare classifier."""
    noisy, labels = torch.from_numpy(stacked(dataset)) + 0.25 * noise, list(dataset.labels)
    denoised = accuracy(models.base_classifier(Task(dataset.class_names), 0.25), noisy, labels)
    bare = accuracy(models.classifier_for(Task(dataset.class_names)), noisy, labels)

    assert denoised >= DENOISED_ACCURACY
    assert denoised >= bare + 0.2


def test_votes_hardly_depend_on_the_batch_shape(models: Models, dataset: Dataset) -> None:
    """The noise is the same bits, and at most one of 300 votes differs, between batches of 64 and of 32, 7 and 1."""
    profile, settings = find_profile("mini"), Settings(profile="mini")
    model = VoteMaker(profile, engine_digest(profile, settings), models, settings)
    compared = compare(model, usable(dataset.sample(3)), Task(dataset.class_names), 0.25, 300)

    assert [found.batch_size for found in compared] == [32, 7, 1]
    assert [found.noises_that_differ for found in compared] == [0, 0, 0]
    assert max(found.votes_that_differ for found in compared) <= 1


@pytest.mark.parametrize("label", ["word " * 20, "汉字" * 20])
def test_label_that_the_text_tower_cannot_read_is_refused(models: Models, label: str) -> None:
    """A prompt that would be cut off is an error: two long labels might become one."""
    with pytest.raises(InvalidInputError, match="too long"):
        models.classifier_for(Task(("cat", label.strip() + " and more words to come")))


def test_long_labels_are_refused_together(models: Models) -> None:
    """Who sent several learns of all of them at once, by name and number."""
    with pytest.raises(InvalidInputError, match=r"'(word ){30}a' \(1\); '(word ){30}b' \(3\)\. Shorten"):
        models.classifier_for(Task(("word " * 30 + "a", "cat", "word " * 30 + "b")))


def test_labels_that_are_one_to_the_model_are_refused(models: Models) -> None:
    """CLIP's tokenizer ignores case and extra spaces: such labels get the same features, and all of them are named."""
    with pytest.raises(InvalidInputError, match="the same to the model") as caught:
        models.classifier_for(Task(("cat", "dog", "CAT", "route 66", "Dog", "route66", "Cat")))
    assert "'cat' (1) and 'CAT' (3); 'dog' (2) and 'Dog' (5); 'route 66' (4) and 'route66' (6)" in str(caught.value)
    assert "'cat' (1) and 'Cat' (7). Keep" in str(caught.value)


def test_weights_are_small_safetensors() -> None:
    """Under 40 MB a file, 80 MB together, and nothing that could run code."""
    files = [path for path in BUNDLED.rglob("*") if path.is_file()]

    assert max(path.stat().st_size for path in files) < 40e6
    assert sum(path.stat().st_size for path in files) < 80e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".png"}


def test_changed_weights_are_not_loaded(tmp_path: Path) -> None:
    """One flipped byte in a file of the manifest, or a missing file, is an error before anything is loaded."""
    folder = tmp_path / "weights"
    shutil.copytree(BUNDLED, folder)
    path = folder / "denoiser" / "unet" / "config.json"
    path.write_bytes(path.read_bytes().replace(b"silu", b"gelu", 1))
    with pytest.raises(ModelFilesError, match="not the one of the manifest"):
        verify_manifest(folder)
    path.unlink()
    with pytest.raises(ModelFilesError, match="is missing"):
        verify_manifest(folder)


def test_files_beside_the_manifest_are_not_loaded(tmp_path: Path) -> None:
    """An index file that would lead the loader to other weights is an error."""
    folder = tmp_path / "weights"
    shutil.copytree(BUNDLED, folder)
    (folder / "denoiser" / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelFilesError, match="not in the manifest"):
        verify_manifest(folder)


def test_the_same_loader_reads_any_pipeline_folder(tmp_path: Path) -> None:
    """A super-resolution pipeline that diffusers saved elsewhere denoises too."""
    text = BUNDLED / "denoiser"
    pipeline = IFSuperResolutionPipeline(
        tokenizer=T5Tokenizer.from_pretrained(text, subfolder="tokenizer"),
        text_encoder=T5EncoderModel.from_pretrained(text, subfolder="text_encoder"),
        unet=create_unet(64),
        scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(tmp_path)
    denoiser = load_one_step_denoiser(str(tmp_path), "a photo of a sks", 1.0, "search", CPU, torch.bfloat16)
    denoised = denoiser(torch.rand(2, 3, 32, 32), 0.25)

    assert denoised.shape == (2, 3, 32, 32)
    assert denoised.dtype == torch.float32
    assert 0 <= denoised.min() <= denoised.max() <= 1


def test_the_same_loader_reads_open_clips_own_models() -> None:
    """A model of open_clip's list, here without its pretrained weights, becomes a zero-shot classifier."""
    clip = load_clip("ViT-S-32-alt/", CPU, torch.float32)
    logits = clip.zero_shot(Task(("cat", "dog", "frog")))(torch.rand(2, 3, 32, 32))

    assert clip.size == (224, 224)
    assert logits.shape == (2, 3)


def test_missing_classifier_folder_is_one_clear_error(tmp_path: Path) -> None:
    """No traceback of a vendor's."""
    with pytest.raises(ModelFilesError, match="cannot be loaded"):
        load_clip(f"local-dir:{tmp_path}", CPU, torch.float32)


def test_model_card_names_the_data_of_the_weights() -> None:
    """The card and the manifest lie beside the weights."""
    card = (BUNDLED / "card.md").read_text()

    assert all(word in card for word in ("CIFAR-10", "Tiny-ImageNet", "seed", "licence"))
    assert json.loads((BUNDLED / "manifest.json").read_text())
