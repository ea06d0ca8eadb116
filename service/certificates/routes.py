"""Certificates: as a page, checked, by whom they are signed, and how many there are."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from adapters.certificates.document import read_certificate
from adapters.contract.certificate import Certificate, SignedDocument, VerificationResult
from adapters.contract.jobs import JobRecord
from adapters.contract.results import CertifyResult
from service.body.receive import JSON
from service.certificates.page import CONTENT_SECURITY_POLICY, certificate_page
from service.certificates.schemas import LedgerDescription, PublicKey, VerifyRequest, describe_account
from service.certificates.verification import own_public_key, verify_body
from service.dependencies import KnownJob, ServiceDependency
from service.errors import NO_CERTIFICATE, ProblemError
from service.openapi import Responses, json_body, problems, referenced

HTML = "text/html"
PAGE: Responses = {
    200: {
        "description": "The certificate",
        "content": {
            HTML: {"schema": {"type": "string"}, "example": "<!doctype html>…<h1>Certificate of robustness</h1>…"},
            JSON: {"schema": referenced(Certificate)},
        },
    }
}
PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Vary": "Accept", "Referrer-Policy": "no-referrer"}
)

router = APIRouter(tags=["certificates"])


@router.get("/certificates/key", operation_id="getKey", summary="The public key", responses=problems(503))
def get_key(service: ServiceDependency) -> PublicKey:
    """What certificates of this service are signed with; keep it where a forger of certificates cannot change it."""
    return PublicKey(public_key=own_public_key(service.settings))


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
    "/ledger", operation_id="getLedger", summary="What was issued, and how sure all of it is", responses=problems(503)
)
def get_ledger(service: ServiceDependency) -> LedgerDescription:
    """Counted since the queue server was set up, or since the first release that counts."""
    ledger = service.board.ledger()
    return LedgerDescription(
        certificates=describe_account(ledger.certificates), predictions=describe_account(ledger.predictions)
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
async def get_certificate_document(record: KnownJob) -> SignedDocument:
    """As `result.certificate` of the job has it."""
    return certificate_of(record)


def certificate_of(record: JobRecord) -> SignedDocument:
    if not isinstance(record.result, CertifyResult) or record.result.certificate is None:
        raise ProblemError(NO_CERTIFICATE)
    return record.result.certificate


def wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return JSON in accepted and HTML not in accepted
