"""`robustify certify --certificate`, `verify` and `key`, as they are typed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.certificates.document import signed_bytes
from adapters.certificates.key_files import signing_key
from adapters.certificates.keys import sign
from adapters.settings import Settings
from tests.command_line import Command

GOLDEN = Path(__file__).parents[1] / "golden"
IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
SHIP, DOG = (sorted((IMAGES / name).iterdir())[0] for name in ("ship", "dog"))


@pytest.fixture
def certificate(command: Command, tmp_path: Path) -> Path:
    """A saved certificate of the linear oracle."""
    file = tmp_path / "certificate.json"
    labels = ("--labels", "left", "--labels", "right")
    done = command(
        "certify", SHIP, "--profile", "oracle-linear", *labels, "--n", 300, "--n0", 50, "--certificate", file
    )
    assert done.returncode == 0, done.stderr
    return file


def signed_again(file: Path, signing_key: bytes, document: dict[str, Any]) -> None:
    """Changes a certificate as only who holds the key can."""
    document["signature"] = sign(signing_key, signed_bytes(document))
    file.write_text(json.dumps(document), encoding="utf-8")


def test_certificate_when_it_is_checked(command: Command, certificate: Path, tmp_path: Path) -> None:
    """With the keys and the image all checks pass; another image, another key, and a changed byte fail by name."""
    keys = tmp_path / "keys.json"
    assert command("key", "--output", keys).returncode == 0
    good = command("verify", certificate, "--image", SHIP, "--key", keys, "--json")
    signing_key = json.loads(keys.read_bytes())["public_key"]
    by_digits = command("verify", certificate, "--key", signing_key, "--json")
    other_image = command("verify", certificate, "--image", DOG, "--json")
    other_key = command("verify", certificate, "--key", "ab" * 32, "--json")
    certificate.write_bytes(certificate.read_bytes().replace(b'"left"', b'"lefu"'))
    changed = command("verify", certificate, "--json")

    assert (good.returncode, json.loads(good.stdout)["verdict"], good.failed) == (0, "valid", [])
    assert (by_digits.returncode, json.loads(by_digits.stdout)["verdict"]) == (0, "valid")
    assert (other_image.returncode, other_image.failed) == (1, ["image", "source"])
    assert (other_key.returncode, other_key.failed) == (1, ["signature"])
    assert changed.returncode == 1
    assert {"signature", "fingerprint"} <= set(changed.failed)


def test_certificate_when_it_is_printed(command: Command, certificate: Path) -> None:
    """People get one line a check, what is the issuer's word alone, and a last word that does not say too much."""
    done = command("verify", certificate)
    lines = done.stdout.splitlines()

    assert done.returncode == 0
    assert lines[-1] == "consistent, signer unknown"
    assert "signature" in done.stdout
    assert "the issuer's word alone: model.profile" in done.stdout


def test_keys_when_they_are_printed(command: Command) -> None:
    """The key that signs, and the digest of the other one."""
    key = command("key")

    assert [line.split()[:2] for line in key.stdout.splitlines()] == [["signing", "key"], ["noise", "key"]]


def test_certificate_when_it_is_replayed(command: Command, certificate: Path, tmp_path: Path) -> None:
    """The certificate and the image are enough, wherever the models are: nothing of the state folder is asked. Votes
    that were made up fail."""
    settings = Settings(state_dir=tmp_path / "state")
    private_key = signing_key(settings)
    document = json.loads(certificate.read_bytes())
    shutil.rmtree(tmp_path / "state")
    elsewhere = command("verify", certificate, "--replay", "--image", SHIP, "--json")
    word = json.loads(elsewhere.stdout)["issuers_word"]
    document["votes"] = [document["votes"][0] - 1, document["votes"][1] + 1]
    document["selection_votes"] = [count + 1 - 2 * (count > 12) for count in document["selection_votes"]]
    signed_again(certificate, private_key, document)
    lied = command("verify", certificate, "--replay", "--image", SHIP, "--json")

    assert (elsewhere.returncode, elsewhere.failed) == (0, [])
    assert not {"votes", "selection_votes", "model.engine"} & set(word)
    assert not (tmp_path / "state").exists()
    assert lied.returncode == 1
    assert "replay" in lied.failed


def test_certificate_when_the_machine_computes_something_else(
    command: Command, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What differs is named, before anything is counted; what a setting can choose is taken from the certificate."""
    monkeypatch.setenv("ROBUSTIFY_BATCH_SIZE", "7")
    same = command("verify", certificate, "--replay", "--image", SHIP, "--json")
    monkeypatch.setattr("adapters.profiles.fingerprint.PIPELINE_VERSION", "of tomorrow")
    other = command("verify", certificate, "--replay", "--image", SHIP, "--json")

    assert same.failed == []
    assert (other.returncode, other.failed) == (1, ["replay"])
    assert "differ in: pipeline." in other.stdout


def test_certificate_of_version_1_when_it_is_replayed(command: Command) -> None:
    """Its noise is gone: that is said, and it is no failure of the certificate."""
    done = command("verify", GOLDEN / "multiclass.json", "--replay", "--image", GOLDEN / "picture.png")

    assert done.returncode == 2
    assert "version 2" in done.stderr


@pytest.mark.parametrize("noise", ["gaussian", "lattice"])
@pytest.mark.parametrize(
    "aim",
    [
        ("--bound", "clopper-pearson"),
        ("--bound", "multiclass"),
        ("--target-radius", "0.05"),
        ("--target-radius", "0.6", "--n", "2000"),
        ("--tolerance", "0.2"),
    ],
    ids=["clopper-pearson", "multiclass", "certified", "not certified", "tolerance"],
)
def test_certificate_of_every_kind(command: Command, tmp_path: Path, noise: str, aim: tuple[str, ...]) -> None:
    """It is printed for people, saved, verified and replayed, whatever its noise, its bound and its outcome."""
    file, labels = tmp_path / "certificate.json", ("--labels", "left", "--labels", "right")
    asked = ("--profile", "oracle-linear", *labels, "--n0", 50, "--noise", noise, "--certificate", file)
    samples = () if "--n" in aim else ("--n", 300)
    printed = command("certify", SHIP, *asked, *samples, *aim)
    verified = command("verify", file, "--image", SHIP, "--replay", "--json")

    assert printed.returncode == 0, printed.stderr
    assert "Traceback" not in printed.stderr
    assert ("nothing is claimed of the pixels" in " ".join(printed.stdout.split())) == (
        noise == "lattice" and json.loads(file.read_bytes())["radius"] is not None
    )
    assert (verified.returncode, verified.failed) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "missing.json"), "is no file"),
        (("verify", __file__, "--key", "abc"), "64 digits"),
        (("verify", __file__, "--key", __file__), "is no file that"),
        (("verify", __file__, "--image", "missing.png"), "is no file"),
        (("verify",), "CERTIFICATE"),
        (
            ("certify", SHIP, "--labels", "a", "--labels", "b", "--certificate", "/missing/file.json"),
            "cannot be written",
        ),
    ],
)
def test_bad_usage(command: Command, arguments: tuple[object, ...], message: str) -> None:
    """Exit code 2 and what was wrong."""
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_file_that_is_no_certificate(command: Command) -> None:
    """The check of the format fails: that is an answer, with exit code 1."""
    done = command("verify", __file__, "--json")

    assert (done.returncode, done.failed) == (1, ["format"])


def test_replay_without_what_it_takes(command: Command, certificate: Path) -> None:
    """The image is not there: bad usage."""
    no_image = command("verify", certificate, "--replay")

    assert no_image.returncode == 2
    assert "give --image" in no_image.stderr


def test_verify_where_nothing_is_set_up(certificate: Path, tmp_path: Path) -> None:
    """It loads no model library, and makes no state folder."""
    script = (
        "import sys; from workers.commands.cli import app\n"
        "sys.argv = ['robustify', 'verify', sys.argv[1], '--image', sys.argv[2]]\n"
        "try: app()\nexcept SystemExit as end: print(end.code)\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'open_clip', 'timm'} & set(sys.modules)))"
    )
    environment = {"ROBUSTIFY_STATE_DIR": str(tmp_path / "none"), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", script, str(certificate), str(SHIP)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.splitlines()[-2:] == ["0", "[]"]
    assert not (tmp_path / "none").exists()
