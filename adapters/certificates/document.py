"""The certificate as a JSON document: reading one that somebody sends."""

from typing import Final

from pydantic import ValidationError

from adapters.canonical_json import canonical_bytes
from adapters.contract.certificate import Certificate
from adapters.contract.records import JsonObject
from robustify.errors import InvalidInputError

FORMAT: Final = "robustify-certificate"
VERSION: Final = 1
MAX_BYTES = 2 << 20
"""Of a certificate: a thousand of the longest labels take half of it."""
SHOWN_PROBLEMS = 5


def read_certificate(document: object) -> Certificate:
    """The certificate of a JSON document; InvalidInputError says what of it is missing, wrong, or of another format."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidInputError(
            f"This is no certificate: it is no JSON object whose format is {FORMAT}.", "certificate"
        )
    if (version := document.get("format_version")) != VERSION or isinstance(version, bool):
        raise InvalidInputError(
            f"Its format_version is not {VERSION}, the only one that this release reads.", "certificate"
        )
    try:
        return Certificate.model_validate_json(canonical_bytes(document))
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
