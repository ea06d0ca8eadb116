"""The two trainings of an adaptation with the bundled models: what they write, and what they leave alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from adapters.models.classifiers.clip import ClipModel
from adapters.models.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser
from adapters.models.generators.cascade import Sampling
from adapters.models.training.delta import read_delta
from adapters.models.training.fine_tuning import fine_tune
from adapters.models.training.lora import TARGETS, read_lora
from adapters.models.training.personalization import Personalization, personalize
from adapters.models.training.trainer import History, References, TrainingPlan
from adapters.models.training.workshop import Workshop, has_bf16
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from robustify.errors import ModelFilesError
from robustify.pipeline import DenoiseAndClassify
from robustify.types import Task

MINI, CPU = find_profile("mini"), torch.device("cpu")
TASK = Task(("cat", "dog"))
PLAN = TrainingPlan(steps=3, batch_size=2, learning_rate=1e-3, weight_decay=0.01, seed=1, validate_steps=3)
OPTIONS = Personalization(PLAN, guidance_weight=0.01, rank=2)


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return Workshop(MINI, Settings())


@pytest.fixture(scope="module")
def prompt(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompt") / "prompt.safetensors"
    workshop.write_prompt("This is a photo of a sks", path)
    return path


@pytest.fixture(scope="module")
def clip() -> ClipModel:
    """Like the bundled one, with a small convolutional tower and a narrow text encoder."""
    tower = {"timm_model_name": "test_resnet", "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear"}
    words = {"context_length": 32, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    torch.manual_seed(0)
    model = open_clip.CLIP(embed_dim=16, vision_cfg={**tower, "image_size": 32}, text_cfg=words)
    tokenizer = open_clip.SimpleTokenizer(context_length=32)
    zeros, ones = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
    return ClipModel(model.requires_grad_(False).eval(), tokenizer, (32, 32), zeros, ones)


@pytest.fixture
def accelerator(workshop: Workshop) -> Iterator[Accelerator]:
    """The workshop's own, whatever another test asked accelerate for in this process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield workshop.accelerator()
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def references() -> References:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return References(images, torch.tensor([0, 1, 0, 1]))


def learn_to_denoise(
    workshop: Workshop,
    prompt: Path,
    references: References,
    folder: Path,
    accelerator: Accelerator,
    options: Personalization = OPTIONS,
    on_step: Callable[[int], None] = lambda step: None,
) -> History:
    folder.mkdir(exist_ok=True)
    denoiser, classifier = workshop.adapted_denoiser(prompt.parent), workshop.clip.zero_shot(TASK)
    return personalize(denoiser, classifier, references, references, options, folder, on_step, accelerator)


def learn_to_classify(
    workshop: Workshop,
    clip: ClipModel,
    prompt: Path,
    references: References,
    folder: Path,
    accelerator: Accelerator,
    on_step: Callable[[int], None] = lambda step: None,
    mix: float = 1.0,
) -> History:
    folder.mkdir(exist_ok=True)
    plan = replace(PLAN, steps=2, validate_steps=2, weight_decay=0.0)
    denoiser = workshop.adapted_denoiser(prompt.parent)
    return fine_tune(denoiser, clip, TASK, references, references, plan, mix, folder, on_step, accelerator)


def stop_at_step(wanted: int) -> Callable[[int], None]:
    def stop(step: int) -> None:
        if step == wanted:
            raise InterruptedError

    return stop


def snapshot(model: torch.nn.Module) -> Mapping[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def is_untouched(model: torch.nn.Module, before: Mapping[str, torch.Tensor]) -> bool:
    """Neither weights nor gradients, nor a layer more."""
    state = model.state_dict()
    same = set(state) == set(before) and all(torch.equal(state[name], tensor) for name, tensor in before.items())
    return same and all(p.grad is None and not p.requires_grad for p in model.parameters())


@pytest.mark.slow
def test_personalization_when_it_was_stopped(
    workshop: Workshop, prompt: Path, references: References, tmp_path: Path, accelerator: Accelerator
) -> None:
    """It ends with the same file, byte for byte; losses are recorded, with those on the held-back references."""
    history = learn_to_denoise(workshop, prompt, references, tmp_path / "whole", accelerator)
    with pytest.raises(InterruptedError):
        learn_to_denoise(workshop, prompt, references, tmp_path / "cut", accelerator, on_step=stop_at_step(2))
    assert not (tmp_path / "cut" / "lora.safetensors").exists()
    again = learn_to_denoise(workshop, prompt, references, tmp_path / "cut", accelerator)

    assert again == history
    assert history[-1]["step"] == 3
    assert {"total", "diffusion", "classifier", "held_back_diffusion"} < set(history[-1])
    whole, cut = ((tmp_path / name / "lora.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


def test_personalization_when_it_is_done(
    workshop: Workshop, prompt: Path, references: References, tmp_path: Path, accelerator: Accelerator
) -> None:
    """All attention projections learned, and the models that it began with are as they were."""
    before = snapshot(workshop.denoiser.network), snapshot(workshop.clip.model)
    learn_to_denoise(workshop, prompt, references, tmp_path, accelerator)
    lora = read_lora(tmp_path / "lora.safetensors")
    projections = {name for name, _ in workshop.denoiser.network.named_modules() if name.endswith(TARGETS)}

    assert set(lora) == projections
    assert all(pair.change.abs().max() > 0 for pair in lora.values())
    assert all(len(pair.down) == OPTIONS.rank for pair in lora.values())
    assert is_untouched(workshop.denoiser.network, before[0])
    assert is_untouched(workshop.clip.model, before[1])


@pytest.mark.slow
def test_prediction_between_two_steps(
    workshop: Workshop, prompt: Path, references: References, tmp_path: Path, accelerator: Accelerator
) -> None:
    """What a worker serves while it adapts is bit for bit what it serves when idle."""
    f = DenoiseAndClassify(workshop.denoiser, workshop.clip.zero_shot(TASK), 0.25)
    idle, served = f(references.images), list[torch.Tensor]()

    def serve(step: int) -> None:
        served.append(f(references.images))

    learn_to_denoise(workshop, prompt, references, tmp_path, accelerator, on_step=serve)
    assert len(served) == PLAN.steps + 1
    assert all(torch.equal(logits, idle) for logits in served)


@pytest.mark.slow
def test_personalization_when_memory_is_saved(
    workshop: Workshop, prompt: Path, references: References, tmp_path: Path, accelerator: Accelerator
) -> None:
    """With gradient checkpointing the same is learned, up to rounding."""
    saving = replace(OPTIONS, gradient_checkpointing=True)
    history = learn_to_denoise(workshop, prompt, references, tmp_path / "plain", accelerator)
    other = learn_to_denoise(workshop, prompt, references, tmp_path / "saving", accelerator, saving)

    assert other[-1]["total"] == pytest.approx(history[-1]["total"], rel=1e-2)


def test_fine_tuning_when_it_was_stopped(
    workshop: Workshop,
    clip: ClipModel,
    prompt: Path,
    references: References,
    tmp_path: Path,
    accelerator: Accelerator,
) -> None:
    """The same file, byte for byte, of both encoders' changes; scale and norm statistics stay, as do the models."""
    before = snapshot(workshop.denoiser.network), snapshot(clip.model)
    history = learn_to_classify(workshop, clip, prompt, references, tmp_path / "whole", accelerator)
    with pytest.raises(InterruptedError):
        learn_to_classify(workshop, clip, prompt, references, tmp_path / "cut", accelerator, stop_at_step(1))
    assert learn_to_classify(workshop, clip, prompt, references, tmp_path / "cut", accelerator) == history

    whole, cut = (tmp_path / name / "classifier.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    changed = read_delta(clip.model.state_dict(), whole)
    learned = {name for name, _ in clip.model.named_parameters()} - {"logit_scale"}
    assert set(changed) == learned
    assert "rows.token_embedding.weight" in load_file(whole)
    assert is_untouched(workshop.denoiser.network, before[0])
    assert is_untouched(clip.model, before[1])


def test_fine_tuned_weights_when_they_are_mixed(
    workshop: Workshop, clip: ClipModel, prompt: Path, references: References, tmp_path: Path, accelerator: Accelerator
) -> None:
    """A fourth of the way means every weight a fourth of the way, and what did not change stays left out."""
    for name, mix in (("whole", 1.0), ("part", 0.25)):
        learn_to_classify(workshop, clip, prompt, references, tmp_path / name, accelerator, mix=mix)
    before = clip.model.state_dict()
    whole, part = (read_delta(before, tmp_path / name / "classifier.safetensors") for name in ("whole", "part"))

    assert set(part) == set(whole)
    for name, tensor in part.items():
        torch.testing.assert_close(tensor - before[name], 0.25 * (whole[name] - before[name]))


def test_denoiser_when_it_is_told_the_prompt_of_a_file(workshop: Workshop, prompt: Path) -> None:
    """It is the one that is loaded with this prompt."""
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    told = workshop.adapted_denoiser(prompt.parent)
    source = str(BUNDLED / "denoiser")
    loaded = load_one_step_denoiser(source, "This is a photo of a SKS ", MINI.k, "exact", CPU, torch.float32)
    with torch.inference_mode():
        assert torch.equal(told(x, 0.25), loaded(x, 0.25))
        assert not torch.equal(told(x, 0.25), workshop.denoiser(x, 0.25))
    assert isinstance(told, OneStepDenoiser)


def test_workshop_of_a_profile_that_makes_no_pictures(tmp_path: Path) -> None:
    """ModelFilesError, before anything is loaded."""
    with pytest.raises(ModelFilesError, match="can be adapted"):
        _ = Workshop(find_profile("oracle-linear"), Settings()).denoiser
    with pytest.raises(ModelFilesError, match="cannot be adapted"):
        Workshop(replace(MINI, folder=tmp_path), Settings()).generator(Sampling(base_guidance=7.0))


def test_precision_when_the_hardware_has_bfloat16(accelerator: Accelerator) -> None:
    """Training is in bfloat16 there, and in float32 elsewhere."""
    assert accelerator.mixed_precision == ("bf16" if has_bf16(CPU) else "no")
    assert accelerator.device.type == "cpu"
