"""A client of robustify, the image classifier with a certificate: `Client` for threads, `AsyncClient` for asyncio."""

from robustify_client.address import InsecureKeyWarning
from robustify_client.async_client import AsyncClient
from robustify_client.async_handles import AsyncBatch, AsyncJob
from robustify_client.client import Client
from robustify_client.errors import (
    AccessRefused,
    Conflict,
    FieldProblem,
    ImageRefused,
    JobCanceled,
    JobError,
    JobExpired,
    JobFailed,
    LimitReached,
    NotFound,
    ProblemError,
    RequestRefused,
    RobustifyClientError,
    ServiceFault,
    StillRunning,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    UsageError,
)
from robustify_client.evaluating import Evaluation
from robustify_client.handles import Batch, Job
from robustify_client.images import ImageLike
from robustify_client.mapping import MapItem
from robustify_client.records import (
    AdaptResult,
    CertifyResult,
    CertifySetsResult,
    CertifySigmasResult,
    JobEvent,
    JobRecord,
    Plan,
    PredictResult,
    PreviewResult,
    PublicKeys,
    Verification,
)
from robustify_client.retries import NO_RETRIES, Retries
from robustify_client.verifying import verify

__all__ = [
    "NO_RETRIES",
    "AccessRefused",
    "AdaptResult",
    "AsyncBatch",
    "AsyncClient",
    "AsyncJob",
    "Batch",
    "CertifyResult",
    "CertifySetsResult",
    "CertifySigmasResult",
    "Client",
    "Conflict",
    "Evaluation",
    "FieldProblem",
    "ImageLike",
    "ImageRefused",
    "InsecureKeyWarning",
    "Job",
    "JobCanceled",
    "JobError",
    "JobEvent",
    "JobExpired",
    "JobFailed",
    "JobRecord",
    "LimitReached",
    "MapItem",
    "NotFound",
    "Plan",
    "PredictResult",
    "PreviewResult",
    "ProblemError",
    "PublicKeys",
    "RequestRefused",
    "Retries",
    "RobustifyClientError",
    "ServiceFault",
    "StillRunning",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "UsageError",
    "Verification",
    "verify",
]
