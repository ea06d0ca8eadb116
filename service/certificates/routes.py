"""Certificates: as a page, checked, by whom they are signed, and how many there are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from adapters.certificates.document import read_certificate
from adapters.contract.access import KEYLESS, Scope
from adapters.contract.certificate import AnySignedDocument, Certificate, CertificateOfSets, CertificateOfSigmas
from adapters.contract.example import IMAGE_DIGEST
from adapters.contract.jobs import JobRecord
from adapters.contract.keys import PublicKeys
from adapters.contract.ledger import AskedOfImage, LedgerDescription, describe_account
from adapters.contract.records import JsonObject
from adapters.contract.results import AnyCertifyResult
from adapters.contract.verification import VerificationResult
from service.access.caller import CallerDependency
from service.body.receive import JSON
from service.certificates.page import CONTENT_SECURITY_POLICY, certificate_page
from service.certificates.schemas import VerifyRequest
from service.certificates.verification import own_public_keys, verify_body
from service.dependencies import KnownJob, Service, ServiceDependency
from service.errors import NO_CERTIFICATE, ProblemError
from service.openapi import Responses, any_of, json_body, problems

HTML = "text/html"
PAGE: Responses = {
    200: {
        "description": "The certificate",
        "content": {
            HTML: {"schema": {"type": "string"}, "example": "<!doctype html>…<h1>Certificate of robustness</h1>…"},
            JSON: {"schema": any_of(Certificate, CertificateOfSets, CertificateOfSigmas)},
        },
    }
}
PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Vary": "Accept", "Referrer-Policy": "no-referrer"}
)

ImageDigest = Annotated[
    str | None,
    Query(
        pattern="^[0-9a-f]{64}$",
        description="sha256 of a canonical tensor (`input.sha256` of a result): how often it was asked about.",
        examples=[IMAGE_DIGEST],
    ),
]

router = APIRouter(tags=["certificates"])


@router.get("/certificates/key", operation_id="getKey", summary="The public keys", responses=problems(503))
def get_key(service: ServiceDependency) -> PublicKeys:
    """What certificates of this service are signed with, and what proves their noise. Keep them where a forger of
    certificates cannot change them, and before you send the images that you will ask about."""
    return own_public_keys(service.settings)


@router.post(
    "/certificates/verify",
    operation_id="verifyCertificate",
    summary="Whether a certificate holds what it says",
    responses=problems(400, 408, 413, 415, 422, 503),
    openapi_extra=json_body(VerifyRequest),
)
async def verify_certificate(request: Request, service: ServiceDependency) -> VerificationResult:
    """A certificate that fails a check is an answer, and no error: see `valid`, and the `detail` of each check."""
    return (await verify_body(request, service)).report


@router.get(
    "/ledger",
    operation_id="getLedger",
    summary="What was issued, and how sure all of it is",
    responses=problems(422, 503),
)
def get_ledger(service: ServiceDependency, caller: CallerDependency, image: ImageDigest = None) -> LedgerDescription:
    """What the caller was answered; without a key, or with one that may see what concerns everybody, all that was.
    Counted since the queue server was set up, or since the first release that counts.
    """
    owner = KEYLESS if Scope.ADMIN in caller.scopes else caller.owner
    ledger = service.board.ledger(owner)
    return LedgerDescription(
        certificates=describe_account(ledger.certificates),
        predictions=describe_account(ledger.predictions),
        image=None if image is None else asked_of(service, image, caller.owner),
    )


def asked_of(service: Service, image: str, owner: str) -> AskedOfImage:
    return AskedOfImage(
        sha256=image,
        questions=service.board.questions_about(image, owner),
        allowed=service.settings.max_questions_per_image,
    )


@router.get(
    "/jobs/{job_id}/certificate",
    operation_id="getCertificate",
    summary="A job's certificate, as a page to read and print",
    response_class=HTMLResponse,
    responses={**PAGE, **problems(404, 503)},
)
async def get_certificate(request: Request, record: KnownJob) -> Response:
    """What is guaranteed and what is not, in plain words; as JSON where `Accept` asks for that and not for HTML."""
    certificate = certificate_of(record)
    if wants_json(request):
        return JSONResponse(certificate, headers={"Vary": "Accept"})
    return HTMLResponse(certificate_page(read_certificate(certificate)), headers=dict(PAGE_HEADERS))


@router.get(
    "/jobs/{job_id}/certificate.json",
    operation_id="getCertificateDocument",
    summary="A job's certificate, as the signed document",
    responses=problems(404, 503),
)
async def get_certificate_document(record: KnownJob) -> AnySignedDocument:
    """As `result.certificate` of the job has it."""
    return certificate_of(record)


def certificate_of(record: JobRecord) -> JsonObject:
    if not isinstance(record.result, AnyCertifyResult) or record.result.certificate is None:
        raise ProblemError(NO_CERTIFICATE)
    return record.result.certificate


def wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return JSON in accepted and HTML not in accepted
