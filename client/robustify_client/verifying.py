"""Checks a certificate offline, by the service's own code: `pip install 'robustify-client[verify]'`.

The modules that check are those of the repository. Its wheel carries copies of them, made when it is built.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

from pydantic import JsonValue

from robustify_client.errors import UsageError
from robustify_client.images import ImageLike, first_bytes, image_file
from robustify_client.records import PublicKeys, Verification

if TYPE_CHECKING:
    from adapters.certificates.signature_checks import TrustedKey

CertificateLike = Union[str, "os.PathLike[str]", bytes, Mapping[str, JsonValue]]
GIVEN = "the given key"
NEEDS_MORE = "certificates are checked with a few more packages: pip install 'robustify-client[verify]'"


def verify(
    certificate: CertificateLike, image: ImageLike | None = None, keys: PublicKeys | None = None
) -> Verification:
    """All checks that can be made without models and without a server.

    `certificate`: its file, the bytes of one, or `result.certificate`. `image`: the file that was sent, to check that
    it is the one certified. `keys`: those of the service, taken before; without them the signer is not known.
    """
    try:
        from adapters.certificates.checks import verify as verify_document
        from adapters.certificates.checks import verify_file
    except ImportError as error:
        raise UsageError(NEEDS_MORE) from error
    trusted = None if keys is None else trusted_key(keys)
    picture = None if image is None else image_file(image).data
    if isinstance(certificate, Mapping):
        found = verify_document(dict(certificate), trusted, picture)
    else:
        found = verify_file(file_of(certificate), trusted, picture)
    return Verification.model_validate(found.report.model_dump(mode="json"))


def trusted_key(keys: PublicKeys) -> TrustedKey:
    """Raises UsageError where the key of the noise does not show that it gives each question one seed."""
    from adapters.certificates.signature_checks import TrustedKey
    from adapters.contract.keys import PublicKeys as CheckedKeys

    try:
        return TrustedKey.of(CheckedKeys.model_validate_json(keys.model_dump_json(), extra="ignore"), GIVEN)
    except ValueError as error:
        raise UsageError(f"these are no keys of a robustify service: {error}", field="keys") from error


def file_of(certificate: str | os.PathLike[str] | bytes) -> bytes:
    """The bytes of a certificate, no more than tell that it is too large."""
    if isinstance(certificate, bytes):
        return certificate
    try:
        return first_bytes(os.fspath(certificate))
    except OSError as error:
        raise UsageError(f"the certificate cannot be read: {error.strerror}", field="certificate") from error
