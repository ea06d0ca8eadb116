import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from adapters.models.classifiers.transformers_image import load_transformers_image
from adapters.profiles.options.transformers_image import TransformersImageOptions
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task

CPU = torch.device("cpu")
OPTIONS = TransformersImageOptions()
NAMES = {0: "crane", 1: "heron", 2: "crane"}
SIDE = 32


def save_vit(folder: Path) -> Path:
    """A ViT with random weights and three classes, two of them of one name."""
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=8,
        id2label=NAMES,
    )
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4], resample=2
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def saved_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture
def vit(saved_vit: Path, tmp_path: Path) -> Path:
    """One that may be damaged."""
    return Path(shutil.copytree(saved_vit, tmp_path / "vit"))


def library_logits(folder: Path, images: torch.Tensor) -> torch.Tensor:
    """As transformers computes them from start to end, of images in [0, 1]."""
    processor = AutoImageProcessor.from_pretrained(folder)
    model = AutoModelForImageClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        pixels = processor(list(images), do_rescale=False, return_tensors="pt")["pixel_values"]
        logits: torch.Tensor = model(pixel_values=pixels).logits
    return logits


@pytest.mark.parametrize("side", [SIDE, 48, 24])
def test_logits_when_images_have_a_size(saved_vit: Path, side: int) -> None:
    """They are those of the library's own image processor and forward pass, whether images are resized or not."""
    model = load_transformers_image(saved_vit, OPTIONS, None, CPU, torch.float32)
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        logits = model.for_task(Task(("crane", "heron", "crane (2)")))(images)
    torch.testing.assert_close(logits, library_logits(saved_vit, images), atol=1e-5, rtol=0)


def test_classes_when_labels_choose_among_them(saved_vit: Path) -> None:
    """They are those of id2label, in its order, the repeated one with its number; others are refused."""
    model = load_transformers_image(saved_vit, OPTIONS, None, CPU, torch.float32)
    images = torch.rand(1, 3, SIDE, SIDE)
    with torch.inference_mode():
        every, two = model.logits(images), model.for_task(Task(("Crane (2)", "heron")))(images)
    assert torch.equal(two, every[:, [2, 1]])
    with pytest.raises(InvalidInputError, match=r"'finch' \(2\)"):
        model.for_task(Task(("crane", "finch")))


def test_classes_when_the_profile_names_them(saved_vit: Path) -> None:
    """Its list takes the place of id2label, and must be as long."""
    model = load_transformers_image(saved_vit, OPTIONS, ("a", "b", "c"), CPU, torch.float32)
    assert model.class_names == ("a", "b", "c")
    with pytest.raises(ModelFilesError, match="3 classes, but its list names 2"):
        load_transformers_image(saved_vit, OPTIONS, ("a", "b"), CPU, torch.float32)


def test_gradients_when_an_attack_asks_for_them(saved_vit: Path) -> None:
    """They reach the image, through resizing too."""
    classifier = load_transformers_image(saved_vit, OPTIONS, None, CPU, torch.float32).for_task(
        Task(("crane", "heron"))
    )
    images = torch.rand(1, 3, 48, 48, requires_grad=True)
    classifier(images)[0, 0].backward()
    assert classifier.has_gradients
    assert images.grad is not None
    assert images.grad.abs().min() > 0


def test_half_precision(saved_vit: Path) -> None:
    """Logits come in float32, near those of full precision."""
    images, task = torch.rand(1, 3, SIDE, SIDE), Task(("crane", "heron"))
    with torch.inference_mode():
        full, half = (
            load_transformers_image(saved_vit, OPTIONS, None, CPU, dtype).for_task(task)(images)
            for dtype in (torch.float32, torch.bfloat16)
        )
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, atol=0.05, rtol=0)


def test_crop_when_the_processor_has_one(tmp_path: Path) -> None:
    """A network that takes any size sees images at the size of its processor's."""
    config = ConvNextConfig(hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], num_labels=2, id2label={0: "a", 1: "b"})
    ConvNextForImageClassification(config).save_pretrained(tmp_path)
    ConvNextImageProcessor(size={"shortest_edge": 40}, do_center_crop=True, crop_size=36).save_pretrained(tmp_path)
    assert load_transformers_image(tmp_path, OPTIONS, None, CPU, torch.float32).prepare.size == (36, 36)


def test_processor_when_it_is_missing(vit: Path) -> None:
    """The profile must say what it would: mean and standard deviation are never guessed."""
    (vit / "preprocessor_config.json").unlink()
    with pytest.raises(ModelFilesError, match="give the profile mean and std"):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)
    options = TransformersImageOptions.model_validate({"mean": [0.5, 0.5, 0.5], "std": [1, 1.0, 1.0], "size": SIDE})
    model = load_transformers_image(vit, options, None, CPU, torch.float32)
    assert model.prepare.size == (SIDE, SIDE)
    assert model.prepare.mean.flatten().tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do_rescale": False}, "scales images otherwise"),
        ({"rescale_factor": 1 / 127.5}, "scales images otherwise"),
        ({"resample": 0}, "neither bilinearly nor bicubically"),
        ({"resample": 5}, "neither bilinearly nor bicubically"),
        ({"image_mean": [0.5]}, "three channels"),
        ({"image_mean": "grey"}, "cannot be read"),
        ({"image_std": [0.5, 0.5, "wide"]}, "cannot be read"),
        ({"size": {"longest_edge": 32}}, "cannot be read"),
        ({"image_processor_type": "NoSuchProcessor"}, "cannot be read"),
        ({"size": {"height": 40, "width": 40}}, "give the profile the size"),
    ],
)
def test_processor_when_it_does_something_else(vit: Path, change: dict[str, object], message: str) -> None:
    """ModelFilesError, in one sentence."""
    path = vit / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelFilesError, match=message):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_folder_when_a_file_is_damaged_or_missing(vit: Path, name: str) -> None:
    """ModelFilesError without a path."""
    (vit / name).write_bytes(b"no")
    with pytest.raises(ModelFilesError) as damaged:
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)
    (vit / name).unlink()
    with pytest.raises(ModelFilesError) as missing:
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)
    assert str(vit) not in f"{damaged.value} {missing.value}"


def test_folder_when_its_weights_are_a_pickle(vit: Path) -> None:
    """ModelFilesError that says what to do; the pickle is not opened."""
    (vit / "model.safetensors").unlink()
    (vit / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(
        ModelFilesError, match=r"pytorch_model.bin, which is a pickle .* save its weights as model.safe"
    ):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)


def test_folder_when_the_head_is_missing_or_another(vit: Path) -> None:
    """ModelFilesError: the library would serve a head of random numbers."""
    weights = load_file(vit / "model.safetensors")
    others = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier.")}
    save_file(others, vit / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelFilesError, match=r"lack classifier.bias; classifier.weight: save"):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)
    save_file(weights | {"classifier.weight": torch.zeros(5, 16)}, vit / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelFilesError):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)


def test_folder_when_it_has_code_of_its_own(vit: Path) -> None:
    """ModelFilesError; the code is not run."""
    (vit / "own.py").write_text("raise SystemExit('it ran')")
    config = json.loads((vit / "config.json").read_text())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForImageClassification": "own.Own"}}
    (vit / "config.json").write_text(json.dumps(config | own))
    with pytest.raises(ModelFilesError):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)


def test_folder_when_it_is_an_adapter(vit: Path) -> None:
    """ModelFilesError: its model is elsewhere."""
    (vit / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelFilesError, match="an adapter of another model"):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)


def test_folder_when_id_to_label_has_a_gap(vit: Path) -> None:
    """ModelFilesError."""
    config = json.loads((vit / "config.json").read_text())
    (vit / "config.json").write_text(json.dumps(config | {"id2label": {"0": "crane", "2": "heron", "3": "finch"}}))
    with pytest.raises(ModelFilesError, match="none for the id 1"):
        load_transformers_image(vit, OPTIONS, None, CPU, torch.float32)
