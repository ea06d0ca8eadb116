import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer import BadParameter, Exit

from adapters.embedded.recipe.baselines import carlini, kept, resnet20
from adapters.embedded.recipe.baselines.__main__ import build_all, chosen, install
from adapters.embedded.recipe.baselines.builds import BASELINES, TRAININGS
from adapters.embedded.recipe.baselines.export import BUNDLED_PART, CLASS_NAMES, Baseline, export
from adapters.embedded.recipe.baselines.kept import keep, kept_weights, trained_weights
from adapters.embedded.recipe.baselines.tecoa import bundled_clip
from adapters.models.catalogue import load_models
from adapters.models.classifiers.resnet20 import ResNet20
from adapters.models.training.checkpoints import Checkpoint
from adapters.profiles.files import read_profile
from adapters.profiles.library import find_profile, served_profile
from adapters.profiles.profile import Profile
from adapters.profiles.suitability import check_files
from adapters.settings import Settings, StateFolder
from robustify.types import Task

BY_NAME = {baseline.profile: baseline for baseline in BASELINES}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of all trainings, of weights that nothing has trained."""
    folder = tmp_path_factory.mktemp("work")
    torch.manual_seed(0)
    clip = bundled_clip()
    with torch.no_grad():
        for weights in clip.visual.parameters():
            weights.mul_(1.01)
    networks = {"tecoa": clip, "carlini": carlini.create_unet()}
    for name in TRAININGS:
        network = networks.get(name) or ResNet20(len(CLASS_NAMES))
        Checkpoint(folder / name / "training.safetensors").save(1, {"average": network.state_dict()})
    return folder


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """A folder of data with three sheets of 500 images of CIFAR-10, all black."""
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    for index in range(3):
        Image.new("RGB", (25 * 32, 20 * 32)).save(folder / f"train_{index:03}.webp", lossless=True)
    labels = {"class_names": CLASS_NAMES, "train": [index % 10 for index in range(1500)]}
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder.parent


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.profile)
def test_file_of_a_baseline(baseline: Baseline, tmp_path: Path) -> None:
    """It is a profile of the baseline's name, and denoises and classifies as `mini` does, but for its models."""
    path = tmp_path / f"{baseline.profile}.toml"
    path.write_text(baseline.text)
    profile = read_profile(path)

    assert (profile.name, profile.side) == (baseline.profile, find_profile("mini").side)
    assert profile.default_sigma == (baseline.sigma or 0.25)
    assert {source.folder for source in profile.sources} == baseline.parts.keys()
    assert profile.denoiser != "super-resolution" or profile.k == find_profile("mini").k


@pytest.mark.slow
@pytest.mark.parametrize("baseline", BASELINES, ids=lambda baseline: baseline.profile)
def test_baseline_when_it_is_exported(baseline: Baseline, work: Path, tmp_path: Path) -> None:
    """Its files are what its profile says, and it answers with a logit for each label."""
    export(baseline, trained_weights(work), StateFolder(tmp_path))
    settings = Settings(profile=baseline.profile, state_dir=tmp_path, threads=1)
    profile = served_profile(settings)

    check_files(profile)
    assert logits(profile, settings, ("ship", "cat", "dog")).shape == (2, 3)


@pytest.mark.slow
@pytest.mark.parametrize("training", ["tecoa", "cohen-0.5"])
def test_weights_when_they_are_kept(training: str, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read as they were trained, in half precision, and the file has no copy of the bundled CLIP's texts."""
    monkeypatch.setattr(kept, "KEPT", tmp_path / "weights")
    file = keep(training, work)
    trained, read = trained_weights(work)(training), kept_weights(training)

    assert {name: tensor.dtype for name, tensor in read.items()} == {
        name: tensor.dtype for name, tensor in trained.items()
    }
    assert all(torch.equal(read[name], tensor) for name, tensor in trained.items())
    kept_names = load_file(file).keys()
    assert kept_names
    assert not any(name.startswith(("token_embedding", "transformer")) for name in kept_names)


def test_install_when_the_weights_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in an image: it says which file is missing and what would do, and writes no profile."""
    monkeypatch.setattr(kept, "KEPT", tmp_path / "weights")
    with pytest.raises(Exit):
        install(tmp_path / "state", only=["mini-resnet20"])

    assert "resnet20.safetensors is missing: install from a checkout" in capsys.readouterr().err
    assert not (tmp_path / "state" / "profiles").exists()


def test_install_when_a_baseline_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is left as it is, so that what was trained anew is not replaced."""
    for _ in range(2):
        install(tmp_path / "state", only=["mini-resnet20"])

    assert capsys.readouterr().out.splitlines() == ["mini-resnet20 is written", "mini-resnet20 is there"]


def logits(profile: Profile, settings: Settings, labels: tuple[str, ...]) -> torch.Tensor:
    """Of two grey images under noise."""
    classifier = load_models(profile, settings).base_classifier(Task(labels), profile.default_sigma)
    with torch.inference_mode():
        return classifier(0.5 + 0.25 * torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))


def test_builds_when_they_are_listed() -> None:
    """Each training goes into a baseline, and each part is trained or bundled."""
    sources = {source for baseline in BASELINES for source in baseline.parts.values()}
    assert sources == {*TRAININGS, BUNDLED_PART}


def test_baselines_when_some_are_chosen() -> None:
    """In the order of their cost, and a name that is none is refused with those that are."""
    assert [baseline.profile for baseline in chosen(["mini-carlini", "mini-resnet20"])] == [
        "mini-resnet20",
        "mini-carlini",
    ]
    assert list(chosen(None)) == list(BASELINES)
    with pytest.raises(BadParameter, match="mini-drunet.*mini-tecoa"):
        chosen(["mini-drunet"])


def test_all_when_it_is_run_twice(
    sheets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first run trains and writes a profile; the second finds it there, and trains nothing."""
    monkeypatch.setitem(resnet20.STEPS, resnet20.Training.STANDARD, 1)
    monkeypatch.setattr(resnet20, "BATCH_SIZE", 4)
    build_all(sheets, tmp_path / "state", only=["mini-resnet20"])
    first = capsys.readouterr().out
    written = (tmp_path / "state" / "models" / "mini-resnet20" / "manifest.json").stat().st_mtime_ns
    build_all(sheets, tmp_path / "state", only=["mini-resnet20"])

    assert "mini-resnet20 is written" in first
    assert capsys.readouterr().out == "mini-resnet20 is there\n"
    assert (tmp_path / "state" / "models" / "mini-resnet20" / "manifest.json").stat().st_mtime_ns == written
    check_files(served_profile(Settings(profile="mini-resnet20", state_dir=tmp_path / "state")))
