import dataclasses
import json
from pathlib import Path

import pytest

from adapters.profiles.fingerprint import engine_parts, fingerprint
from adapters.profiles.library import find_profile, shipped_profiles
from adapters.profiles.profile import AdaptationDefaults
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task

TASK = Task(("cat", "dog"))
SETTINGS = Settings(profile="mini")


def test_fingerprint_of_the_same_function_is_the_same() -> None:
    """What does not change f does not change the fingerprint."""
    other = SETTINGS.model_copy(update={"state_dir": Path("elsewhere"), "port": 9000, "shard_samples": 7})

    assert fingerprint(find_profile("mini"), SETTINGS, TASK, 0.25) == fingerprint(
        find_profile("mini"), other, Task(("cat", "dog")), 0.25
    )


def test_fingerprint_changes_with_everything_that_decides_f() -> None:
    """Labels, their order, template, sigma, timestep rule, k, dtype, batch shape, folds, model: each is another."""
    mini = find_profile("mini")
    prints = [
        fingerprint(mini, SETTINGS, TASK, 0.25),
        fingerprint(mini, SETTINGS, Task(("dog", "cat")), 0.25),
        fingerprint(mini, SETTINGS, Task(("cat", "frog")), 0.25),
        fingerprint(mini, SETTINGS, Task(("cat", "dog"), "{}"), 0.25),
        fingerprint(mini, SETTINGS, TASK, 0.5),
        fingerprint(find_profile("oracle-linear"), SETTINGS, TASK, 0.25),
        fingerprint(dataclasses.replace(mini, prompt="sks"), SETTINGS, TASK, 0.25),
    ]
    settings: tuple[dict[str, object], ...] = (
        {"timestep_rule": "search"}, {"k": 1.0}, {"dtype": "bfloat16"}, {"batch_size": 64}, {"folded": False},
    )  # fmt: skip
    for change in settings:
        prints.append(fingerprint(mini, SETTINGS.model_copy(update=change), TASK, 0.25))

    assert len(set(prints)) == len(prints)


def test_fingerprint_when_the_network_is_launched_as_graphs() -> None:
    """Graphs are another function of the same GPU, and certificates say so; where nothing is folded they are none."""
    on_gpu = SETTINGS.model_copy(update={"device": "cuda"})
    graphs = on_gpu.model_copy(update={"cuda_graphs": True})
    mini, oracle = find_profile("mini"), find_profile("oracle-linear")

    assert fingerprint(mini, on_gpu, TASK, 0.25) != fingerprint(mini, graphs, TASK, 0.25)
    assert engine_parts(mini, graphs)["cuda_graphs"] is True
    assert "cuda_graphs" not in engine_parts(mini, on_gpu)
    assert fingerprint(oracle, on_gpu, TASK, 0.25) == fingerprint(oracle, graphs, TASK, 0.25)


def test_unknown_profile_is_refused_with_the_known_ones() -> None:
    """The message lists what there is."""
    with pytest.raises(InvalidInputError, match="mini"):
        find_profile("maxi")


def test_profile_without_its_manifest_is_refused(tmp_path: Path) -> None:
    """Weights that cannot be checked are not served."""
    with pytest.raises(ModelFilesError, match="manifest"):
        _ = dataclasses.replace(shipped_profiles()["mini"], folder=tmp_path).model_digest


@pytest.mark.parametrize(("shots", "guidance"), [(1, 7.0), (2, 4.0), (16, 4.0)])
def test_guidance_when_there_is_one_shot_or_more(shots: int, guidance: float) -> None:
    """The paper's: a single image should be typical, several should differ."""
    assert AdaptationDefaults().fitted(shots).base_guidance == guidance


def test_generator_does_not_decide_what_is_served(tmp_path: Path) -> None:
    """Another base stage leaves outcomes and adaptations as they are; another denoiser does not."""
    digests = []
    for generator, denoiser in (("a", "x"), ("b", "x"), ("b", "y")):
        files = {"generator/unet.safetensors": generator, "denoiser/unet.safetensors": denoiser}
        (tmp_path / "manifest.json").write_text(json.dumps(files))
        digests.append(dataclasses.replace(find_profile("mini"), folder=tmp_path).model_digest)

    assert digests[0] == digests[1] != digests[2]
