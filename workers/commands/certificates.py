"""`robustify verify`, `reveal` and `key`: certificates as files. Only a replay needs the models."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from adapters.certificates.checks import Check, TrustedKey, Verification, check_seed, verify_file
from adapters.certificates.document import MAX_BYTES
from adapters.certificates.keys import public_key_of
from adapters.certificates.seeds import seed_of
from adapters.contract.certificate import Certificate
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, ServerUrl, app, progress_bar, settings_with, show
from workers.commands.presentation import print_value, print_verification
from workers.server_client import Progress, Server

HEX_KEY = re.compile(r"[0-9a-f]{64}")
MakeSettings = Callable[..., Settings]
"""Settings of the environment, with what the keywords say instead."""
NOT_RUN = Check("replay", False, "It was not run, because another check failed.")


CertificateFile = Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="A saved certificate.")]
ImageToo = Annotated[Path | None, typer.Option(help="The image file, to check that it is the one certified.")]
TrustedHexKey = Annotated[str | None, typer.Option(help="Public key that must have signed it, in hexadecimal.")]
Replay = Annotated[bool, typer.Option("--replay", help="Count all votes again, with the models.")]
HexSeed = Annotated[str | None, typer.Option(help="The revealed seed; by default from this state folder.")]


class RevealedSeed(BaseModel):
    seed: str


class ShownKey(BaseModel):
    public_key: str


@app.command()
def verify(
    certificate: CertificateFile,
    image: ImageToo = None,
    key: TrustedHexKey = None,
    replay: Replay = False,
    seed: HexSeed = None,
    as_json: AsJson = False,
) -> None:
    """Check a certificate, and compute its radius again; exit 1 when a check fails."""
    with progress_bar("samples") as advance_to:
        verification = verification_of(certificate, image, key, seed, replay, settings_with, advance_to)
    show(verification.report, as_json, print_verification)
    if not verification.valid:
        raise typer.Exit(1)


@app.command()
def reveal(certificate: CertificateFile, as_json: AsJson = False) -> None:
    """Print the seed of a certificate's noise, for an audit: whoever sees it can draw that noise from then on."""
    show(RevealedSeed(seed=revealed_seed(certificate, settings_with())), as_json, print_value)


@app.command()
def key(server: ServerUrl = None, as_json: AsJson = False) -> None:
    """Print the public key of this state folder's certificates, or of a server's."""
    show(ShownKey(public_key=public_key(settings_with(), server)), as_json, print_value)


def verification_of(
    file: Path,
    image: Path | None,
    key: str | None,
    seed: str | None,
    replay: bool,
    make_settings: MakeSettings,
    on_progress: Progress,
) -> Verification:
    """All checks that were asked for; InvalidInputError for bad usage."""
    trusted = None if key is None else TrustedKey(hex_key("key", key), "the given key")
    given_seed = None if seed is None else bytes.fromhex(hex_key("seed", seed))
    image_bytes = None if image is None else contents("image", image)
    verification = verify_file(certificate_bytes(file), trusted, image_bytes)
    certificate = verification.certificate
    if certificate is None or (given_seed is None and not replay):
        return verification
    revealed = seed_of(certificate, make_settings()) if given_seed is None else given_seed
    verification = with_check(verification, check_seed(certificate, revealed))
    if not replay:
        return verification
    if not verification.valid:
        return with_check(verification, NOT_RUN)
    # The model libraries take seconds, and no other check needs them.
    from workers.commands.replay import replayed

    return with_check(verification, replayed(certificate, revealed, image_bytes, make_settings, on_progress))


def revealed_seed(file: Path, settings: Settings) -> str:
    """In hexadecimal; the certificate must be one of this state folder's secret."""
    return seed_of(readable_certificate(file), settings).hex()


def public_key(settings: Settings, server: str | None) -> str:
    """In hexadecimal, of the state folder, which gets a key if it has none, or of a running server."""
    if server is None:
        return public_key_of(settings.signing_secret())
    return Server(server).public_key()


def readable_certificate(file: Path) -> Certificate:
    verification = verify_file(certificate_bytes(file))
    if verification.certificate is None:
        raise InvalidInputError(f"{file} is no certificate: {verification.checks[0].detail}", field="certificate")
    return verification.certificate


def with_check(verification: Verification, check: Check) -> Verification:
    return replace(verification, checks=(*verification.checks, check))


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


def hex_key(name: str, text: str) -> str:
    if not HEX_KEY.fullmatch(found := text.strip().lower()):
        raise InvalidInputError(f"--{name} must be 32 bytes in hexadecimal: 64 digits", field=name)
    return found
