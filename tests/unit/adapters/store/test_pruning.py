"""What of the state folder nobody needs: found when it has lain still, and nothing else is."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.profiles.text_encoder import encoder_of, letters_of_encoder
from adapters.settings import Settings
from adapters.store import pruning
from adapters.store.tasks import TaskStore
from adapters.store.walking import STILL_SECONDS, bytes_of, remove
from robustify.types import Task

DIGEST, OTHER_DIGEST = "1a" * 32, "2b" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def made(path: Path, content: bytes = b"x", seconds_ago: float = 2 * STILL_SECONDS) -> Path:
    """A file of so long ago, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for part in (path, path.parent):
        os.utime(part, (time.time() - seconds_ago,) * 2)
    return path


@pytest.mark.parametrize("owner", ["", "ann"])
def test_adaptation_when_a_task_has_it(settings: Settings, owner: str) -> None:
    """It stays, whoever's task it is; one of no task goes, unless a job answers with it."""
    state = settings.state
    for digest in (DIGEST, OTHER_DIGEST):
        made(state.adaptations / digest / "lora.safetensors")
    TaskStore.of(owner, state.tasks).publish("pets", Task(("cat", "dog")), "job", 0.0, DIGEST, "models")
    found = [path.name for path in pruning.orphaned_adaptations(state.adaptations, state.tasks, lambda digest: False)]
    assert found == [OTHER_DIGEST]
    assert (
        list(pruning.orphaned_adaptations(state.adaptations, state.tasks, lambda digest: digest == OTHER_DIGEST)) == []
    )


def test_adaptation_when_it_was_just_made(settings: Settings) -> None:
    """Its task is about to be published: it stays, as does whatever bears another name."""
    made(settings.state.adaptations / DIGEST / "lora.safetensors", seconds_ago=5)
    made(settings.state.adaptations / "notes" / "file")
    assert (
        list(pruning.orphaned_adaptations(settings.state.adaptations, settings.state.tasks, lambda digest: False)) == []
    )


def test_left_over_when_a_process_died(settings: Settings) -> None:
    """What it had begun to write is found wherever it lies, but for downloads of models, which are gone on with."""
    state = settings.state
    dead = [
        made(folder / ".partial-abc")
        for folder in (state.root, state.images / "1a", state.outcomes / "1a" / DIGEST, state.tasks / "ann")
    ]
    dead.append(made(state.adaptations / ".partial-def" / DIGEST / "lora.safetensors").parents[1])
    os.utime(dead[-1], (0, 0))
    made(state.images / "2b" / ".partial-new", seconds_ago=5)
    made(state.models / ".partial-deepfloyd" / "weights")
    assert sorted(pruning.left_overs(state)) == sorted(dead)


def test_prompt_when_its_models_are_gone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes, as one of a release that named no encoder; those of models that are here stay."""
    here = replace(find_profile("deepfloyd"), folder=BUNDLED, pulled=False)
    encoder = encoder_of(here)
    assert encoder is not None
    names = [
        f"{letters_of_encoder(encoder)}{DIGEST}.safetensors",
        f"{DIGEST}.safetensors",
        f"0000-{DIGEST}.safetensors",
    ]
    kept, *gone = (made(settings.state.prompts / name) for name in names)
    monkeypatch.setattr(pruning, "profiles_of", lambda settings: {"deepfloyd": here})
    assert sorted(pruning.prompts_of_gone_models(settings)) == sorted(gone)
    monkeypatch.setattr(pruning, "profiles_of", lambda settings: {"deepfloyd": find_profile("deepfloyd")})
    assert kept in list(pruning.prompts_of_gone_models(settings))


def test_folder_when_it_is_empty(settings: Settings) -> None:
    """It is found with those that hold nothing but it, once it is removed; a new one is not."""
    root = settings.state.outcomes
    full = made(root / "2b" / OTHER_DIGEST / "outcome.json")
    made(root / "1a" / DIGEST / "gone").unlink()
    (root / "3c").mkdir()
    for folder in (root / "1a" / DIGEST, root / "1a"):
        os.utime(folder, (0, 0))
    removed = []
    for folder in pruning.empty_folders(root):
        folder.rmdir()
        os.utime(folder.parent, (0, 0))
        removed.append(folder.name)
    assert removed == [DIGEST, "1a"]
    assert full.is_file()


def test_bytes_when_a_folder_is_removed(tmp_path: Path) -> None:
    """They are those of all files in it; removing what is gone already is no failure."""
    folder = made(tmp_path / "folder" / "inner" / "file", b"12345").parents[1]
    assert bytes_of(folder) == 5
    for _ in range(2):
        remove(folder)
    assert (folder.exists(), bytes_of(folder)) == (False, 0)


def test_link_when_it_is_removed(tmp_path: Path) -> None:
    """What it leads to stays."""
    target = made(tmp_path / "kept" / "file")
    (tmp_path / "link").symlink_to(target.parent)
    remove(tmp_path / "link")
    assert target.is_file()
    assert not (tmp_path / "link").is_symlink()
