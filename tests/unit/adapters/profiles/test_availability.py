import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters.models.catalogue import load_models
from adapters.models.process import chosen_device
from adapters.profiles import availability
from adapters.profiles.availability import check_presence
from adapters.profiles.library import find_profile, located, served_profile, shipped_profiles
from adapters.profiles.profile import BUNDLED, Profile
from adapters.settings import Settings
from robustify.errors import ModelError, ModelFilesError

SETTINGS = Settings()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLED, tmp_path / "mini"))


@pytest.mark.parametrize("name", ["mini", "imagenet-lite0-ffdnet", "imagenet-lite0-plain", "oracle-coin"])
def test_models_that_come_with_the_installation(name: str) -> None:
    """They are there: nothing is found wrong."""
    assert problem_of(find_profile(name)) is None


def problem_of(profile: Profile) -> str | None:
    try:
        check_presence(profile, SETTINGS)
    except ModelError as error:
        return str(error)
    return None


def test_models_that_nobody_pulled(tmp_path: Path) -> None:
    """The message has the command that gets them; a folder without a manifest is as good as none."""
    settings = Settings(profile="deepfloyd", models_dir=tmp_path)
    (tmp_path / "deepfloyd" / "clip").mkdir(parents=True)
    with pytest.raises(ModelFilesError, match="robustify models pull deepfloyd"):
        check_presence(served_profile(settings), settings)


@pytest.mark.parametrize("quickly", [True, False])
def test_model_file_that_is_missing_or_damaged(copied: Path, monkeypatch: pytest.MonkeyPatch, quickly: bool) -> None:
    """It is named; what would take long to read is only looked for."""
    monkeypatch.setattr(availability, "QUICKLY_READ_BYTES", 1 << 30 if quickly else 0)
    profile = replace(find_profile("mini"), folder=copied)
    config = copied / "clip" / "open_clip_config.json"
    config.write_bytes(config.read_bytes() + b" ")
    if quickly:
        with pytest.raises(ModelFilesError, match=r"open_clip_config\.json is not the one"):
            check_presence(profile, SETTINGS)
    else:
        check_presence(profile, SETTINGS)
    config.unlink()
    with pytest.raises(ModelFilesError, match=r"open_clip_config\.json is missing"):
        check_presence(profile, SETTINGS)


def test_black_box_without_an_address() -> None:
    """ModelError that names the setting."""
    with pytest.raises(ModelError, match="ROBUSTIFY_CLASSIFIER_URL"):
        check_presence(find_profile("mini-remote"), SETTINGS)


def test_pulled_profiles_when_the_folder_of_models_is_set(tmp_path: Path) -> None:
    """Each has its own subfolder; by default of the state folder."""
    pulled = [profile for profile in shipped_profiles().values() if profile.pulled]
    folders = {located(profile, Settings(models_dir=tmp_path)).folder for profile in pulled}
    assert folders == {tmp_path / profile.name for profile in pulled}
    default = served_profile(Settings(profile="deepfloyd", state_dir=tmp_path))
    assert default.folder == tmp_path / "models" / "deepfloyd"


@pytest.mark.parametrize("profile", ["mini", "oracle-linear"])
@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_graphs_when_there_is_no_gpu(device: str, profile: str) -> None:
    """One line names both settings, before anything is started and before anything is loaded."""
    settings = Settings(profile=profile, device=device, cuda_graphs=True)
    for refusing in (check_presence, load_models):
        with pytest.raises(
            ModelError, match=f"ROBUSTIFY_CUDA_GRAPHS needs .* and ROBUSTIFY_DEVICE is {device}: "
        ) as found:
            refusing(find_profile(profile), settings)
        assert "\n" not in str(found.value)


def test_graphs_when_nothing_is_folded() -> None:
    """Two settings that contradict each other are refused: no certificate says graphs where there were none."""
    with pytest.raises(ModelError, match="ROBUSTIFY_FOLDED is false"):
        check_presence(find_profile("mini"), Settings(device="cuda", cuda_graphs=True, folded=False))


def test_device_that_is_not_there() -> None:
    """ModelError that names the setting."""
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ModelError, match=f"no device {missing} here: set ROBUSTIFY_DEVICE"):
        chosen_device(Settings(device=missing))
    with pytest.raises(ModelError, match=f"no device {missing} here"):
        load_models(find_profile("mini"), Settings(device=missing))
    assert chosen_device(SETTINGS) == torch.device("cpu")
