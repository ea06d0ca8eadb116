"""`robustify verify`, `reveal` and `key`: certificates as files. Only a replay needs the models."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from adapters.certificates.checks import Check, TrustedKey, Verification, check_seed, verify_file
from adapters.certificates.document import MAX_BYTES, Certificate
from adapters.certificates.keys import public_key_of
from adapters.certificates.seeds import seed_of
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.server_client import Progress, Server

HEX_KEY = re.compile(r"[0-9a-f]{64}")
MakeSettings = Callable[..., Settings]
"""Settings of the environment, with what the keywords say instead."""
NOT_RUN = Check("replay", False, "It was not run, because another check failed.")


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
    return str(Server(server).request("GET", "/certificates/key")["public_key"])


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
