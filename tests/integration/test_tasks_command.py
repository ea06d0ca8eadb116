"""`robustify tasks` with the bundled models: a LoRA from elsewhere answers, and what is exported comes back alike."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from adapters.models.catalogue import load_models
from adapters.models.training.import_lora import linear_shapes
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.tasks import TaskStore
from robustify.types import Task
from tests.command_line import Command
from tests.fake_hub import COMMIT, FakeHub

HORSE = BUNDLED / "examples" / "horse.png"
LABELS = ("--labels", "cat", "--labels", "horse")
MINI = find_profile("mini")
ROBUSTIFY = Path(sys.executable).with_name("robustify")


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In kohya's naming, in half precision, with an alpha, and of every linear weight of the bundled denoiser."""
    unet = UNet2DConditionModel.from_pretrained(BUNDLED / "denoiser", subfolder="unet", use_safetensors=True)
    generator, tensors = torch.Generator().manual_seed(0), dict[str, torch.Tensor]()
    for module, (wide, narrow) in linear_shapes(unet).items():
        name = f"lora_unet_{module.replace('.', '_')}"
        tensors[f"{name}.lora_down.weight"] = (0.1 * torch.randn(2, narrow, generator=generator)).half()
        tensors[f"{name}.lora_up.weight"] = (0.1 * torch.randn(wide, 2, generator=generator)).half()
        tensors[f"{name}.alpha"] = torch.tensor(1.0)
    path = tmp_path_factory.mktemp("lora") / "theirs.safetensors"
    save_file(tensors, path)
    return path


@dataclass(frozen=True)
class Tasks:
    """The command, and its state folder."""

    command: Command
    state: Path

    def run(self, *arguments: object) -> Mapping[str, Any]:  # Any: a JSON document.
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        found: Mapping[str, Any] = json.loads(done.stdout)
        return found

    @property
    def settings(self) -> Settings:
        return Settings(state_dir=self.state)


@pytest.fixture
def tasks(command: Command, tmp_path: Path) -> Tasks:
    return Tasks(command, tmp_path / "state")


def test_lora_that_is_imported_asked_exported_and_imported_again(tasks: Tasks, lora: Path, tmp_path: Path) -> None:
    """It answers as any task does, and keeps its digest on the way out and in, as a folder and as a LoRA alone."""
    first = tasks.run("tasks", "import", "pets", "--lora", lora, *LABELS, "--prompt", "a photo of a sks pet")
    answer = tasks.run("predict", HORSE, "--task", "pets", "--n", 50)
    plain = tasks.run("predict", HORSE, *LABELS, "--n", 50)
    tasks.run("tasks", "export", "pets@1", "--to", tmp_path / "out")
    tensors = load_file(tmp_path / "out" / "pytorch_lora_weights.safetensors")
    again = tasks.run("tasks", "import", "second", "--from", tmp_path / "out")
    exported = tmp_path / "out" / "pytorch_lora_weights.safetensors"
    alone = tasks.run("tasks", "import", "pets", "--lora", exported, "--prompt", "a photo of a sks pet")
    default = tasks.run("tasks", "import", "pets", "--lora", exported, "--keep-current")

    assert first["origin"]["namings"] == ["kohya"]
    assert first["origin"]["tensors"] == len(load_file(lora)) == len(tensors) * 3 // 2
    assert answer["model"]["adaptation"] == first["adaptation"]
    assert answer["model"]["fingerprint"] != plain["model"]["fingerprint"]
    assert all(name.startswith("unet.") and ".lora_" in name for name in tensors)
    assert again["adaptation"] == alone["adaptation"] == first["adaptation"] != default["adaptation"]
    assert alone["origin"]["namings"] == ["peft"]
    assert default["prompt"] == "This is a photo of a sks"
    stored = TaskStore(tasks.settings.state.tasks).find("pets")
    assert ([version.number for version in stored.versions], stored.current) == ([1, 2, 3], 2)


def test_lora_of_the_model_hub(tasks: Tasks, lora: Path, hub: FakeHub, tmp_path: Path) -> None:
    """It is the same adaptation as from the file; the manifest names repository, commit and file."""
    (hub.root / "somebody" / "pets").mkdir(parents=True)
    shutil.copy(lora, hub.root / "somebody" / "pets")
    # A process of its own, because the hub's client reads its settings once.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "ROBUSTIFY_"))}
    ours = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.url, "ROBUSTIFY_STATE_DIR": str(tasks.state)}
    command = ["tasks", "import", "pets", "--lora", "somebody/pets", "--revision", COMMIT, *LABELS, "--json"]
    done = subprocess.run([ROBUSTIFY, *command], env={**kept, **ours}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    alone = tasks.run("tasks", "import", "again", "--lora", lora, *LABELS)
    stored = AdaptationStore(tasks.settings.state.adaptations).get(str(made["adaptation"])).manifest.origin

    assert made["origin"]["repository"] == {"repo": "somebody/pets", "revision": COMMIT, "file": lora.name}
    assert made["adaptation"] == alone["adaptation"]
    assert alone["origin"]["repository"] is None
    assert stored is not None
    assert stored.model_dump(mode="json") == {**made["origin"]}


def test_denoiser_that_is_folded_with_a_lora_of_every_linear_weight(tasks: Tasks, lora: Path) -> None:
    """It is the same function as the one that is not, and another than without the LoRA."""
    made = tasks.run("tasks", "import", "pets", "--lora", lora, *LABELS)
    task = Task(("cat", "horse"), adaptation=str(made["adaptation"]))
    noisy = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        folded, plain = (
            load_models(MINI, tasks.settings.model_copy(update={"folded": value})).denoiser_for(task)(noisy, 0.25)
            for value in (True, False)
        )
        unadapted = load_models(MINI, tasks.settings).denoiser_for(Task(("cat", "horse")))(noisy, 0.25)

    torch.testing.assert_close(folded, plain, rtol=0, atol=1e-4)
    assert float((folded - unadapted).abs().max()) > 0.01


def test_import_that_is_refused(tasks: Tasks, lora: Path, tmp_path: Path) -> None:
    """One line that says why, exit code 2, and no task."""
    odd = {**load_file(lora), "lora_te_encoder_q.lora_down.weight": torch.ones(2, 8)}
    save_file(odd, tmp_path / "odd.safetensors")
    (tmp_path / "lora.bin").write_bytes(b"")
    for arguments, message in (
        (("--lora", tmp_path / "odd.safetensors", *LABELS), "lora_te_encoder_q.lora_down.weight"),
        (("--lora", tmp_path / "lora.bin", *LABELS), "may run code"),
        (("--lora", lora), "labels: Field required"),
        ((), "give either --lora FILE, or OWNER/NAME, or --from FOLDER"),
        (("--lora", lora, "--revision", "main", *LABELS), "--revision and --file are of a repository"),
        (("--lora", lora, "--from", tmp_path), "give either"),
        (("--from", tmp_path, *LABELS), "leave them out"),
        (("--from", tmp_path), "has no task.json"),
        (("--lora", lora, *LABELS, "--profile", "imagenet-lite0-ffdnet"), "weights of its own"),
    ):
        done = tasks.command("tasks", "import", "pets", *arguments)

        assert (done.returncode, done.stdout) == (2, "")
        assert message in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
    assert TaskStore(tasks.settings.state.tasks).all() == []


def test_exported_folder_that_was_changed(tasks: Tasks, lora: Path, tmp_path: Path) -> None:
    """It is not taken for what its digest says; a file that it does not name is not taken either."""
    tasks.run("tasks", "import", "pets", "--lora", lora, *LABELS)
    tasks.run("tasks", "export", "pets", "--to", tmp_path / "out")
    document: dict[str, Any] = json.loads((tmp_path / "out" / "task.json").read_text())
    changes: Mapping[str, Mapping[str, Any]] = {
        "otherwise than 0000-000.png": {"manifest": {**document["manifest"], "references": [reference("../x.png")]}},
        "is missing, or no PNG": {"manifest": {**document["manifest"], "references": [reference("0000-000.png")]}},
        "other models": {"models": "0" * 64},
        "not as it was exported": {"adaptation": "0" * 64},
        "damaged at labels": {"labels": ["one"]},
    }
    for message, change in changes.items():
        shutil.copytree(tmp_path / "out", tmp_path / "changed")
        (tmp_path / "changed" / "task.json").write_text(json.dumps({**document, **change}))
        done = tasks.command("tasks", "import", "again", "--from", tmp_path / "changed")
        shutil.rmtree(tmp_path / "changed")

        assert done.returncode == 2
        assert message in " ".join(done.stderr.split())


def test_export_that_is_refused(tasks: Tasks, lora: Path, tmp_path: Path) -> None:
    """A folder with something in it, a version that is not there, and labels alone."""
    tasks.run("tasks", "import", "pets", "--lora", lora, *LABELS, "--keep-current")
    for version, target, code, message in (
        ("pets@2", tmp_path, 2, "is there already"),
        ("pets@1", tmp_path / "out", 2, "labels alone"),
        ("pets@9", tmp_path / "out", 1, "no version 9"),
        ("ghosts", tmp_path / "out", 1, "there is no task"),
    ):
        done = tasks.command("tasks", "export", version, "--to", target)

        assert done.returncode == code
        assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_references_when_a_server_is_asked(command: Command, tmp_path: Path) -> None:
    """It takes none yet, and that is said before anything is sent."""
    done = command("adapt", "pets", "--references", tmp_path, "--server", "http://127.0.0.1:9")

    assert done.returncode == 2
    assert "a server takes no pictures to adapt with yet" in done.stderr


def reference(file: str) -> Mapping[str, object]:
    return {"file": file, "label": "cat", "index": 0, "shot": 0, "seed": 0, "prompt": "", "held_back": False}
