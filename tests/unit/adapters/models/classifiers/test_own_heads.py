import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform
from timm.models import save_for_hf
from torchvision.models import get_model
from torchvision.transforms.functional import to_pil_image, to_tensor

from adapters.models.classifiers.vision import load_timm, load_torchvision
from adapters.profiles.class_lists import read_class_list
from adapters.profiles.options.vision import VisionOptions
from robustify.errors import ModelFilesError
from robustify.types import Task

CPU = torch.device("cpu")
SIDE = 160
"""What timm's smallest architectures take."""
BIRDS = ("crane", "heron", "finch", "owl")


def save_timm(folder: Path, architecture: str, **arguments: Any) -> torch.nn.Module:
    """An architecture with random weights and a head of four classes, in timm's own layout."""
    torch.manual_seed(0)
    network: torch.nn.Module = timm.create_model(architecture, num_classes=len(BIRDS), **arguments).eval()
    save_for_hf(network, str(folder), model_args=dict(arguments), safe_serialization=True)
    (folder / "classes.txt").write_text("\n".join(BIRDS))
    return network


@pytest.mark.parametrize("architecture", ["test_convnext", "test_vit"])
def test_logits_when_timm_saved_the_folder(tmp_path: Path, architecture: str) -> None:
    """They are those of timm's own transform and forward pass, of the classes in the file of names."""
    network = save_timm(tmp_path, architecture)
    names = read_class_list(tmp_path / "classes.txt")
    classifier = load_timm(tmp_path, names, CPU, torch.float32).for_task(Task(BIRDS))
    picture = to_pil_image(torch.rand(3, SIDE, SIDE))
    transform = create_transform(**resolve_model_data_config(network) | {"crop_pct": 1.0})
    with torch.inference_mode():
        expected, logits = network(transform(picture)[None]), classifier(to_tensor(picture)[None])
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


def test_size_when_images_have_another(tmp_path: Path) -> None:
    """They are resized to that of the folder's config, and gradients reach them through it."""
    save_timm(tmp_path, "test_convnext")
    model = load_timm(tmp_path, BIRDS, CPU, torch.float32)
    assert model.prepare.size == (SIDE, SIDE)
    images = torch.rand(1, 3, 96, 96, requires_grad=True)
    model.for_task(Task(BIRDS))(images)[0, 0].backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_size_when_the_network_was_built_for_another(tmp_path: Path) -> None:
    """That of the arguments in the config, before that of the architecture."""
    save_timm(tmp_path, "test_vit", img_size=64)
    assert load_timm(tmp_path, BIRDS, CPU, torch.float32).prepare.size == (64, 64)


def test_size_when_the_config_says_nothing(tmp_path: Path) -> None:
    """An architecture that takes one size alone is given that size."""
    save_timm(tmp_path, "test_vit")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_vit"}))
    assert load_timm(tmp_path, BIRDS, CPU, torch.float32).prepare.size == (SIDE, SIDE)


def test_size_when_the_profile_gives_a_wrong_one(tmp_path: Path) -> None:
    """ModelFilesError that names it."""
    save_timm(tmp_path, "test_vit", dynamic_img_size=False)
    with pytest.raises(ModelFilesError, match="does not take images of 64 x 64"):
        load_timm(tmp_path, BIRDS, CPU, torch.float32, VisionOptions(size=64))


def test_options_when_they_say_more_than_the_config(tmp_path: Path) -> None:
    """They take the place of what is in it."""
    save_timm(tmp_path, "test_convnext")
    options = VisionOptions.model_validate(
        {"mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 3.0], "size": 128, "resampling": "bilinear"}
    )
    prepare = load_timm(tmp_path, BIRDS, CPU, torch.float32, options).prepare
    torch.testing.assert_close(prepare.mean.flatten(), torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(prepare.std.flatten(), torch.tensor([1.0, 2.0, 3.0]))
    assert (prepare.size, prepare.resampling) == ((128, 128), "bilinear")


def test_torchvision_when_there_is_no_config(tmp_path: Path) -> None:
    """The profile names the architecture, and the list of classes says how many logits its head has."""
    torch.manual_seed(0)
    network = get_model("squeezenet1_1", weights=None, num_classes=len(BIRDS)).eval()
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    options = VisionOptions(architecture="squeezenet1_1", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        logits = load_torchvision(tmp_path, BIRDS, CPU, torch.float32, options).for_task(Task(BIRDS))(images)
        torch.testing.assert_close(logits, network((images - 0.5) / 0.5), atol=1e-5, rtol=0)


def test_names_when_they_are_more_than_the_head_has(tmp_path: Path) -> None:
    """ModelFilesError: labels would be given to the wrong logits."""
    save_timm(tmp_path, "test_convnext")
    with pytest.raises(ModelFilesError, match="4 classes, but its list names 5"):
        load_timm(tmp_path, (*BIRDS, "wren"), CPU, torch.float32)


def test_folder_when_its_weights_are_a_pickle(tmp_path: Path) -> None:
    """ModelFilesError that says what to do."""
    save_timm(tmp_path, "test_convnext")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelFilesError, match="pytorch_model.bin, which is a pickle"):
        load_timm(tmp_path, BIRDS, CPU, torch.float32)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"architecture": "no_such_network"},
        {"architecture": "test_vit", "model_args": {"no_such": 1}},
        {"architecture": "test_convnext", "num_classes": "many"},
        {"architecture": "test_convnext", "pretrained_cfg": {"mean": [0.5]}},
        {"architecture": "test_convnext", "pretrained_cfg": {"std": "wide"}},
        {"architecture": "test_convnext", "pretrained_cfg": {"input_size": "wide"}},
        {"architecture": "test_convnext", "pretrained_cfg": {"input_size": [3, -1, 0]}},
        {"architecture": "test_convnext", "pretrained_cfg": ["wide"]},
        {"architecture": "test_convnext", "model_args": ["wide"]},
    ],
)
def test_config_when_it_is_of_no_network(tmp_path: Path, config: dict[str, object]) -> None:
    """ModelFilesError, in one sentence."""
    save_timm(tmp_path, "test_convnext")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFilesError, match=r"^the classifier"):
        load_timm(tmp_path, BIRDS, CPU, torch.float32)
