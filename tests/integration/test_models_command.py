"""`robustify models` against a hub on this machine that serves the bundled models under the names of the paper's."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.queue.server import EmbeddedServer
from tests.command_line import Command, Done
from tests.fake_hub import COMMIT, FakeHub

ROBUSTIFY = Path(sys.executable).with_name("robustify")
REPOSITORY = Path(__file__).parents[2]
DENOISER, CLIP, GENERATOR = (source.repo for source in find_profile("deepfloyd").sources)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line in a process of its own, without a token, with a state folder of the test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "ROBUSTIFY_"))}
    ours = {
        "HF_HOME": str(tmp_path / "hf"),
        "ROBUSTIFY_STATE_DIR": str(tmp_path / "state"),
        "PYTHONPATH": str(REPOSITORY),
    }

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROBUSTIFY), *arguments],
            env={**kept, **ours, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run


def models(tmp_path: Path) -> Path:
    return tmp_path / "state" / "models"


def pull(run: Run, hub: FakeHub, *options: str, profile: str = "deepfloyd") -> subprocess.CompletedProcess[str]:
    return run("models", "pull", profile, "--accept-licence", *options, HF_ENDPOINT=hub.url)


def error_of(done: subprocess.CompletedProcess[str] | Done) -> str:
    """The one line that says why it failed."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def nothing_can_be_served(tmp_path: Path) -> bool:
    return not list(models(tmp_path).glob("deepfloyd*"))


def test_pull_and_then_offline(run: Run, command: Command, hub: FakeHub, tmp_path: Path) -> None:
    """What was pulled is whole, says where it is from, and answers with the hub out of reach; a damage is named."""
    assert pull(run, hub).returncode == 0
    folder = models(tmp_path) / "deepfloyd"
    sources = json.loads((folder / "sources.json").read_text())
    assert sources["denoiser"] == {"repo": DENOISER, "revision": COMMIT}
    assert not (folder / "generator" / "text_encoder").exists()
    assert not list(models(tmp_path).glob(".partial*"))
    listed = json.loads(command("models", "list", "--json").stdout)["models"]
    assert {model["name"] for model in listed if model["available"]} >= {"mini", "deepfloyd"}

    again = command("models", "pull", "deepfloyd", "--accept-licence")
    assert (again.returncode, "already" in again.stdout) == (0, True)

    offline = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9", "ROBUSTIFY_BATCH_SIZE": "2"}
    picture = str(BUNDLED / "examples" / "horse.png")
    question = ("predict", picture, "--profile", "deepfloyd", "--labels", "cat", "--labels", "horse")
    done = run(*question, "--n", "6", "--alpha", "0.05", "--sigma", "0.12", "--json", **offline)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["input"]["height"] == 224
    assert result["model"]["profile"] == "deepfloyd"
    # The text encoder has run in a process of its own, and left the rows of the profile's prompt.
    assert len(list((tmp_path / "state" / "prompts").glob("*.safetensors"))) == 1

    assert command("models", "verify", "deepfloyd").returncode == 0
    damage(folder)
    verified = command("models", "verify", "deepfloyd")
    assert verified.returncode == 1
    named = verified.stdout.splitlines()
    assert [line.split()[2] for line in named] == ["clip/extra.txt", "clip/open_clip_config.json", UNET]
    assert "clip/extra.txt is not in the manifest" in error_of(command(*question))


UNET = "denoiser/unet/diffusion_pytorch_model.safetensors"


def damage(folder: Path) -> None:
    (folder / "clip" / "extra.txt").touch()
    content = bytearray((folder / UNET).read_bytes())
    content[-1] ^= 1
    (folder / UNET).unlink()
    (folder / UNET).write_bytes(content)
    (folder / "clip" / "open_clip_config.json").unlink()
    (folder / "clip" / "extra.txt").write_text("x")


def test_pull_when_the_hub_is_out_of_reach(run: Run, tmp_path: Path) -> None:
    """One line, whether the network or the setting is in the way."""
    for environment in ({"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}):
        done = run("models", "pull", "deepfloyd", "--accept-licence", **environment)
        assert "cannot be reached" in error_of(done)
    assert nothing_can_be_served(tmp_path)


def test_pull_when_the_licence_is_not_accepted(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    """It is shown, and nothing is asked of the hub; where nobody can be asked, that is a failure."""
    done = run("models", "pull", "deepfloyd", HF_ENDPOINT=hub.url)
    assert "--accept-licence" in error_of(done)
    assert "neither commercial nor production use" in done.stderr
    assert not hub.sent
    assert nothing_can_be_served(tmp_path)


def test_pull_from_a_folder(command: Command) -> None:
    """Models that somebody has are taken over with a manifest, without the hub; what is missing is named."""
    assert command("models", "pull", "deepfloyd", "--accept-licence", "--from", BUNDLED).returncode == 0
    assert command("models", "verify", "deepfloyd").returncode == 0
    done = command("models", "pull", "deepfloyd-resnet50", "--accept-licence", "--from", BUNDLED)
    assert "folder classifier has no config.json" in error_of(done).replace(
        "timm/resnet50.tv_in1k", "folder classifier"
    )
    assert "--from" in error_of(command("models", "pull", "unconditional-clip"))


def test_bundled_models(command: Command) -> None:
    """They are whole, and need no pull."""
    assert command("models", "verify", "mini").returncode == 0
    assert command("models", "verify", "imagenet-lite0-ffdnet").returncode == 0
    assert "come with the installation" in command("models", "pull", "mini").stdout
    documents = [json.loads(command(*words, "--json").stdout) for words in (("models",), ("models", "list"))]
    assert documents[0] == documents[1]
    assert command("models", "pull", "maxi").returncode == 2


@pytest.mark.parametrize("command", ["up", "worker"])
def test_service_when_its_models_are_not_there(run: Run, tmp_path: Path, command: str) -> None:
    """One line, exit code 1, and nothing is started."""
    done = run(command, "--profile", "deepfloyd", ROBUSTIFY_REDIS_URL="redis://127.0.0.1:9")
    assert "robustify models pull deepfloyd" in error_of(done)


def test_up_when_there_is_no_gpu(run: Run, tmp_path: Path) -> None:
    """The worker's first word ends it all, with exit code 1 and nothing left running."""
    done = run("up", "--profile", "oracle-linear", "--port", "0", ROBUSTIFY_DEVICE="cuda:63")
    assert "there is no device cuda:63 here" in error_of(done)
    with EmbeddedServer(tmp_path / "state"):
        """Its queue server has ended: this one gets its folder."""
