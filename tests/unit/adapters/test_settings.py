import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr, ValidationError

from adapters.certificates.key_files import has_noise_key, noise_private_key, signing_key
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from tests.keys import NOISE_KEY, NOISE_KEY_FILE

PEM = NOISE_KEY_FILE.read_text(encoding="ascii")


def modulus_of(settings: Settings) -> int:
    return noise_private_key(settings).public_key().public_numbers().n


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    locked = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


@pytest.mark.slow
def test_noise_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """The first start makes an RSA key of 3,072 bits with mode 0600; later starts read it."""
    settings = Settings(state_dir=tmp_path / "state")
    modulus = modulus_of(settings)

    assert modulus.bit_length() == 3072
    assert modulus_of(settings) == modulus
    assert stat.S_IMODE((tmp_path / "state" / "noise_key").stat().st_mode) == 0o600
    assert modulus_of(Settings(state_dir=tmp_path / "other")) != modulus


def test_noise_key_of_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key from the environment is used, shown nowhere, and nothing is written."""
    monkeypatch.setenv("ROBUSTIFY_NOISE_KEY", PEM)
    settings = Settings(state_dir=tmp_path / "state")

    assert f"{modulus_of(settings):x}" == NOISE_KEY.public.modulus
    assert PEM.splitlines()[1] not in repr(settings)
    assert not (tmp_path / "state").exists()


def test_noise_key_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the environment names holds the key; it is never made, and the state folder has none."""
    file = tmp_path / "noise_key"
    monkeypatch.setenv("ROBUSTIFY_NOISE_KEY_FILE", str(file))
    settings = Settings(state_dir=tmp_path / "state")
    with pytest.raises(FileNotFoundError):
        noise_private_key(settings)

    file.write_text(PEM, encoding="ascii")

    assert f"{modulus_of(settings):x}" == NOISE_KEY.public.modulus
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab" * 32,
        PEM[:200],
        pem_of(rsa.generate_private_key(65537, 1024)),
        pem_of(rsa.generate_private_key(65537, 2050)),
        pem_of(rsa.generate_private_key(3, 2048)),
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(rsa.generate_private_key(65537, 2048), b"password"),
    ],
    ids=["nothing", "a secret of before", "a part", "1,024 bits", "no whole octets", "exponent 3", "a curve", "locked"],
)
def test_noise_key_that_is_none_is_refused(text: str) -> None:
    """What is no RSA key of 2,048 bits or more with exponent 65537 is an error that says how to make one."""
    with pytest.raises(InvalidInputError, match="openssl genrsa"):
        noise_private_key(Settings(noise_key=SecretStr(text)))


@pytest.mark.parametrize("kinds", ["", "predict", "certify,predict", "adapt"])
def test_kinds_of_job(kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of the kinds may be named; none named is all."""
    monkeypatch.setenv("ROBUSTIFY_KINDS", kinds)
    assert Settings().kinds == (kinds or "predict,preview,certify,adapt")


@pytest.mark.parametrize("kinds", ["predict,", "predict certify", "all", ","])
def test_kinds_that_do_not_exist(kinds: str) -> None:
    """They are refused: a worker that takes nothing would wait for ever."""
    with pytest.raises(ValidationError):
        Settings(kinds=kinds)


@pytest.mark.parametrize("key", ["", "ab", "ab" * 31, "zz" * 32])
def test_signing_key_that_could_be_guessed_is_refused(key: str) -> None:
    """An empty, short or unreadable one is an error and no key."""
    with pytest.raises(InvalidInputError, match="signing key must be 32 bytes"):
        signing_key(Settings(signing_key=SecretStr(key)))


@pytest.mark.slow
def test_processes_that_start_together_share_their_keys(tmp_path: Path) -> None:
    """Whoever comes second reads what the first wrote whole."""
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: signing_key(Settings(state_dir=tmp_path)), range(32)))
        moduli = list(pool.map(lambda _: modulus_of(Settings(state_dir=tmp_path)), range(8)))

    assert (len(set(keys)), len(set(moduli))) == (1, 1)


def test_signing_key_is_made_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call makes it; the environment's wins."""
    settings = Settings(state_dir=tmp_path / "state")
    key = signing_key(settings)

    assert key == signing_key(settings)
    assert stat.S_IMODE((tmp_path / "state" / "signing_key").stat().st_mode) == 0o600
    monkeypatch.setenv("ROBUSTIFY_SIGNING_KEY", "cd" * 32)
    assert signing_key(Settings(state_dir=tmp_path / "state")) == b"\xcd" * 32


@pytest.mark.slow
def test_noise_key_is_not_made_by_asking_whether_there_is_one(tmp_path: Path) -> None:
    """A folder without a key stays as it is."""
    settings = Settings(state_dir=tmp_path / "state")

    assert not has_noise_key(settings)
    assert not (tmp_path / "state").exists()
    noise_private_key(settings)
    assert has_noise_key(settings)


@pytest.mark.parametrize("address", ["ftp://box/predict", "http://", "http://127.0.0.1:80predict", "127.0.0.1/predict"])
def test_address_of_a_black_box_that_is_none(address: str) -> None:
    """It is refused at the start, and not by the first sample."""
    with pytest.raises(ValidationError, match="classifier_url"):
        Settings(classifier_url=address)
    assert Settings(classifier_url="http://127.0.0.1:80/predict").classifier_url == "http://127.0.0.1:80/predict"
