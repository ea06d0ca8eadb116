"""What a task was adapted with: its reference images, the pictures, and the report."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter

from adapters.store.adaptations import CONTACT_SHEET, DENOISED_SHEET, REFERENCES, REPORT, StoredAdaptation
from robustify.errors import StoredTaskError
from service.body.receive import JSON
from service.caching import unchanging
from service.dependencies import KnownAdaptation, KnownTask, KnownVersion
from service.errors import IMPORTED, UNKNOWN_REFERENCE, ProblemError, store_failures
from service.openapi import file_responses, problems, referenced
from service.tasks.schemas import REFERENCE_FILE, References, Report, describe_references

PNG = "image/png"

router = APIRouter(tags=["tasks"])

# Nothing here is async: FastAPI runs it in threads, since it reads files.


@router.get(
    "/tasks/{name}/references",
    operation_id="listReferences",
    summary="The reference images of a version",
    responses=problems(404, 422, 503),
)
def list_references(task: KnownTask, version: KnownVersion, adaptation: KnownAdaptation) -> References:
    """What each shows, from which seed and prompt it was made, and where it is."""
    return describe_references(task, version, adaptation)


@router.get(
    "/tasks/{name}/references/{file}",
    operation_id="getReference",
    summary="A reference image",
    response_class=Response,
    responses=file_responses("A picture", {PNG: {}}, 404, 422, 503),
)
def get_reference(
    request: Request,
    file: Annotated[str, PathParameter(description="As the list names it.", examples=[REFERENCE_FILE])],
    adapted: KnownAdaptation,
) -> Response:
    """Only what the list of references names is served."""
    if file not in (reference.file for reference in adapted.references):
        raise ProblemError(UNKNOWN_REFERENCE)
    return served(request, adapted, f"{REFERENCES}/{file}", PNG)


@router.get(
    "/tasks/{name}/references.png",
    operation_id="getContactSheet",
    summary="All reference images on one sheet",
    response_class=Response,
    responses=file_responses("A picture", {PNG: {}}, 404, 422, 503),
)
def get_contact_sheet(request: Request, adapted: KnownAdaptation) -> Response:
    """In the order of the list, ten in a row."""
    return served(request, adapted, CONTACT_SHEET, PNG)


@router.get(
    "/tasks/{name}/denoised.png",
    operation_id="getDenoisedSheet",
    summary="Held-back reference images, noisy, and denoised before and after",
    response_class=Response,
    responses=file_responses("A picture", {PNG: {}}, 404, 422, 503),
)
def get_denoised_sheet(request: Request, adapted: KnownAdaptation) -> Response:
    """The first row as they are; then, for each sigma, with noise, denoised before the adaptation, and after it."""
    return served(request, adapted, DENOISED_SHEET, PNG)


@router.get(
    "/tasks/{name}/report",
    operation_id="getReport",
    summary="What the adaptation brought",
    response_class=Response,
    responses=file_responses("The report", {JSON: {"schema": referenced(Report)}}, 404, 422, 503),
)
def get_report(request: Request, adapted: KnownAdaptation) -> Response:
    """Figures before and after, the losses of all steps, and the request."""
    return served(request, adapted, REPORT, JSON)


def served(request: Request, adapted: StoredAdaptation, name: str, media_type: str) -> Response:
    """A file of the adaptation."""
    path = adapted.file(name)
    if path is None and adapted.manifest.origin is not None:
        raise ProblemError(IMPORTED)
    if path is None:
        raise StoredTaskError("a part of what was adapted to this task is missing: adapt it again")
    with store_failures():
        return unchanging(request, adapted.digest, media_type, path.read_bytes)
