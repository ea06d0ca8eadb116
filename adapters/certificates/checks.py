"""Whether a certificate holds what it says: a list of named checks, which need neither models nor a server.

What makes a certificate valid:

1. It has every field of its version and no other, each within its bounds.
2. It is unchanged since it was signed: Ed25519 over the canonical JSON (RFC 8785) of all but the signature. Whose
   key it is can only be said of one that is known from elsewhere.
3. Its fingerprint is the digest of what decides f: engine, labels, template, adaptation, sigma and kind of noise.
4. Its alpha is one that may be asked for.
5. Each phase has a count for each label, and no more votes than samples.
6. The class is the one that most selection votes chose, and a radius goes with "certified" and nothing else.
7. Bound and radius are what the named rule says of these counts (`robustify/smoothing/claims.py`). Of several
   label sets this is so in each, and of several sigmas at each, with an equal share of alpha; and the sigma that
   answers is that of the largest radius.
8. The radius for the pixels of the file is R / ||W||_2, and none with lattice noise.
9. Its sentences are those that are made of these fields.
10. Its noise has the only proof that its question has with its noise key. Of version 1, whose noise was that of
    all questions about an image, nothing can be said here.
11. If a file is given: it has the canonical tensor of the certificate, and is the one that was sent, with this
    norm, or another for whose pixels both radii hold.

What it cannot show is that the votes were counted of this f: that takes a replay. What else is the issuer's word
alone is named.
"""

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from adapters.canonical_json import parse_strictly
from adapters.certificates.check import Check, Verification
from adapters.certificates.count_checks import (
    check_alpha,
    check_answering,
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
from adapters.contract.certificate import AnyCertificate, CertificateOfVersion1, claims_of
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
    try:
        certificate = read_certificate(document)
    except InvalidInputError as error:
        return unreadable(str(error))
    assert isinstance(document, dict)
    checks = tuple(checks_of(certificate, document, trusted))
    if image is not None:
        checks = (*checks, *file_checks(certificate, image, decode))  # 11.
    return Verification(checks, certificate, trusted is not None, issuers_word(certificate, image is not None))


def checks_of(
    certificate: AnyCertificate, document: dict[str, JsonValue], trusted: TrustedKey | None
) -> Iterator[Check]:
    """Those that need the document alone, by the numbers of the module's walk."""
    claims, places = claims_of(certificate), claim_places(certificate)
    bounds, radii = zip(*map(check_claim, claims), strict=True)
    yield Check("format", True, "It has every field of this format.")  # 1.
    yield check_signature(document, certificate, trusted)  # 2.
    yield check_fingerprint(certificate)  # 3.
    yield check_alpha(certificate)  # 4.
    yield together([check_counts(claim) for claim in claims], places)  # 5.
    yield together([*map(check_outcome, claims), *check_answering(certificate)], places)  # 6.
    yield together(bounds, places)  # 7.
    yield together(radii, places)
    yield together([check_source_radius(claim) for claim in claims], places)  # 8.
    yield check_statement(certificate)  # 9.
    yield from noise_checks(certificate, trusted)  # 10.


def together(found: Sequence[Check], places: Sequence[str]) -> Check:
    """What one check found of each claim, as one: where there are several, of the first that fails. What is found
    beyond the `places` of the claims is about all of them."""
    if len(found) == 1:
        return found[0]
    failed = next((number for number, check in enumerate(found) if not check.passed), None)
    if failed is None:
        return Check(found[0].name, True, f"It holds for each of the {len(places)} claims.")
    where = f"{places[failed]}: " if failed < len(places) else ""
    return Check(found[0].name, False, f"{where}{found[failed].detail}")


def claim_places(certificate: AnyCertificate) -> Sequence[str]:
    """Where each claim of a certificate is one, as a sentence begins with it."""
    if certificate.sigmas:
        return [f"At sigma {sigma:g}" for sigma in certificate.sigmas]
    return [f"In label set {number}" for number in range(1, len(claims_of(certificate)) + 1)]


def issuers_word(certificate: AnyCertificate, is_file_given: bool) -> tuple[str, ...]:
    """The fields that these checks compare with nothing outside the document."""
    hardware = () if isinstance(certificate, CertificateOfVersion1) else OF_HARDWARE
    licences = OF_LICENCES if certificate.licences else ()
    return (*OF_ISSUER, *hardware, *licences, *OF_COUNTING, *(() if is_file_given else OF_FILE))


def unreadable(detail: str) -> Verification:
    return Verification((Check("format", False, detail),))
