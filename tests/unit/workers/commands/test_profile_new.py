"""`robustify profiles new`: what it sees in files, what it refuses, and that a failure leaves nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file
from spandrel.architectures.DRUNet import DRUNet

from adapters.models.classifiers.onnx_graph import images_of
from adapters.models.denoisers.one_file import converted, is_told_noise
from adapters.profiles.library import SHIPPED, find_profile, located
from adapters.profiles.profile import BUNDLED, Profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelFilesError
from tests.command_line import Command, Done, command_line
from tests.unit.adapters.models.denoisers.guided_reference import GuidedUNet
from workers.commands.profile_making import Draft, publish

CLIP = BUNDLED / "clip"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path / "state"))
    return command_line(monkeypatch, capsys)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state")


def save_network(file: Path, shape: tuple[int | str, ...], location: str | None = None) -> Path:
    """A network of two classes for images of a shape, its tensors in another file where one is named."""
    axes = [1, 2] if shape[-1] == 3 else [2, 3]
    weights = numpy_helper.from_array(np.array([[1, -1], [0.5, 2], [0, 1]], dtype=np.float32), "head")
    chosen = helper.make_tensor("axes", TensorProto.INT64, [2], axes)
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "head"], ["logits"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "two", [pixels], [logits], [weights, chosen])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file, save_as_external_data=location is not None, location=location, size_threshold=0)
    return file


def names(folder: Path) -> Path:
    (folder / "names.txt").write_text("crane\nheron\n")
    return folder / "names.txt"


def new(command: Command, *arguments: object) -> Done:
    return command("profiles", "new", "mine", *arguments)


def nothing_stays(settings: Settings) -> bool:
    left = [*settings.profiles_folder.glob("*"), *settings.models_folder.glob("*")]
    return not [path for path in left if path.name != ".lock"]


class TestOnnx:
    def test_images_of_a_graph(self, tmp_path: Path) -> None:
        """Layout and side are those of its input, as far as they are fixed."""
        shapes: dict[str, tuple[int | str, ...]] = {
            "first": (1, 3, 48, 48),
            "last": ("n", 40, 40, 3),
            "any": ("n", 3, "h", "w"),
            "wide": (1, 3, 32, 64),
        }
        found = {name: images_of(save_network(tmp_path / f"{name}.onnx", shape)) for name, shape in shapes.items()}
        assert {name: (images.layout, images.side) for name, images in found.items()} == {
            "first": ("NCHW", 48),
            "last": ("NHWC", 40),
            "any": ("NCHW", None),
            "wide": ("NCHW", None),
        }

    @pytest.mark.slow
    def test_file_with_its_tensors_beside(self, command: Command, settings: Settings, tmp_path: Path) -> None:
        """One file is enough: the other one comes with it, and the layout and the side are seen in the graph."""
        file = save_network(tmp_path / "my model.onnx", ("n", 40, 40, 3), "weights.data")
        done = new(command, "--classifier", file, "--classes", names(tmp_path), "--denoiser", "none")
        assert done.returncode == 0, done.stderr
        profile = served(settings)
        assert (profile.side, profile.class_names) == (40, ("crane", "heron"))
        folder = settings.models_folder / "mine" / "classifier"
        assert sorted(path.name for path in folder.iterdir()) == ["classes.txt", "model.onnx", "weights.data"]
        assert [path.name for path in settings.models_folder.iterdir()] == ["mine"]

    def test_tensors_in_a_file_that_is_not_taken(self, command: Command, settings: Settings, tmp_path: Path) -> None:
        """The refusal says how to save them."""
        file = save_network(tmp_path / "mine" / "model.onnx", (1, 3, 48, 48), "weights.bin")
        done = new(command, "--classifier", file.parent, "--classes", names(tmp_path), "--denoiser", "none")
        assert "has tensors in weights.bin: save it again with model.onnx.data" in done.stderr
        assert nothing_stays(settings)


def served(settings: Settings) -> Profile:
    return located(find_profile("mine", settings), settings)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--side", "33"), "a multiple of 2"),
            (("--denoiser", "nowhere"), "nowhere is no folder"),
            (("--denoiser-kind", "gan", "--denoiser", "x"), "choose one of restoration, guided-diffusion"),
            (("--denoiser-kind", "restoration", "--denoiser", "nowhere"), "nowhere is no single file of weights"),
            (("--classes", "nowhere.txt"), "this classifier reads any labels: leave --classes out"),
            (("--licence", ""), "a licence's name has 1 to 200"),
            (("--sigma", "-1"), "sigma: Input should be greater than 0"),
        ],
    )
    def test_when_something_does_not_fit(
        self, options: tuple[str, ...], words: str, command: Command, settings: Settings
    ) -> None:
        """One line, and neither file nor folder."""
        done = new(command, "--classifier", CLIP, *options)
        assert done.returncode in (1, 2)
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert nothing_stays(settings)

    @pytest.mark.parametrize("name", ["mini", "Mine", "../mine", ".."])
    def test_when_the_name_is_taken_or_none(self, name: str, command: Command, settings: Settings) -> None:
        """Nothing is looked at."""
        assert command("profiles", "new", name, "--classifier", CLIP).returncode == 2
        assert nothing_stays(settings)

    def test_when_a_classifier_does_not_answer(self, command: Command, settings: Settings, tmp_path: Path) -> None:
        """What was gathered goes again, and what was there stays."""
        broken = Path(shutil.copytree(CLIP, tmp_path / "clip"))
        (broken / "open_clip_model.safetensors").write_bytes(b"no tensors")
        assert new(command, "--classifier", broken).returncode == 1
        assert nothing_stays(settings)
        assert (broken / "open_clip_model.safetensors").read_bytes() == b"no tensors"

    def test_when_there_are_models_of_that_name(self, command: Command, settings: Settings) -> None:
        """They are not touched."""
        theirs = settings.models_folder / "mine" / "weights"
        theirs.mkdir(parents=True)
        done = new(command, "--classifier", CLIP)
        assert (done.returncode, "there are models of a profile mine" in done.stderr) == (2, True)
        assert theirs.is_dir()
        assert not list(settings.profiles_folder.glob("*.toml"))

    def test_when_another_process_was_faster(self, settings: Settings, tmp_path: Path) -> None:
        """What it published under the name stays."""
        draft = Draft("mine", (SHIPPED / "oracle-coin.toml").read_text().replace('"oracle-coin"', '"mine"'))
        publish(draft, tmp_path, settings, lambda done, total: None)
        with pytest.raises(InvalidInputError, match="there is a profile mine"):
            publish(draft, tmp_path, settings, lambda done, total: None)
        assert find_profile("mine", settings).classifier == "oracle"

    def test_when_a_classifier_has_no_classes(self, command: Command, settings: Settings, tmp_path: Path) -> None:
        """The refusal says what to give."""
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "config.json").write_text(json.dumps({"architecture": "resnet18"}))
        done = new(command, "--classifier", tmp_path / "mine", "--side", 32)
        assert (done.returncode, "give --classes FILE" in done.stderr) == (2, True)


class TestOneFile:
    def test_pickle_of_tensors(self, tmp_path: Path) -> None:
        """It becomes the same tensors as safetensors, under the names that the library reads."""
        torch.manual_seed(0)
        network = DRUNet(in_nc=4, out_nc=3, nc=[8, 8, 8, 8], nb=2)
        torch.save({"params_ema": network.state_dict(), "iter": 3}, tmp_path / "drunet.pth")
        digest = converted(tmp_path / "drunet.pth", tmp_path / "model.safetensors")
        assert len(digest) == 64
        assert is_told_noise(tmp_path / "model.safetensors")

    @pytest.mark.slow
    def test_checkpoint_of_guided_diffusion(self, command: Command, settings: Settings, tmp_path: Path) -> None:
        """Its tensors keep their names, and the profile says nothing of it but its kind."""
        network = GuidedUNet((64, 64), (False, True), 1, 64, "heads-first")
        torch.save(network.state_dict(), tmp_path / "tiny.pt")
        options = ("--denoiser", tmp_path / "tiny.pt", "--denoiser-kind", "guided-diffusion")
        done = new(command, "--classifier", CLIP, *options)
        assert done.returncode == 0, done.stderr
        kept = load_file(settings.models_folder / "mine" / "denoiser" / "model.safetensors")
        assert kept.keys() == network.state_dict().keys()
        checked = command("profiles", "check", "mine", "--n", 12)
        assert (checked.returncode, "clip behind guided-diffusion" in checked.stdout) == (0, True), checked.stderr

    def test_pickle_that_would_run_code(self, tmp_path: Path) -> None:
        """Nothing of it is run, and nothing is written."""
        torch.save({"weights": Path("x")}, tmp_path / "evil.pth")
        with pytest.raises(ModelFilesError, match="holds more than tensors"):
            converted(tmp_path / "evil.pth", tmp_path / "model.safetensors")
        assert not (tmp_path / "model.safetensors").exists()

    def test_pickle_with_more_than_tensors(self, tmp_path: Path) -> None:
        """A training's checkpoint without a state dict of its own is refused."""
        torch.save({"weight": torch.zeros(2), "epoch": 3}, tmp_path / "some.pth")
        with pytest.raises(ModelFilesError, match="holds more than a model's tensors"):
            converted(tmp_path / "some.pth", tmp_path / "model.safetensors")

    def test_network_that_is_none(self, command: Command, settings: Settings, tmp_path: Path) -> None:
        """Tensors of something else are refused before anything is published."""
        save_file({"weight": torch.zeros(2)}, tmp_path / "some.safetensors")
        options = ("--denoiser", tmp_path / "some.safetensors", "--denoiser-kind", "restoration")
        done = new(command, "--classifier", CLIP, *options)
        assert (done.returncode, "no network that is known" in done.stderr) == (1, True)
        assert nothing_stays(settings)
