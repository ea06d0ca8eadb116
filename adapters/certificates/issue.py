"""From the result of a certify job to its signed certificate."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from adapters.canonical_json import canonical_digest
from adapters.certificates.document import (
    FORMAT,
    VERSION,
    VERSION_OF_SETS,
    VERSION_OF_SIGMAS,
    read_certificate,
    signed_bytes,
)
from adapters.certificates.keys import public_key_of, sign
from adapters.certificates.preprocessing import resize_mode_of
from adapters.certificates.software import software_versions
from adapters.certificates.vrf import NoiseKey
from adapters.certificates.wording import Said, SaidAt, statement, statement_of_sets, statement_of_sigmas
from adapters.contract.certificate import (
    CertificateClaim,
    Claim,
    ClaimAtSigma,
    ReplayableDocument,
    SetsClaim,
    SigmasClaim,
)
from adapters.contract.certificate_parts import (
    CertifiedBound,
    CertifiedImage,
    CertifiedModel,
    CertifiedSmoothing,
    Hardware,
    Randomness,
)
from adapters.contract.jobs import JobRequest
from adapters.contract.records import JsonObject
from adapters.contract.results import (
    AnyCertifyResult,
    CertifyResult,
    CertifySetsResult,
    CertifySigmasResult,
    SetAnswer,
    SigmaAnswer,
    TogetherResult,
)
from adapters.profiles.fingerprint import EngineParts
from adapters.profiles.licences import PartLicence, of_answer
from robustify.errors import ModelFilesError


@dataclass(frozen=True)
class Issuer:
    """Whoever counted the votes: what decides f and on what machine, the key of the noise, the one that signs (32
    bytes), and the licences of the profile."""

    engine: EngineParts
    hardware: Hardware
    noise_key: NoiseKey
    private_key: bytes
    licences: tuple[PartLicence, ...] = ()

    @cached_property
    def public_key(self) -> str:
        return public_key_of(self.private_key)

    def certified(self, request: JobRequest, result: CertifyResult, now: float) -> CertifyResult:
        """The result with its certificate, whatever the outcome; `now` in seconds since the epoch.

        Raises ModelFilesError when the request is for another function than the issuer's.
        """
        return result.model_copy(update={"certificate": self.certificate(request, result, now)})

    def certified_together(self, request: JobRequest, result: TogetherResult, now: float) -> TogetherResult:
        """As `certified`, of several label sets or at several sigmas: one certificate has all claims."""
        return result.model_copy(update={"certificate": self.certificate(request, result, now)})

    def certificate(self, request: JobRequest, result: AnyCertifyResult, now: float) -> JsonObject:
        if canonical_digest(self.engine) != request.engine:
            raise ModelFilesError("the models changed while they answered: start the worker again")
        claim: JsonObject = self.any_claim(request, result, now).model_dump(mode="json")
        document: JsonObject = {**claim, "signature": sign(self.private_key, signed_bytes(claim))}
        read_certificate(document)  # What nobody could read is not issued.
        return document

    def any_claim(self, request: JobRequest, result: AnyCertifyResult, now: float) -> ReplayableDocument:
        match result:
            case CertifySetsResult():
                return self.sets_claim(request, result, now)
            case CertifySigmasResult():
                return self.sigmas_claim(request, result, now)
            case CertifyResult():
                return self.claim(request, result, now)

    def claim(self, request: JobRequest, result: CertifyResult, now: float) -> CertificateClaim:
        """What the result says, of what, and by whose word."""
        return CertificateClaim(
            format=FORMAT,
            format_version=VERSION,
            statement=statement(
                result.outcome,
                result.label,
                result.radius,
                request.alpha,
                request.noise,
                request.templates,
                resize_mode_of(self.engine),
            ),
            kind="certify",
            outcome=result.outcome,
            label=result.label,
            index=result.index,
            radius=result.radius,
            radius_source_pixels=result.radius_source_pixels,
            labels=request.labels,
            template=request.template,
            templates=request.templates,
            image=CertifiedImage(**request.image.model_dump(exclude={"reduced_by"})),
            model=self.model(request),
            smoothing=smoothing_of(request, result),
            bound=CertifiedBound(name=result.bound, p_lower=result.p_lower, p_upper=result.p_upper),
            selection_votes=result.selection_counts,
            votes=result.counts,
            randomness=self.randomness(request),
            software=software_versions(),
            issued_at=iso_seconds(now),
            public_key=self.public_key,
        )

    def sets_claim(self, request: JobRequest, result: CertifySetsResult, now: float) -> SetsClaim:
        """Likewise, of several label sets."""
        said = [Said(answer.label, answer.radius) for answer in result.sets]
        mode = resize_mode_of(self.engine)
        return SetsClaim(
            format=FORMAT,
            format_version=VERSION_OF_SETS,
            statement=statement_of_sets(said, request.alpha, request.noise, request.templates, mode),
            kind="certify",
            template=request.template,
            templates=request.templates,
            image=CertifiedImage(**request.image.model_dump(exclude={"reduced_by"})),
            model=self.model(request),
            smoothing=smoothing_of(request, result),
            alpha_each=result.alpha_each,
            sets=tuple(
                claim_of(labels, answer, result) for labels, answer in zip(request.label_sets, result.sets, strict=True)
            ),
            randomness=self.randomness(request),
            software=software_versions(),
            issued_at=iso_seconds(now),
            public_key=self.public_key,
        )

    def sigmas_claim(self, request: JobRequest, result: CertifySigmasResult, now: float) -> SigmasClaim:
        """Likewise, at several sigmas."""
        said = [SaidAt(answer.label, answer.radius, answer.sigma) for answer in result.sigmas]
        mode = resize_mode_of(self.engine)
        return SigmasClaim(
            format=FORMAT,
            format_version=VERSION_OF_SIGMAS,
            statement=statement_of_sigmas(said, request.alpha, request.noise, request.templates, mode),
            kind="certify",
            template=request.template,
            templates=request.templates,
            image=CertifiedImage(**request.image.model_dump(exclude={"reduced_by"})),
            model=self.model(request),
            smoothing=smoothing_of(request, result),
            alpha_each=result.alpha_each,
            at_sigmas=tuple(claim_at(request.labels, answer, result) for answer in result.sigmas),
            randomness=self.randomness(request),
            software=software_versions(),
            issued_at=iso_seconds(now),
            public_key=self.public_key,
        )

    def model(self, request: JobRequest) -> CertifiedModel:
        return CertifiedModel(
            profile=request.profile,
            task=request.task,
            version=request.version,
            adaptation=request.adaptation,
            engine=dict(self.engine),
            hardware=self.hardware,
            fingerprint=request.fingerprint,
            licences=of_answer(self.licences, is_adapted=request.adaptation is not None),
        )

    def randomness(self, request: JobRequest) -> Randomness:
        """The proof of the noise that the request has, and what it is checked with."""
        question = request.question
        proof = self.noise_key.proof(question.text)
        return Randomness(stream=question.stream, modulus=self.noise_key.public.modulus, proof=proof.hex())


def claim_at(labels: tuple[str, ...], answer: SigmaAnswer, result: CertifySigmasResult) -> ClaimAtSigma:
    """What is claimed at one sigma."""
    return ClaimAtSigma(sigma=answer.sigma, **dict(claim_of(labels, answer, result)))


def claim_of(labels: tuple[str, ...], answer: SetAnswer, result: TogetherResult) -> Claim:
    """What is claimed in one label set."""
    return Claim(
        outcome=answer.outcome,
        label=answer.label,
        index=answer.index,
        radius=answer.radius,
        radius_source_pixels=answer.radius_source_pixels,
        labels=labels,
        bound=CertifiedBound(name=result.bound, p_lower=answer.p_lower, p_upper=answer.p_upper),
        selection_votes=tuple(vote.count for vote in answer.selection_votes),
        votes=tuple(vote.count for vote in answer.votes),
    )


def smoothing_of(request: JobRequest, result: AnyCertifyResult) -> CertifiedSmoothing:
    question = request.question
    return CertifiedSmoothing(
        noise=request.noise.value,
        sigma=result.sigma,
        n0=request.n0,
        n=request.n,
        alpha=request.alpha,
        selection_samples=result.selection_samples,
        samples_used=result.samples_used,
        target_radius=request.target_radius,
        tolerance=request.tolerance,
        selection_looks=question.selection_looks,
        looks=question.looks,
    )


def iso_seconds(now: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
