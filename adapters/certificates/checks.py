"""Whether a certificate holds what it says: a list of named checks, which need neither models nor a server."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters.canonical_json import canonical_digest, parse_strictly
from adapters.certificates.document import MAX_BYTES, read_certificate, signed_bytes
from adapters.certificates.keys import is_signed
from adapters.contract.certificate import Certificate, CheckResult, VerificationResult
from adapters.contract.records import JsonObject
from adapters.images import canonicalise_for
from adapters.profiles.fingerprint import function_digest
from adapters.store.tensors import tensor_digest
from robustify.errors import InvalidInputError, UnreadableImageError
from robustify.smoothing.claims import Counts, recomputed_verdict
from robustify.smoothing.decisions import select
from robustify.smoothing.rules import Outcome, Verdict
from robustify.smoothing.seeds import commitment
from robustify.smoothing.statistics import rounded_down, source_radius
from robustify.types import Noise

TOLERANCE = 1e-8
"""Of recomputed numbers: what another processor or another release of scipy may round otherwise."""


@dataclass(frozen=True)
class Check:
    """One property of a certificate: whether it holds, and a sentence that says what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """All checks that could be made, and the certificate if it could be read."""

    checks: tuple[Check, ...]
    certificate: Certificate | None = None

    @property
    def valid(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def report(self) -> VerificationResult:
        """As clients read it."""
        checks = tuple(CheckResult(name=one.name, passed=one.passed, detail=one.detail) for one in self.checks)
        return VerificationResult(valid=self.valid, checks=checks)


@dataclass(frozen=True)
class TrustedKey:
    """A public key, in hexadecimal, that is known from elsewhere; `owner` is whose it is, as a sentence has it."""

    public_key: str
    owner: str


def verify_file(data: bytes, trusted: TrustedKey | None = None, image: bytes | None = None) -> Verification:
    """The checks of a certificate as a file: in one without spare spaces, no byte can be changed and all pass."""
    if len(data) > MAX_BYTES:
        return unreadable(f"The file is larger than a certificate can be: {MAX_BYTES} bytes.")
    try:
        document = parse_strictly(data)
    except ValueError:
        return unreadable("The file is not JSON in UTF-8 with each name once and each number in its shortest form.")
    return verify(document, trusted, image)


def verify(document: object, trusted: TrustedKey | None = None, image: bytes | None = None) -> Verification:
    """The checks of a parsed certificate; those of the image only if its file is given."""
    # What makes a certificate valid. All of it is checked with no model and no server:
    #
    # 1. It has every field of this format and no other, each within its bounds.
    # 2. It is unchanged since it was signed: Ed25519 over the canonical JSON (RFC 8785) of all but the signature. Whose
    #    key it is can only be said of one that is known from elsewhere.
    # 3. Its fingerprint is the digest of what decides f: engine, labels, template, adaptation, sigma and kind of noise.
    # 4. Each phase has a count for each label, and no more votes than samples.
    # 5. The class is the one that most selection votes chose, and a radius goes with "certified" and nothing else.
    # 6. Bound and radius are what the named rule says of these counts (`robustify/smoothing/claims.py`).
    # 7. The radius for the pixels of the file is R / ||W||_2, and none with lattice noise.
    # 8. If a file is given: it has the canonical tensor of the certificate, and is the one that was sent, or another
    #    for whose pixels both radii hold.
    #
    # What it cannot show is that the votes were counted of this f: that takes a replay with the revealed seed.
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
        check_counts(certificate),
        # 5.
        check_outcome(certificate),
        # 6.
        *check_claim(certificate),
        # 7.
        check_source_radius(certificate),
        # 8.
        *(() if image is None else check_image(certificate, image)),
    )
    return Verification(tuple(checks), certificate)


def unreadable(detail: str) -> Verification:
    return Verification((Check("format", False, detail),))


def check_signature(document: JsonObject, certificate: Certificate, trusted: TrustedKey | None) -> Check:
    name = "signature"
    if not is_signed(certificate.public_key, certificate.signature, signed_bytes(document)):
        return Check(name, False, "It is not signed with the key that it names: something in it was changed.")
    if trusted is None:
        return Check(
            name, True, "It is unchanged since it was signed, with the key in it: this says nothing on whose key it is."
        )
    if certificate.public_key != trusted.public_key:
        return Check(name, False, f"It is signed, but with another key than {trusted.owner}.")
    return Check(name, True, f"It is unchanged since it was signed, with {trusted.owner}.")


def check_fingerprint(certificate: Certificate) -> Check:
    name, model, sigma = "fingerprint", certificate.model, certificate.smoothing.sigma
    try:
        engine = canonical_digest(model.engine)
    except ValueError as error:
        return Check(name, False, f"The engine has no digest: {error}.")
    passed = function_digest(engine, certificate.task, sigma, certificate.noise) == model.fingerprint
    detail = "is" if passed else "is not"
    return Check(name, passed, f"The fingerprint {detail} the digest of engine, labels, template and sigma.")


def check_counts(certificate: Certificate) -> Check:
    """Each phase has a count for each label, and no more votes than samples."""
    problem = next(problems_of_counts(certificate), None)
    return Check("counts", problem is None, problem or "The votes of both phases fit the labels and the samples.")


def problems_of_counts(certificate: Certificate) -> Iterator[str]:
    smoothing, samples = certificate.smoothing, certificate.estimation_samples
    if not 0 < samples <= smoothing.n:
        yield f"{smoothing.samples_used} samples were used, where {smoothing.n0} + {smoothing.n} were planned."
    for phase, votes, limit in (
        ("selection", certificate.selection_votes, smoothing.n0),
        ("estimation", certificate.votes, samples),
    ):
        if len(votes) != len(certificate.labels):
            yield f"There are {len(votes)} counts of {phase} votes for {len(certificate.labels)} labels."
        if sum(votes) > limit:
            yield f"There are {sum(votes)} {phase} votes of {limit} samples."


def check_outcome(certificate: Certificate) -> Check:
    """The label is the one that the selection votes chose, and only a certified outcome has radii."""
    problem = next(problems_of_outcome(certificate), None)
    return Check("outcome", problem is None, problem or "The label is that of most selection votes.")


def problems_of_outcome(certificate: Certificate) -> Iterator[str]:
    votes = certificate.selection_votes
    chosen = select(votes) if any(votes) else None
    if certificate.index != chosen:
        yield "The index is not that of most selection votes."
    in_range = chosen is not None and chosen < len(certificate.labels)
    if certificate.label != (certificate.labels[chosen] if chosen is not None and in_range else None):
        yield "The label is not the one that the selection votes chose."
    if (certificate.outcome == Outcome.CERTIFIED) != (certificate.radius is not None):
        yield "A certified outcome has a radius, and no other has one."


def check_claim(certificate: Certificate) -> tuple[Check, Check]:
    """The bound and the radius, computed again from the counts."""
    try:
        claim = recomputed_claim(certificate)
    except (ValueError, IndexError, ArithmeticError) as error:
        why = f"It cannot be computed from these counts: {error}."
        return Check("bound", False, why), Check("radius", False, why)
    return check_bound(certificate, claim), check_radius(certificate, claim)


def recomputed_claim(certificate: Certificate) -> Verdict:
    smoothing = certificate.smoothing
    counts = Counts(
        index=select(certificate.selection_votes) if certificate.selection_votes else 0,
        selection_votes=certificate.selection_votes,
        votes=certificate.votes,
        samples=certificate.estimation_samples,
        parameters=certificate.parameters,
        target_radius=smoothing.target_radius,
        tolerance=smoothing.tolerance,
    )
    return recomputed_verdict(certificate.bound.name, counts)


def check_bound(certificate: Certificate, claim: Verdict) -> Check:
    found = certificate.bound
    passed = agrees(found.p_lower, claim.p_lower) and agrees(found.p_upper, claim.p_upper)
    detail = f"The bound {found.name} of these counts is {claim.p_lower:.6f}"
    return Check("bound", passed, f"{detail}, as stated." if passed else f"{detail}, which is not what is stated.")


def check_radius(certificate: Certificate, claim: Verdict) -> Check:
    passed = agrees(certificate.radius, claim.radius) and certificate.outcome == claim.outcome
    detail = f"By its counts it is {claim.outcome}" + (
        "" if claim.radius is None else f" with radius {rounded_down(claim.radius, 6):.6f}"
    )
    return Check("radius", passed, f"{detail}, as stated." if passed else f"{detail}, which is not what is stated.")


def check_source_radius(certificate: Certificate) -> Check:
    norm = certificate.image.source_norm
    if certificate.noise is Noise.LATTICE:
        passed = certificate.radius_source_pixels is None
        return Check("source_radius", passed, "With lattice noise nothing is claimed of the pixels of the file.")
    expected = source_radius(certificate.radius, norm, certificate.noise)
    passed = agrees(certificate.radius_source_pixels, expected)
    detail = f"The radius in source pixels {'is' if passed else 'is not'} the radius divided by the norm {norm:.6f}."
    return Check("source_radius", passed, detail)


def check_image(certificate: Certificate, file: bytes) -> tuple[Check, Check]:
    """That the file has the canonical tensor of the certificate, and that both radii hold for it."""
    named = certificate.image
    try:
        if named.height != named.width:
            raise UnreadableImageError("This release makes square tensors only.")
        image = canonicalise_for(certificate.noise, file, named.height)
    except UnreadableImageError as error:
        return Check("image", False, str(error)), Check("source", False, "The image cannot be read.")
    same_tensor = tensor_digest(image.tensor) == named.sha256
    tensor = Check("image", same_tensor, f"The file {'has' if same_tensor else 'does not have'} this canonical tensor.")
    if image.source_sha256 == named.source_sha256:
        return tensor, Check("source", True, "It is the very file that was sent.")
    # Stored outcomes answer for every file of the same tensor.
    if same_tensor and image.source_norm <= named.source_norm:
        return tensor, Check("source", True, "It is another file of the same tensor, for whose pixels both radii hold.")
    return tensor, Check("source", False, "It is another file than the one that was sent.")


def check_seed(certificate: Certificate, seed: bytes) -> Check:
    passed = commitment(seed) == certificate.seed_commitment
    return Check("seed", passed, f"The seed {'is' if passed else 'is not'} the one that the certificate commits to.")


def agrees(stated: float | None, recomputed: float | None) -> bool:
    if stated is None or recomputed is None:
        return stated is recomputed
    return math.isclose(stated, recomputed, rel_tol=TOLERANCE)
