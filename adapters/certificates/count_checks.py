"""The checks of what a certificate claims: its numbers follow from its counts, and its words from its numbers."""

import math
from collections.abc import Iterator

from adapters.canonical_json import canonical_digest
from adapters.certificates.check import Check
from adapters.certificates.preprocessing import resize_mode_of
from adapters.certificates.wording import (
    Said,
    SaidAt,
    statement,
    statement_of_sets,
    statement_of_sigmas,
    statement_of_version_1,
)
from adapters.contract.bounds import MAX_ALPHA
from adapters.contract.certificate import (
    AnyCertificate,
    CertificateOfSets,
    CertificateOfSigmas,
    CertificateOfVersion1,
    OneClaim,
    Together,
)
from adapters.contract.question import PlannedLooks
from adapters.profiles.fingerprint import function_digest
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.claims import Counts, recomputed_verdict
from robustify.smoothing.decisions import select
from robustify.smoothing.rules import Outcome, Verdict
from robustify.smoothing.statistics import rounded_down, source_radius
from robustify.types import Noise

TOLERANCE = 1e-8
"""Of recomputed numbers: what another processor or another release of scipy may round otherwise."""


def check_fingerprint(certificate: AnyCertificate) -> Check:
    name, model, sigma = "fingerprint", certificate.model, certificate.smoothing.sigma
    try:
        engine = canonical_digest(model.engine)
    except ValueError as error:
        return Check(name, False, f"The engine has no digest: {error}.")
    passed = function_digest(engine, certificate.task, sigma, certificate.noise, certificate.sigmas) == (
        model.fingerprint
    )
    detail = "is" if passed else "is not"
    return Check(name, passed, f"The fingerprint {detail} the digest of engine, labels, templates and sigma.")


def check_counts(certificate: OneClaim) -> Check:
    """Each phase has a count for each label, and no more votes than samples."""
    problem = next(problems_of_counts(certificate), None)
    return Check("counts", problem is None, problem or "The votes of both phases fit the labels and the samples.")


def problems_of_counts(certificate: OneClaim) -> Iterator[str]:
    smoothing, samples = certificate.smoothing, certificate.estimation_samples
    selection_samples = certificate.selection_samples
    if not (0 < samples <= smoothing.n and 0 < selection_samples <= smoothing.n0):
        yield f"{smoothing.samples_used} samples were used, where {smoothing.n0} + {smoothing.n} were planned."
    yield from problems_of_looks(certificate)
    for phase, votes, limit in (
        ("selection", certificate.selection_votes, selection_samples),
        ("estimation", certificate.votes, samples),
    ):
        if len(votes) != len(certificate.labels):
            yield f"There are {len(votes)} counts of {phase} votes for {len(certificate.labels)} labels."
        if sum(votes) > limit:
            yield f"There are {sum(votes)} {phase} votes of {limit} samples."


def problems_of_looks(certificate: OneClaim) -> Iterator[str]:
    """Counting stopped where a look was planned."""
    if isinstance(certificate, CertificateOfVersion1):
        return
    smoothing = certificate.smoothing
    for phase, samples, cap, planned in (
        ("selection", certificate.selection_samples, smoothing.n0, smoothing.selection_looks),
        ("estimation", certificate.estimation_samples, smoothing.n, smoothing.looks),
    ):
        if samples != cap and (planned is None or not is_look(planned, samples, cap)):
            yield f"The {phase} stopped after {samples} samples, where no look was planned."


def is_look(planned: PlannedLooks, samples: int, cap: int) -> bool:
    try:
        return samples in planned.looks.ends(cap)
    except ValueError:
        return False


def check_outcome(certificate: OneClaim) -> Check:
    """The label is the one that the selection votes chose, and only a certified outcome has radii."""
    problem = next(problems_of_outcome(certificate), None)
    return Check("outcome", problem is None, problem or "The label is that of most selection votes.")


def problems_of_outcome(certificate: OneClaim) -> Iterator[str]:
    votes = certificate.selection_votes
    chosen = select(votes) if any(votes) else None
    if certificate.index != chosen:
        yield "The index is not that of most selection votes."
    in_range = chosen is not None and chosen < len(certificate.labels)
    if certificate.label != (certificate.labels[chosen] if chosen is not None and in_range else None):
        yield "The label is not the one that the selection votes chose."
    if (certificate.outcome == Outcome.CERTIFIED) != (certificate.radius is not None):
        yield "A certified outcome has a radius, and no other has one."


def check_answering(certificate: AnyCertificate) -> Iterator[Check]:
    """At several sigmas: the one that is said to answer is that of the largest radius."""
    if isinstance(certificate, CertificateOfSigmas):
        passed = certificate.smoothing.sigma == certificate.answering.sigma
        yield Check("outcome", passed, f"The largest radius is at sigma {certificate.answering.sigma:g}.")


def check_claim(certificate: OneClaim) -> tuple[Check, Check]:
    """The bound and the radius, computed again from the counts."""
    try:
        claim = recomputed_claim(certificate)
    except (ValueError, IndexError, ArithmeticError) as error:
        why = f"It cannot be computed from these counts: {error}."
        return Check("bound", False, why), Check("radius", False, why)
    return check_bound(certificate, claim), check_radius(certificate, claim)


def recomputed_claim(certificate: OneClaim) -> Verdict:
    smoothing = certificate.smoothing
    counts = Counts(
        index=select(certificate.selection_votes) if certificate.selection_votes else 0,
        selection_votes=certificate.selection_votes,
        votes=certificate.votes,
        samples=certificate.estimation_samples,
        selection_samples=certificate.selection_samples,
        parameters=certificate.parameters,
        target_radius=smoothing.target_radius,
        tolerance=smoothing.tolerance,
    )
    return recomputed_verdict(certificate.bound.name, counts)


def check_bound(certificate: OneClaim, claim: Verdict) -> Check:
    found = certificate.bound
    passed = agrees(found.p_lower, claim.p_lower) and agrees(found.p_upper, claim.p_upper)
    detail = f"The bound {found.name} of these counts is {claim.p_lower:.6f}"
    return Check("bound", passed, f"{detail}, as stated." if passed else f"{detail}, which is not what is stated.")


def check_radius(certificate: OneClaim, claim: Verdict) -> Check:
    passed = agrees(certificate.radius, claim.radius) and certificate.outcome == claim.outcome
    detail = f"By its counts it is {claim.outcome}" + (
        "" if claim.radius is None else f" with radius {rounded_down(claim.radius, 6):.6f}"
    )
    return Check("radius", passed, f"{detail}, as stated." if passed else f"{detail}, which is not what is stated.")


def check_source_radius(certificate: OneClaim) -> Check:
    norm = certificate.image.source_norm
    if certificate.noise is Noise.LATTICE:
        passed = certificate.radius_source_pixels is None
        return Check("source_radius", passed, "With lattice noise nothing is claimed of the pixels of the file.")
    expected = source_radius(certificate.radius, norm, certificate.noise)
    passed = agrees(certificate.radius_source_pixels, expected)
    detail = f"The radius in source pixels {'is' if passed else 'is not'} the radius divided by the norm {norm:.6f}."
    return Check("source_radius", passed, detail)


def check_alpha(certificate: AnyCertificate) -> Check:
    """That no larger chance of error is accepted than may be asked for, and that several claims share it."""
    alpha = certificate.smoothing.alpha
    if isinstance(certificate, Together):
        each = certificate.alpha_each
        if each != shared_alpha(alpha, len(certificate.claims)):
            return Check("alpha", False, f"Each claim has {each}, which is not its equal share of {alpha}.")
    passed = alpha <= MAX_ALPHA
    return Check("alpha", passed, f"It is wrong with probability at most {alpha}; {MAX_ALPHA} is the most that counts.")


def check_statement(certificate: AnyCertificate) -> Check:
    """That its sentences are ours, made of its fields."""
    expected = expected_statement(certificate)
    passed = certificate.statement == expected
    return Check("statement", passed, f"The statement {'is' if passed else 'is not'} what these fields say.")


def expected_statement(certificate: AnyCertificate) -> str:
    if isinstance(certificate, CertificateOfSets):
        claims = [Said(claim.label, claim.radius) for claim in certificate.sets]
        mode = resize_mode_of(certificate.model.engine)
        return statement_of_sets(claims, certificate.smoothing.alpha, certificate.noise, certificate.templates, mode)
    if isinstance(certificate, CertificateOfSigmas):
        at_sigmas = [SaidAt(one.label, one.radius, one.sigma) for one in certificate.at_sigmas]
        mode = resize_mode_of(certificate.model.engine)
        return statement_of_sigmas(
            at_sigmas, certificate.smoothing.alpha, certificate.noise, certificate.templates, mode
        )
    said = (certificate.outcome, certificate.label, certificate.radius, certificate.smoothing.alpha, certificate.noise)
    if isinstance(certificate, CertificateOfVersion1):
        return statement_of_version_1(*said)
    return statement(*said, certificate.templates, resize_mode_of(certificate.model.engine))


def agrees(stated: float | None, recomputed: float | None) -> bool:
    if stated is None or recomputed is None:
        return stated is recomputed
    return math.isclose(stated, recomputed, rel_tol=TOLERANCE)
