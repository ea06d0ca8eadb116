"""`robustify certify --certificate`, `verify`, `reveal` and `key`, as they are typed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.certificates.document import signed_bytes
from adapters.certificates.keys import sign
from adapters.settings import Settings
from tests.command_line import Command

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


def signed_again(file: Path, settings: Settings, **changes: Any) -> None:
    """Changes a certificate as only who holds the key can."""
    document = {**json.loads(file.read_bytes()), **changes}
    document["signature"] = sign(settings.signing_secret(), signed_bytes(document))
    file.write_text(json.dumps(document), encoding="utf-8")


def test_certificate_when_it_is_checked(command: Command, certificate: Path) -> None:
    """With key and image all checks pass; another image, another key, and a changed byte fail by their names."""
    key = command("key").stdout.strip()
    good = command("verify", certificate, "--image", SHIP, "--key", key, "--json")
    other_image = command("verify", certificate, "--image", DOG, "--json")
    other_key = command("verify", certificate, "--key", "ab" * 32, "--json")
    certificate.write_bytes(certificate.read_bytes().replace(b'"left"', b'"lefu"'))
    changed = command("verify", certificate, "--json")

    assert (good.returncode, json.loads(good.stdout)["valid"], good.failed) == (0, True, [])
    assert (other_image.returncode, other_image.failed) == (1, ["image", "source"])
    assert (other_key.returncode, other_key.failed) == (1, ["signature"])
    assert changed.returncode == 1
    assert {"signature", "fingerprint"} <= set(changed.failed)


def test_certificate_when_it_is_printed(command: Command, certificate: Path) -> None:
    """People get one line a check, and the verdict."""
    done = command("verify", certificate)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "valid"
    assert "signature" in done.stdout


def test_certificate_when_it_is_replayed(command: Command, certificate: Path, tmp_path: Path) -> None:
    """The state folder's secret, or the revealed seed anywhere else, gives the same votes; other votes fail."""
    seed = command("reveal", certificate).stdout.strip()
    own = command("verify", certificate, "--replay", "--image", SHIP, "--json")
    settings = Settings(state_dir=tmp_path / "state")
    (tmp_path / "state" / "secret").write_text("00" * 32, encoding="ascii")
    elsewhere = command("verify", certificate, "--replay", "--image", SHIP, "--seed", seed, "--json")
    wrong = command("verify", certificate, "--replay", "--image", SHIP, "--seed", "00" * 32, "--json")
    foreign = command("reveal", certificate)
    document = json.loads(certificate.read_bytes())
    signed_again(
        certificate, settings, selection_votes=[count + 1 - 2 * (count > 25) for count in document["selection_votes"]]
    )
    lied = command("verify", certificate, "--replay", "--image", SHIP, "--seed", seed, "--json")

    assert (own.returncode, own.failed) == (0, [])
    assert (elsewhere.returncode, elsewhere.failed) == (0, [])
    assert (wrong.returncode, wrong.failed) == (1, ["seed", "replay"])
    assert foreign.returncode == 1
    assert "another secret" in foreign.stderr
    assert (lied.returncode, lied.failed) == (1, ["replay"])
    assert "the selection phase" in lied.stdout


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "missing.json"), "is no file"),
        (("verify", __file__, "--key", "abc"), "64 digits"),
        (("verify", __file__, "--seed", "abc"), "64 digits"),
        (("verify", __file__, "--image", "missing.png"), "is no file"),
        (("verify",), "CERTIFICATE"),
        (("reveal", __file__), "is no certificate"),
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


def test_replay_without_what_it_takes(command: Command, certificate: Path, tmp_path: Path) -> None:
    """Neither the image nor the secret is there: bad usage, and no secret is made."""
    no_image = command("verify", certificate, "--replay")
    (tmp_path / "state" / "secret").unlink()
    no_secret = command("verify", certificate, "--replay", "--image", SHIP)

    assert (no_image.returncode, no_secret.returncode) == (2, 2)
    assert "give --image" in no_image.stderr
    assert "give --seed" in no_secret.stderr
    assert not (tmp_path / "state" / "secret").exists()


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
