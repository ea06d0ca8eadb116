"""From the result of a certify job to its signed certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from adapters.canonical_json import canonical_digest
from adapters.certificates.document import FORMAT, VERSION, Document, read_certificate, signed_bytes
from adapters.certificates.keys import public_key_of, sign
from adapters.certificates.software import software_versions
from adapters.certificates.wording import statement
from adapters.contract.jobs import JobRequest
from adapters.profiles.fingerprint import EngineParts
from robustify.errors import ModelFilesError
from robustify.smoothing.seeds import certificate_seed, commitment


@dataclass(frozen=True)
class Issuer:
    """Whoever counted the votes: what decides f, the secret of the noise, and the key that signs (32 bytes each)."""

    engine: EngineParts
    noise_secret: bytes
    private_key: bytes

    @cached_property
    def public_key(self) -> str:
        return public_key_of(self.private_key)

    def certified(self, request: JobRequest, result: Document, now: float) -> Document:
        """The result with its certificate, whatever the outcome; `now` in seconds since the epoch.

        Raises ModelFilesError when the request is for another function than the issuer's.
        """
        return {**result, "certificate": self.certificate(request, result, now)}

    def certificate(self, request: JobRequest, result: Mapping[str, Any], now: float) -> Document:
        if canonical_digest(self.engine) != request.engine:
            raise ModelFilesError("the models changed while they answered: start the worker again")
        seed = certificate_seed(self.noise_secret, request.certificate_id)
        claim = {
            **claim_of(request, result),
            "model": model_of(request, self.engine),
            "seed_commitment": commitment(seed),
            "software": software_versions(),
            "issued_at": iso_seconds(now),
            "public_key": self.public_key,
        }
        document = {**claim, "signature": sign(self.private_key, signed_bytes(claim))}
        read_certificate(document)  # What nobody could read is not issued.
        return document


def claim_of(request: JobRequest, result: Mapping[str, Any]) -> Document:
    """What the result says, and of what."""
    outcome, label, radius = result["outcome"], result["label"], result["radius"]
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "statement": statement(outcome, label, radius, request.alpha, request.noise),
        "kind": "certify",
        "outcome": outcome,
        "label": label,
        "index": result["index"],
        "radius": radius,
        "radius_source_pixels": result["radius_source_pixels"],
        "labels": list(request.labels),
        "template": request.template,
        "image": request.image.model_dump(),
        "smoothing": smoothing_of(request, result),
        "bound": {"name": result["bound"], "p_lower": result["p_lower"], "p_upper": result.get("p_upper")},
        "selection_votes": [vote["count"] for vote in result["selection_votes"]],
        "votes": [vote["count"] for vote in result["votes"]],
    }


def smoothing_of(request: JobRequest, result: Mapping[str, Any]) -> Document:
    return {
        "noise": request.noise.value,
        "sigma": request.sigma,
        "n0": request.n0,
        "n": request.n,
        "alpha": request.alpha,
        "samples_used": result["samples_used"],
        "target_radius": request.target_radius,
        "tolerance": result.get("tolerance"),
    }


def model_of(request: JobRequest, engine: EngineParts) -> Document:
    return {
        "profile": request.profile,
        "task": request.task,
        "version": request.version,
        "adaptation": request.adaptation,
        "engine": dict(engine),
        "fingerprint": request.fingerprint,
    }


def iso_seconds(now: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
