"""`robustify verify` and `key`: certificates as files. Only a replay needs the models."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from adapters.canonical_json import canonical_bytes
from adapters.certificates.check import Check, Verification
from adapters.certificates.checks import OF_COUNTING, verify_file
from adapters.certificates.document import MAX_BYTES
from adapters.certificates.public_keys import noise_key, public_keys
from adapters.certificates.signature_checks import TrustedKey
from adapters.contract.certificate import CertificateOfVersion1
from adapters.contract.keys import PublicKeys
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, ServerUrl, app, progress_bar, settings_with, show
from workers.commands.presentation import print_keys, print_verification
from workers.server_client import Progress, server_at

HEX_KEY = re.compile(r"[0-9a-f]{64}")
MakeSettings = Callable[..., Settings]
"""Settings of the environment, with what the keywords say instead."""
GIVEN = "the given key"
NOT_RUN = Check("replay", False, "It was not run, because another check failed.")


CertificateFile = Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="A saved certificate.")]
ImageToo = Annotated[Path | None, typer.Option(help="The image file, to check that it is the one certified.")]
TrustedKeyOption = Annotated[
    str | None,
    typer.Option(help="Public key that must have signed it: in hexadecimal, or a file that `robustify key` wrote."),
]
Replay = Annotated[bool, typer.Option("--replay", help="Count all votes again, with the models.")]


@app.command()
def verify(
    certificate: CertificateFile,
    image: ImageToo = None,
    key: TrustedKeyOption = None,
    replay: Replay = False,
    as_json: AsJson = False,
) -> None:
    """Check a certificate, and compute its radius again; exit 1 when a check fails."""
    with progress_bar("samples") as advance_to:
        verification = verification_of(certificate, image, key, replay, settings_with, advance_to)
    show(verification.report, as_json, print_verification)
    if not verification.valid:
        raise typer.Exit(1)


@app.command()
def key(
    server: ServerUrl = None,
    output: Annotated[Path | None, typer.Option(help="File to write them to, for `verify --key`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the public keys of this state folder's certificates and of their noise, or a server's."""
    keys = public_keys_of(settings_with(), server)
    if output is not None:
        output.write_bytes(canonical_bytes(keys.model_dump(mode="json")))
    show(keys, as_json, print_keys)


def verification_of(
    file: Path,
    image: Path | None,
    key: str | None,
    replay: bool,
    make_settings: MakeSettings,
    on_progress: Progress,
) -> Verification:
    """All checks that were asked for; InvalidInputError for bad usage."""
    trusted = None if key is None else trusted_key(key)
    image_bytes = None if image is None else contents("image", image)
    verification = verify_file(certificate_bytes(file), trusted, image_bytes)
    certificate = verification.certificate
    if certificate is None or not replay:
        return verification
    if isinstance(certificate, CertificateOfVersion1):
        raise InvalidInputError("--replay needs a certificate of version 2 or later: others' noise is gone", "replay")
    if not verification.valid:
        return verification.with_checks(NOT_RUN)
    # The model libraries take seconds, and no other check needs them.
    from workers.commands.replay import replayed

    check = replayed(certificate, image_bytes, make_settings, on_progress)
    return verification.with_checks(check).without_word(*(OF_COUNTING if check.passed else ()))


def trusted_key(text: str) -> TrustedKey:
    """From the hexadecimal key itself, or a file with both public keys."""
    if HEX_KEY.fullmatch(found := text.strip().lower()):
        return TrustedKey(found, GIVEN)
    if not (file := Path(text)).is_file():
        raise InvalidInputError("--key must be 64 digits in hexadecimal, or a file with both public keys", field="key")
    try:
        return TrustedKey.of(PublicKeys.model_validate_json(file.read_bytes()), GIVEN)
    except ValidationError:
        raise InvalidInputError(f"--key: {text} is no file that `robustify key --output` wrote", "key") from None
    except ValueError as error:
        raise InvalidInputError(f"--key: {error}", "key") from error


def public_keys_of(settings: Settings, server: str | None) -> PublicKeys:
    """Of the state folder, which gets keys if it has none, or of a running server."""
    if server is not None:
        return server_at(server).public_keys()
    noise_key(settings)
    return public_keys(settings)


def certificate_bytes(file: Path) -> bytes:
    """No more than tells that it is too large."""
    if not file.is_file():
        raise InvalidInputError(f"{file} is no file", field="certificate")
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def contents(name: str, file: Path) -> bytes:
    if not file.is_file():
        raise InvalidInputError(f"{file} is no file", field=name)
    return file.read_bytes()
