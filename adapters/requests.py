"""From checked parameters and a canonical image to what the queue carries."""

from adapters.parameters import CertifyParameters, PredictParameters
from adapters.profiles import Profile, engine_digest, function_digest
from adapters.queue.messages import InputImage, JobKind, JobRequest
from adapters.settings import Settings
from robustify.types import Task


def job_request(
    kind: JobKind, parameters: PredictParameters, image: InputImage, profile: Profile, settings: Settings
) -> JobRequest:
    """The request with all defaults filled in and the fingerprint of the function that will answer it."""
    task = Task(tuple(parameters.labels or ()), parameters.template)
    sigma = profile.default_sigma if parameters.sigma is None else parameters.sigma
    engine = engine_digest(profile, settings)
    certify = parameters if isinstance(parameters, CertifyParameters) else None
    return JobRequest(
        kind=kind,
        image=image,
        labels=task.labels,
        template=task.template,
        sigma=sigma,
        n0=certify.n0 if certify else 0,
        n=parameters.n,
        alpha=parameters.alpha,
        target_radius=certify.target_radius if certify else None,
        profile=profile.name,
        engine=engine,
        fingerprint=function_digest(engine, task, sigma),
    )
