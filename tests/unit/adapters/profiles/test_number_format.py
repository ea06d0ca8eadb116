"""The number format of a profile's models: its file says it, the environment may say another."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.profiles.files import ProfileFileError, read_profile
from adapters.profiles.fingerprint import engine_digest, engine_parts
from adapters.profiles.library import SHIPPED, find_profile
from adapters.settings import Settings

MINI = find_profile("mini")
HALF = replace(MINI, dtype="bfloat16")


def test_number_format_of_a_file(tmp_path: Path) -> None:
    """Either of two; float32 where it says none; any other is refused with its line."""
    text = (SHIPPED / "oracle-linear.toml").read_text(encoding="utf-8")
    path = tmp_path / "oracle-linear.toml"
    path.write_text(text)
    assert read_profile(path).dtype == "float32"
    path.write_text('dtype = "bfloat16"\n' + text)
    assert read_profile(path).dtype == "bfloat16"
    path.write_text('dtype = "float16"\n' + text)
    with pytest.raises(ProfileFileError, match="line 1: dtype: .*'float32' or 'bfloat16'"):
        read_profile(path)


def test_number_format_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes before the profile's; an empty one, as compose passes it on, is none."""
    monkeypatch.setenv("ROBUSTIFY_DTYPE", "float32")
    assert HALF.number_format(Settings()) == "float32"
    monkeypatch.setenv("ROBUSTIFY_DTYPE", "")
    assert (HALF.number_format(Settings()), MINI.number_format(Settings())) == ("bfloat16", "float32")


def test_fingerprint_of_a_number_format() -> None:
    """It names the format that is used, wherever it was said."""
    assert engine_parts(HALF, Settings(dtype=None))["dtype"] == "bfloat16"
    assert engine_digest(HALF, Settings(dtype=None)) == engine_digest(MINI, Settings(dtype="bfloat16"))
    assert engine_digest(MINI, Settings(dtype=None)) == engine_digest(HALF, Settings(dtype="float32"))
