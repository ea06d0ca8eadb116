import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.models.classifiers.resnet20 import ResNet20, load_resnet20
from adapters.models.gradients import has_gradients
from adapters.profiles.detection import detect_classifier
from robustify.errors import ModelFilesError
from robustify.types import Task

CPU = torch.device("cpu")
COLOURS = ("red", "green", "blue")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Random weights for three classes."""
    torch.manual_seed(0)
    config = {"architecture": "resnet20", "num_classes": 3, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "labels.json").write_text(json.dumps(COLOURS))
    save_file(ResNet20(3).state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def test_parameters_when_there_are_ten_classes() -> None:
    """As many as He et al. (2016) give in their table 6: .27 M; exactly, with shortcuts that have none."""
    network = ResNet20(10)
    layers = [name for name, tensor in network.named_parameters() if tensor.ndim > 1]

    assert sum(tensor.numel() for tensor in network.parameters()) == 269_722
    assert len(layers) == 20


def test_resolution_when_an_image_passes() -> None:
    """Half of it at the second and the third stage, as on CIFAR-10: the stem keeps 32 x 32."""
    network, sizes = ResNet20(10), list[torch.Size]()
    for block in network.blocks:
        block.register_forward_hook(lambda module, arguments, output: sizes.append(output.shape[1:]))
    network(torch.zeros(1, 3, 32, 32))

    assert sizes == [torch.Size(shape) for shape in ((16, 32, 32), (32, 16, 16), (64, 8, 8)) for _ in range(3)]


def test_logits_when_labels_are_in_another_order(folder: Path) -> None:
    """Those of the chosen classes, by name, and gradients of them reach the images."""
    model = load_resnet20(folder, COLOURS, CPU, torch.float32)
    x = torch.rand(2, 3, 32, 32).requires_grad_()
    every, two = model.for_task(Task(COLOURS))(x), model.for_task(Task(("Blue", "red")))(x)
    two.sum().backward()

    assert torch.equal(two, every[:, [2, 0]])
    assert has_gradients(model.for_task(Task(COLOURS)))
    assert x.grad is not None
    assert x.grad.abs().amax(dim=(1, 2, 3)).min() > 0


def test_folder_when_it_is_detected(folder: Path) -> None:
    """It is told from timm's by its architecture, with its size and its classes."""
    found = detect_classifier(folder)
    assert (found.kind, found.side, found.class_list) == ("resnet-20", 32, "labels.json")


def test_folder_when_the_weights_are_of_another_network(folder: Path) -> None:
    """ModelFilesError."""
    save_file({"weight": torch.zeros(3)}, folder / "model.safetensors")
    with pytest.raises(ModelFilesError, match="not of one model"):
        load_resnet20(folder, COLOURS, CPU, torch.float32)
