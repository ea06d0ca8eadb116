"""Images from text with a cascade of two small stages that have not learned anything yet."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import IFPipeline, IFSuperResolutionPipeline
from transformers import T5EncoderModel, T5Tokenizer

from adapters.embedded.recipe.cascade import noise_schedule, stage_unet
from adapters.models.generators.cascade import CascadeGenerator, Sampling, bundled_sources, load_cascade
from adapters.profiles.profile import BUNDLED
from robustify.errors import ModelFilesError

CPU = torch.device("cpu")
SAMPLING = Sampling(base_guidance=7.0, base_steps=3, enlarging_steps=2)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> CascadeGenerator:
    folder, text = tmp_path_factory.mktemp("profile"), BUNDLED / "denoiser"
    torch.manual_seed(0)
    parts = {
        "tokenizer": T5Tokenizer.from_pretrained(text, subfolder="tokenizer"),
        "text_encoder": T5EncoderModel.from_pretrained(text, subfolder="text_encoder"),
        "scheduler": noise_schedule(),
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
        "requires_safety_checker": False,
    }
    base = stage_unet(8, (32, 64), 64, in_channels=3, class_embed_type=None)
    enlarger = stage_unet(16, (32, 64), 64, in_channels=6, class_embed_type="timestep")
    IFPipeline(unet=base, **parts).save_pretrained(folder / "generator")
    IFSuperResolutionPipeline(unet=enlarger, image_noising_scheduler=noise_schedule(), **parts).save_pretrained(
        folder / "denoiser"
    )
    return load_cascade(*bundled_sources(folder), SAMPLING, CPU, torch.float32)


def make(
    generator: CascadeGenerator, prompts: list[str], seeds: list[int], on_step: Callable[[], None] = lambda: None
) -> torch.Tensor:
    return generator(prompts, [torch.Generator().manual_seed(seed) for seed in seeds], on_step)


def test_images_when_seed_or_prompt_differ(generator: CascadeGenerator) -> None:
    """As large as the second stage makes them, in [0, 1]; each of its own seed and prompt, whatever is beside it."""
    images = make(generator, ["a cat", "a dog", "a cat"], [1, 1, 2])
    alone = make(generator, ["a dog"], [1])

    assert images.shape == (3, 3, 16, 16)
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images, make(generator, ["a cat", "a dog", "a cat"], [1, 1, 2]))
    torch.testing.assert_close(images[1:2], alone, rtol=0, atol=1e-3)
    assert float((images[0] - images[1]).abs().max()) > 0.01
    assert float((images[0] - images[2]).abs().max()) > 0.01


def test_prompts_when_case_differs(generator: CascadeGenerator) -> None:
    """They are read as the denoiser's prompt is: in lower case, without outer spaces."""
    assert torch.equal(make(generator, [" A Cat "], [1]), make(generator, ["a cat"], [1]))


def test_work_when_somebody_follows_it(generator: CascadeGenerator) -> None:
    """Told after each step of both stages; what is raised then ends it."""
    steps: list[int] = []

    def stop_at_the_fourth() -> None:
        steps.append(len(steps))
        if len(steps) == SAMPLING.base_steps + 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        make(generator, ["a cat"], [1], stop_at_the_fourth)
    steps.clear()
    make(generator, ["a cat"], [1], lambda: steps.append(0))
    assert len(steps) == SAMPLING.base_steps + SAMPLING.enlarging_steps


def test_generator_without_files(tmp_path: Path) -> None:
    """One clear error."""
    with pytest.raises(ModelFilesError, match="cannot be loaded"):
        load_cascade(*bundled_sources(tmp_path), SAMPLING, CPU, torch.float32)
