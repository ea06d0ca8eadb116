"""POST /preview, and the pictures that it makes."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from adapters.contract.jobs import JobRecord, PreviewRequest
from adapters.contract.results import PictureName, PreviewResult
from service.body.receive import receive
from service.dependencies import KnownJob, NeedsRoom, Service, ServiceDependency
from service.errors import UNKNOWN_PICTURE, ProblemError, store_failures
from service.jobs.answering import answer
from service.jobs.asking import asked_of
from service.jobs.schemas import Job
from service.limits import PREDICT_WAIT_SECONDS
from service.openapi import SUBMIT_PROBLEMS, Responses, accepted_later, prefer, problems
from service.previews.submission import submit_preview

PNG = "image/png"
PICTURE_HEADERS = {"Cache-Control": "private, max-age=86400, immutable"}
"""A picture of a job is the same for as long as it can be read."""
PICTURE: Responses = {200: {"description": "A picture", "content": {PNG: {}}}}

router = APIRouter(tags=["jobs"])


@router.post(
    "/preview",
    operation_id="preview",
    dependencies=[NeedsRoom],
    summary="What the models see: one noisy copy of an image, denoised, and what a change of the image does to it",
    responses={202: accepted_later(), **problems(*SUBMIT_PROBLEMS)},
    openapi_extra=prefer(PREDICT_WAIT_SECONDS),
)
async def preview(request: Request, response: Response, service: ServiceDependency) -> Job:
    """It is no answer: its noise is that of no question, it is counted nowhere, and no certificate rests on it. Waits
    10 s for the preview unless the header `Prefer: wait=N` or `Prefer: respond-async` says otherwise.
    """
    asked = asked_of(request)
    admission = await submit_preview(service, await receive(request, service.settings), asked)
    return await answer(request, response, service, admission, PREDICT_WAIT_SECONDS)


# Not async: FastAPI runs it in a thread, since it reads a file.
@router.get(
    "/jobs/{job_id}/pictures/{picture}",
    operation_id="getPicture",
    summary="A picture of a preview",
    response_class=Response,
    responses={**PICTURE, **problems(404, 503)},
)
def get_picture(
    record: KnownJob,
    service: ServiceDependency,
    picture: Annotated[str, Path(description="As the result names it.", examples=[PictureName.CANONICAL])],
) -> Response:
    """A PNG file, as long as the job can be read and the preview is one of the caller's latest."""
    with store_failures():
        content = picture_of(service, record, picture)
    if content is None:
        raise ProblemError(UNKNOWN_PICTURE)
    return Response(content, headers=PICTURE_HEADERS, media_type=PNG)


def picture_of(service: Service, record: JobRecord, name: str) -> bytes | None:
    """None where the job has none of that name, or it is not kept any more."""
    if not isinstance(record.request, PreviewRequest) or not isinstance(record.result, PreviewResult):
        return None
    found = next((picture.name for picture in record.result.pictures if picture.name == name), None)
    if found is None:
        return None
    return service.previews.get(record.owner, record.job, record.request.image.sha256, found)
