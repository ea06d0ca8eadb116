"""A task's own models: those of the bundled profile with some weights replaced, in files or in memory."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from adapters.models.catalogue import load_models
from adapters.models.classifiers.clip import ClipModel, load_clip
from adapters.models.denoisers.diffusion import OneStepDenoiser, embed_prompt, load_one_step_denoiser
from adapters.models.training.adapted import AdaptedModels, adapt_models, prompt_file
from adapters.models.training.delta import write_delta
from adapters.models.training.lora import add_lora, merged_weights, read_lora, write_lora
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from adapters.store.adaptations import CLASSIFIER, LORA, PROMPT, AdaptationStore, StoredAdaptation
from robustify.errors import StoredTaskError
from robustify.pipeline import DenoiseAndClassify
from robustify.types import Task

MINI, CPU = find_profile("mini"), torch.device("cpu")
DENOISER = str(BUNDLED / "denoiser")
TASK = Task(("cat", "dog", "ship"))
SIGMA, SKS = 0.25, "This is a photo of a sks"
LARGEST = 50_000
"""Larger tensors are left alone, so that the files are small."""
Weights = Mapping[str, torch.Tensor]


@pytest.fixture(scope="module")
def denoiser() -> OneStepDenoiser:
    return load_one_step_denoiser(DENOISER, MINI.prompt, MINI.k, "exact", CPU, torch.float32)


@pytest.fixture(scope="module")
def clip() -> ClipModel:
    return load_clip(f"local-dir:{BUNDLED / 'clip'}", CPU, torch.float32)


@pytest.fixture(scope="module")
def sks() -> torch.Tensor:
    return embed_prompt(DENOISER, SKS)


@pytest.fixture(scope="module")
def noisy() -> torch.Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def store(tmp_path: Path) -> AdaptationStore:
    return AdaptationStore(Settings(state_dir=tmp_path).state.adaptations)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


def write_random_lora(unet: UNet2DConditionModel, path: Path, size: float, seed: int = 0) -> None:
    """Adapters of which both halves are random, or with size 0 as they are when training begins."""
    copy = deepcopy(unet)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        add_lora(copy, 2)
        for parameter in copy.parameters() if size else ():
            if parameter.requires_grad:
                parameter.data.normal_(0, size)
    write_lora(copy, path)


def tuned_weights(clip: ClipModel, seed: int = 0) -> dict[str, torch.Tensor]:
    """As after fine-tuning: of all kinds of parameters some moved but the scale; of the word vectors few rows."""
    generator = torch.Generator().manual_seed(seed)
    tuned = {name: tensor.clone() for name, tensor in clip.model.state_dict().items()}
    for name, parameter in clip.model.named_parameters():
        if name == "token_embedding.weight":
            tuned[name][:10] += 0.02 * torch.randn(10, parameter.shape[1], generator=generator)
        elif name != "logit_scale" and parameter.numel() < LARGEST:
            tuned[name] += 0.02 * torch.randn(parameter.shape, generator=generator)
    return tuned


def logits(models: AdaptedModels, noisy: torch.Tensor) -> torch.Tensor:
    return DenoiseAndClassify(models.denoiser, models.classifier, SIGMA)(noisy)


def test_function_when_nothing_was_learned(
    denoiser: OneStepDenoiser,
    clip: ClipModel,
    sks: torch.Tensor,
    noisy: torch.Tensor,
    store: AdaptationStore,
    made: Path,
) -> None:
    """A LoRA of zeros is exactly the profile's denoiser, told the task's prompt; with its own prompt, itself."""
    write_random_lora(denoiser.unet, made / LORA, size=0)
    results = []
    for rows in (denoiser.prompt_rows, sks):
        (made / PROMPT).write_bytes(prompt_file(rows))
        stored = store.add(made, MINI.model_digest, {})
        results.append(logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, stored), noisy))
    plain = logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, None), noisy)
    prompted = DenoiseAndClassify(replace(denoiser, prompt_rows=sks), clip.zero_shot(TASK), SIGMA)(noisy)

    assert torch.equal(results[0], plain)
    assert torch.equal(results[1], prompted)
    assert not torch.equal(plain, prompted)


@pytest.fixture
def adapted(
    denoiser: OneStepDenoiser, clip: ClipModel, sks: torch.Tensor, store: AdaptationStore, made: Path
) -> StoredAdaptation:
    """A denoiser and a classifier that learned a lot."""
    write_random_lora(denoiser.unet, made / LORA, size=0.2)
    (made / PROMPT).write_bytes(prompt_file(sks))
    write_delta(clip.model.state_dict(), tuned_weights(clip), made / CLASSIFIER)
    return store.add(made, MINI.model_digest, {})


def test_function_when_weights_are_replaced_for_good(
    denoiser: OneStepDenoiser, clip: ClipModel, sks: torch.Tensor, noisy: torch.Tensor, adapted: StoredAdaptation
) -> None:
    """Overriding weights for a call gives bit for bit what models with these weights give; the shared ones stay."""
    before = logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, None), noisy)
    found = logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, adapted), noisy)
    lora = adapted.file(LORA)
    assert lora
    unet = replaced(denoiser.unet, merged_weights(denoiser.unet, read_lora(lora)))
    model = replaced(clip.model, tuned_weights(clip))
    whole = AdaptedModels(
        replace(denoiser, unet=unet, prompt_rows=sks), replace(clip, model=model).zero_shot(Task(TASK.labels))
    )

    assert torch.equal(found, logits(whole, noisy))
    assert torch.equal(before, logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, None), noisy))
    assert float((found - before).abs().max()) > 0.1


def replaced(model: torch.nn.Module, weights: Weights) -> torch.nn.Module:
    copy = deepcopy(model)
    copy.load_state_dict({**copy.state_dict(), **weights})
    return copy


@pytest.mark.slow
def test_function_when_only_a_part_was_adapted(
    denoiser: OneStepDenoiser, clip: ClipModel, noisy: torch.Tensor, adapted: StoredAdaptation
) -> None:
    """Every file that is there counts, with or without the others."""
    results = [logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, adapted), noisy)]
    for name in (LORA, PROMPT, CLASSIFIER):
        path = adapted.folder / name
        path.rename(path.with_suffix(".away"))
        results.append(logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, adapted), noisy))
        path.with_suffix(".away").rename(path)
    (adapted.folder / PROMPT).unlink()
    (adapted.folder / CLASSIFIER).unlink()
    results.append(logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, adapted), noisy))
    results.append(logits(adapt_models(denoiser, clip, MINI.model_digest, TASK, None), noisy))

    assert all(not torch.equal(a, b) for index, a in enumerate(results) for b in results[:index])


def test_function_when_the_files_change_after_they_were_read(
    denoiser: OneStepDenoiser, clip: ClipModel, noisy: torch.Tensor, adapted: StoredAdaptation
) -> None:
    """What was checked is what is computed: nothing is read from disk again."""
    models = adapt_models(denoiser, clip, MINI.model_digest, TASK, adapted)
    expected = logits(models, noisy)
    for name in (LORA, PROMPT, CLASSIFIER):
        path = adapted.folder / name
        content = path.read_bytes()
        with path.open("r+b") as file:
            file.seek(len(content) // 2)
            file.write(b"\x40" * (len(content) - len(content) // 2))

    assert torch.equal(logits(models, noisy), expected)


def test_adaptation_to_other_models(denoiser: OneStepDenoiser, clip: ClipModel, adapted: StoredAdaptation) -> None:
    """It is refused: a change of other weights is another function."""
    with pytest.raises(StoredTaskError, match="other models"):
        adapt_models(denoiser, clip, "b" * 64, TASK, adapted)


def test_size_when_models_are_adapted(denoiser: OneStepDenoiser, clip: ClipModel, adapted: StoredAdaptation) -> None:
    """Only what a task has of its own counts, and the text tower is not kept."""
    plain = adapt_models(denoiser, clip, MINI.model_digest, TASK, None)
    models = adapt_models(denoiser, clip, MINI.model_digest, TASK, adapted)
    tower = sum(tensor.numel() for tensor in models.classifier.clip.image_overrides.values())
    attention = sum(tensor.numel() for tensor in models.denoiser.overrides.values())

    assert plain.extra_bytes < 1e5 < 4 * tower
    assert all(name.startswith("visual.") for name in models.classifier.clip.overrides)
    assert models.extra_bytes == pytest.approx(4 * (tower + attention), rel=0.01)
    assert models.classifier.clip.model is clip.model
    assert models.denoiser.unet is denoiser.unet


@pytest.fixture
def several(
    denoiser: OneStepDenoiser, clip: ClipModel, sks: torch.Tensor, store: AdaptationStore, made: Path
) -> list[Task]:
    """Three tasks of the same labels, adapted each in its own way, and one of the labels alone."""
    tasks = [TASK]
    for seed in range(3):
        write_random_lora(denoiser.unet, made / LORA, size=0.1, seed=seed)
        (made / PROMPT).write_bytes(prompt_file(sks))
        write_delta(clip.model.state_dict(), tuned_weights(clip, seed), made / CLASSIFIER)
        tasks.append(replace(TASK, adaptation=store.add(made, MINI.model_digest, {}).digest))
    return tasks


@pytest.mark.slow
@pytest.mark.parametrize("max_task_bytes", [0, 1 << 30])
def test_tasks_when_they_are_served_in_turn(
    several: list[Task], noisy: torch.Tensor, tmp_path: Path, max_task_bytes: int
) -> None:
    """A task's logits are bit for bit the same whatever is served in between, kept in memory or loaded again."""
    models = load_models(MINI, Settings(state_dir=tmp_path, max_task_bytes=max_task_bytes))
    expected = [models.base_classifier(task, SIGMA)(noisy) for task in several]
    for task in (*several, *reversed(several)):
        assert torch.equal(models.base_classifier(task, SIGMA)(noisy), expected[several.index(task)])

    assert all(not torch.equal(a, b) for index, a in enumerate(expected) for b in expected[:index])


def test_task_whose_adaptation_is_gone(several: list[Task], tmp_path: Path) -> None:
    """StoredTaskError; nothing else answers in its name."""
    models = load_models(MINI, Settings(state_dir=tmp_path))
    with pytest.raises(StoredTaskError, match="missing"):
        models.base_classifier(replace(TASK, adaptation="c" * 64), SIGMA)
