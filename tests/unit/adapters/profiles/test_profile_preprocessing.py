"""The key `preprocessing` of a profile's file: how a picture becomes square."""

from pathlib import Path

import pytest

from adapters.images import USUAL, Preprocessing, ResizeMode
from adapters.profiles.files import ProfileFileError, read_profile

FILE = """\
name = "own"
description = "Nothing but a test."
licence = "MIT."
side = 32
{}

[denoiser]
kind = "identity"

[denoiser.licence]
name = "MIT"
business = "yes"

[classifier]
kind = "clip"

[classifier.licence]
name = "MIT"
business = "yes"
"""


def written(folder: Path, line: str) -> Path:
    path = folder / "own.toml"
    path.write_text(FILE.format(line), encoding="utf-8")
    return path


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_profile_when_it_names_a_mode(tmp_path: Path, mode: ResizeMode) -> None:
    """It has that one."""
    profile = read_profile(written(tmp_path, f'preprocessing = "{mode}"'))

    assert profile.preprocessing == Preprocessing(mode)


def test_profile_when_it_names_no_mode(tmp_path: Path) -> None:
    """The shorter side is resized, and the centre cut out."""
    assert read_profile(written(tmp_path, "")).preprocessing == USUAL


@pytest.mark.parametrize("value", ['"crop"', '"Pad"', "1", "true", "[]"])
def test_profile_when_its_mode_is_not_known(tmp_path: Path, value: str) -> None:
    """It is refused, with the line and the modes that there are."""
    with pytest.raises(ProfileFileError) as caught:
        read_profile(written(tmp_path, f"preprocessing = {value}"))

    assert "own.toml, line 5: preprocessing" in str(caught.value)
    assert all(mode in str(caught.value) for mode in ResizeMode)
