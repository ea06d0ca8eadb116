"""Previews by the bundled models."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.contract.records import Direction
from adapters.images import canonicalise_for
from adapters.models.catalogue import load_models
from adapters.previews.preparation import checked_preview, preview_request
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Noise, Phase
from tests.command_line import Command
from workers.previews import Looking, the_change

pytestmark = pytest.mark.slow
SHIP, CAT = (sorted((Path(__file__).parents[1] / "data" / "cifar10" / name).iterdir())[0] for name in ("ship", "cat"))
LABELS = ["ship", "dog", "cat"]


def test_preview_without_a_server(command: Command, tmp_path: Path) -> None:
    """The pictures are in the folder, and what is seen in them is told."""
    folder = tmp_path / "pictures"
    options = [option for label in LABELS for option in ("--labels", label)]
    finished = command("preview", SHIP, *options, "--radius", 0.5, "--direction", "worst", "--output", folder, "--json")
    result = json.loads(finished.stdout)
    assert result["seen"]["plain"] == "ship"
    assert (result["change"]["radius"], result["change"]["steps"]) == (0.5, 10)
    assert sorted(path.stem for path in folder.iterdir()) == ["canonical", "denoised", "difference", "noisy"]
    with Image.open(folder / "canonical.png") as shown, Image.open(SHIP) as original:
        assert np.array_equal(np.asarray(shown), np.asarray(original.convert("RGB")))


def test_change_when_the_command_is_wrong(command: Command) -> None:
    """It is refused before a model is loaded."""
    finished = command("preview", SHIP, "--labels", "ship", "--labels", "dog", "--radius", 0.5)
    assert finished.returncode == 2
    assert "direction" in finished.stderr


def test_worst_change_when_votes_were_counted_before(tmp_path: Path) -> None:
    """The attack finds its gradients in models that have counted votes, and takes more votes than a random change."""
    settings, profile = Settings(profile="mini", state_dir=tmp_path), find_profile("mini")
    models = load_models(profile, settings)
    values = {"labels": LABELS, "radius": 1.0, "direction": "worst"}
    asked = checked_preview(values, True, profile, TaskStore(tmp_path / "tasks"))
    image = canonicalise_for(Noise.GAUSSIAN, CAT.read_bytes(), profile.side, profile.preprocessing)
    request = preview_request(asked, image, settings)
    f = models.base_classifier(request.label_task, request.sigma)

    def votes_after(direction: Direction | None) -> int:
        changed = request.model_copy(update={"direction": direction})
        looking = Looking(changed, image.tensor, f, torch.device("cpu"))
        change = 0.0 if direction is None else the_change(looking, LABELS.index("cat"), 1.0)[0].numpy()
        samples = GaussianSamples(image.tensor + change, request.sigma, SeededNoise(bytes(32)))
        return NoisyVotes(f, samples, Phase.PREDICT, len(LABELS), 25)(0, 25)[LABELS.index("cat")]

    before, random, worst = (votes_after(direction) for direction in (None, Direction.RANDOM, Direction.WORST))
    assert worst < random - 3
    assert abs(random - before) <= 3
