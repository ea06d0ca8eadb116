"""Whether a certificate holds what it says: a list of named checks, which need neither models nor a server."""

from collections.abc import Iterable

from adapters.canonical_json import parse_strictly
from adapters.certificates.check import Check, Verification
from adapters.certificates.count_checks import (
    check_alpha,
    check_claim,
    check_counts,
    check_fingerprint,
    check_outcome,
    check_source_radius,
    check_statement,
)
from adapters.certificates.document import MAX_BYTES, read_certificate
from adapters.certificates.file_checks import Decode, file_checks
from adapters.certificates.noise_checks import noise_checks
from adapters.certificates.signature_checks import TrustedKey, check_signature
from adapters.contract.certificate import AnyCertificate, Certificate
from adapters.images import canonicalise_for
from robustify.errors import InvalidInputError

OF_ISSUER = ("model.profile", "model.task", "model.version", "software", "issued_at")
OF_HARDWARE = ("model.hardware",)
OF_LICENCES = ("model.licences",)
OF_COUNTING = ("model.engine", "selection_votes", "votes")
"""That this engine counted these votes: a replay can tell."""
OF_FILE = ("image.source_sha256", "image.source_norm")


def verify_file(data: bytes, trusted: TrustedKey | None = None, image: bytes | None = None) -> Verification:
    """The checks of a certificate as a file: in one without spare spaces, no byte can be changed and all pass."""
    if len(data) > MAX_BYTES:
        return unreadable(f"The file is larger than a certificate can be: {MAX_BYTES} bytes.")
    try:
        document = parse_strictly(data)
    except ValueError:
        return unreadable("The file is not JSON in UTF-8 with each name once and each number in its shortest form.")
    return verify(document, trusted, image)


def verify(
    document: object,
    trusted: TrustedKey | None = None,
    image: bytes | None = None,
    decode: Decode = canonicalise_for,
) -> Verification:
    """The checks of a parsed certificate; those of the image only if its file is given."""
    # What makes a certificate valid. All of it is checked with no model and no server:
    #
    # 1. It has every field of its version and no other, each within its bounds.
    # 2. It is unchanged since it was signed: Ed25519 over the canonical JSON (RFC 8785) of all but the signature. Whose
    #    key it is can only be said of one that is known from elsewhere.
    # 3. Its fingerprint is the digest of what decides f: engine, labels, template, adaptation, sigma and kind of noise.
    # 4. Its alpha is one that may be asked for.
    # 5. Each phase has a count for each label, and no more votes than samples.
    # 6. The class is the one that most selection votes chose, and a radius goes with "certified" and nothing else.
    # 7. Bound and radius are what the named rule says of these counts (`robustify/smoothing/claims.py`).
    # 8. The radius for the pixels of the file is R / ||W||_2, and none with lattice noise.
    # 9. Its sentences are those that are made of these fields.
    # 10. Its noise has the only proof that its question has with its noise key. Of version 1, whose noise was that of
    #     all questions about an image, nothing can be said here.
    # 11. If a file is given: it has the canonical tensor of the certificate, and is the one that was sent, with this
    #     norm, or another for whose pixels both radii hold.
    #
    # What it cannot show is that the votes were counted of this f: that takes a replay. What else is the issuer's word
    # alone is named.
    try:
        certificate = read_certificate(document)
    except InvalidInputError as error:
        return unreadable(str(error))
    assert isinstance(document, dict)
    checks: Iterable[Check] = (
        # 1.
        Check("format", True, "It has every field of this format."),
        # 2.
        check_signature(document, certificate, trusted),
        # 3.
        check_fingerprint(certificate),
        # 4.
        check_alpha(certificate),
        # 5.
        check_counts(certificate),
        # 6.
        check_outcome(certificate),
        # 7.
        *check_claim(certificate),
        # 8.
        check_source_radius(certificate),
        # 9.
        check_statement(certificate),
        # 10.
        *noise_checks(certificate, trusted),
        # 11.
        *(() if image is None else file_checks(certificate, image, decode)),
    )
    return Verification(tuple(checks), certificate, trusted is not None, issuers_word(certificate, image is not None))


def issuers_word(certificate: AnyCertificate, is_file_given: bool) -> tuple[str, ...]:
    """The fields that these checks compare with nothing outside the document."""
    hardware = OF_HARDWARE if isinstance(certificate, Certificate) else ()
    licences = OF_LICENCES if certificate.licences else ()
    return (*OF_ISSUER, *hardware, *licences, *OF_COUNTING, *(() if is_file_given else OF_FILE))


def unreadable(detail: str) -> Verification:
    return Verification((Check("format", False, detail),))
