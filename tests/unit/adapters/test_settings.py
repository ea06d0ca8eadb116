import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from adapters.settings import Settings
from robustify.errors import InvalidInputError


def test_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """The first start makes 32 random bytes with mode 0600; later starts read them."""
    settings = Settings(state_dir=tmp_path / "state")
    secret = settings.noise_secret()

    assert len(secret) == 32
    assert settings.noise_secret() == secret
    assert stat.S_IMODE((tmp_path / "state" / "secret").stat().st_mode) == 0o600
    assert Settings(state_dir=tmp_path / "other").noise_secret() != secret


def test_secret_of_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret from the environment is used, shown nowhere, and nothing is written."""
    monkeypatch.setenv("ROBUSTIFY_SECRET", "ab" * 32)
    settings = Settings(state_dir=tmp_path / "state")

    assert settings.noise_secret() == b"\xab" * 32
    assert "abab" not in repr(settings)
    assert not (tmp_path / "state").exists()


def test_secret_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the environment names holds the secret; it is never made, and the state folder has none."""
    file = tmp_path / "noise_secret"
    monkeypatch.setenv("ROBUSTIFY_SECRET_FILE", str(file))
    settings = Settings(state_dir=tmp_path / "state")
    with pytest.raises(FileNotFoundError):
        settings.noise_secret()

    file.write_text("ab" * 32 + "\n")

    assert settings.noise_secret() == b"\xab" * 32
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("kinds", ["", "predict", "certify,predict", "adapt"])
def test_kinds_of_job(kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of the kinds may be named; none named is all."""
    monkeypatch.setenv("ROBUSTIFY_KINDS", kinds)
    assert Settings().kinds == (kinds or "predict,certify,adapt")


@pytest.mark.parametrize("kinds", ["predict,", "predict certify", "all", ","])
def test_kinds_that_do_not_exist(kinds: str) -> None:
    """They are refused: a worker that takes nothing would wait for ever."""
    with pytest.raises(ValidationError):
        Settings(kinds=kinds)


@pytest.mark.parametrize("secret", ["", "ab", "ab" * 31, "zz" * 32])
def test_secret_that_could_be_guessed_is_refused(secret: str) -> None:
    """An empty, short or unreadable secret is an error and no key."""
    with pytest.raises(InvalidInputError, match="32 bytes"):
        Settings(secret=SecretStr(secret)).noise_secret()


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    """Whoever comes second reads what the first wrote whole."""
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda _: Settings(state_dir=tmp_path).noise_secret(), range(32)))

    assert len(set(secrets)) == 1


def test_signing_key_is_made_like_the_secret_and_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call makes it for its owner only; the environment's wins, and a short one is refused by its name."""
    settings = Settings(state_dir=tmp_path / "state")
    key = settings.signing_secret()

    assert key == settings.signing_secret() != settings.noise_secret()
    assert stat.S_IMODE((tmp_path / "state" / "signing_key").stat().st_mode) == 0o600
    monkeypatch.setenv("ROBUSTIFY_SIGNING_KEY", "cd" * 32)
    assert Settings(state_dir=tmp_path / "state").signing_secret() == b"\xcd" * 32
    monkeypatch.setenv("ROBUSTIFY_SIGNING_KEY", "cd")
    with pytest.raises(InvalidInputError, match="signing key must be 32 bytes"):
        Settings().signing_secret()


def test_secret_is_not_made_by_asking_whether_there_is_one(tmp_path: Path) -> None:
    """A folder without a secret stays as it is."""
    settings = Settings(state_dir=tmp_path / "state")

    assert not settings.has_noise_secret
    assert not (tmp_path / "state").exists()
    settings.noise_secret()
    assert settings.has_noise_secret


@pytest.mark.parametrize("address", ["ftp://box/predict", "http://", "http://127.0.0.1:80predict", "127.0.0.1/predict"])
def test_address_of_a_black_box_that_is_none(address: str) -> None:
    """It is refused at the start, and not by the first sample."""
    with pytest.raises(ValidationError, match="classifier_url"):
        Settings(classifier_url=address)
    assert Settings(classifier_url="http://127.0.0.1:80/predict").classifier_url == "http://127.0.0.1:80/predict"
