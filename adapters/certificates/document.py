"""The certificate as a JSON document: reading one that somebody sends."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from adapters.canonical_json import canonical_bytes
from adapters.contract.certificate import (
    AnyCertificate,
    Certificate,
    CertificateOfSets,
    CertificateOfSigmas,
    CertificateOfVersion1,
)
from adapters.contract.records import JsonObject
from robustify.errors import InvalidInputError

FORMAT: Final = "robustify-certificate"
VERSION: Final = 2
"""Of what is issued about one label set."""
VERSION_OF_SETS: Final = 3
"""About several."""
VERSION_OF_SIGMAS: Final = 4
"""About one, at several sigmas."""
READ: Mapping[int, type[AnyCertificate]] = MappingProxyType(
    {
        1: CertificateOfVersion1,
        VERSION: Certificate,
        VERSION_OF_SETS: CertificateOfSets,
        VERSION_OF_SIGMAS: CertificateOfSigmas,
    }
)
"""What is read, by its version: each has rules of its own."""
MAX_BYTES = 2 << 20
"""Of a certificate: two thousand of the longest labels take half of it."""
SHOWN_PROBLEMS = 5


def read_certificate(document: object) -> AnyCertificate:
    """The certificate of a JSON document; InvalidInputError says what of it is missing, wrong, or of another format."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidInputError(
            f"This is no certificate: it is no JSON object whose format is {FORMAT}.", "certificate"
        )
    version = document.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version not in READ:
        raise InvalidInputError(
            f"Its format_version is none of those that this release reads: {', '.join(map(str, READ))}.", "certificate"
        )
    try:
        return READ[version].model_validate_json(canonical_bytes(document))
    except ValidationError as error:
        raise InvalidInputError(problems_of(error), "certificate") from None
    except ValueError:
        raise InvalidInputError("It has a number or a text that no JSON can say.", "certificate") from None


def problems_of(error: ValidationError) -> str:
    """The fields at fault, without what they say."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return " ".join(f"{'.'.join(map(str, item['loc']))[:80]}: {item['msg']}." for item in found[:SHOWN_PROBLEMS])


def signed_bytes(document: JsonObject) -> bytes:
    """What the signature of a certificate is over."""
    return canonical_bytes({name: value for name, value in document.items() if name != "signature"})
