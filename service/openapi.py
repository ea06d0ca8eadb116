"""What the generated API description cannot know: both kinds of request body, and the problem documents."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from adapters.contract.fields import FieldProblem
from adapters.contract.records import JobKind
from adapters.images import MAX_PIXELS, MAX_SCANS, MAX_SIDE, MIN_SIDE
from adapters.preparation import PARAMETERS
from adapters.settings import Settings
from service.body.receive import FORM, JSON
from service.body.received import IMAGE
from service.errors import MEDIA_TYPE, PROBLEM_KINDS, Problem
from service.limits import MAX_WAIT_SECONDS, UploadLimits, form_limits, json_limits

Document = dict[str, Any]
"""Any: OpenAPI is completed in place, level by level, as FastAPI has it."""
Responses = dict[int | str, Document]
REFERENCE = "#/components/schemas/{model}"
SUBMIT_PROBLEMS = (400, 404, 408, 409, 413, 415, 422, 503)
NOT_MODIFIED: Document = {"description": "The client has it already: `If-None-Match` named its `ETag`"}
IMAGE_RULE = (
    f"One still JPEG, PNG or WebP picture of 8 bits per channel, not CMYK, with sides of {MIN_SIDE} to {MAX_SIDE} "
    f"pixels and at most {MAX_PIXELS} pixels in all; a JPEG has at most {MAX_SCANS} scans."
)


def describe_bodies(document: Document, settings: Settings) -> None:
    """Gives every submission its body, as a form and as JSON."""
    form = image_schema("binary", "A file.", form_limits(settings))
    json = image_schema("byte", "A file in base64.", json_limits(settings))
    for kind in PARAMETERS:
        content = {FORM: {"schema": with_image(kind, form)}, JSON: {"schema": with_image(kind, json)}}
        document["paths"][f"/{kind}"]["post"]["requestBody"] = {"required": True, "content": content}


def json_body(model: type[BaseModel]) -> Document:
    """The body of a route that takes JSON only and reads it itself."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": model.model_json_schema()}}}}


def image_schema(form: str, how: str, limits: UploadLimits) -> Document:
    return {"type": "string", "format": form, "description": f"{how} {IMAGE_RULE} {limits.rule}"}


def with_image(kind: JobKind, image: Document) -> Document:
    schema = PARAMETERS[kind].model_json_schema()
    return {**schema, "properties": {IMAGE: image, **schema["properties"]}, "required": [IMAGE]}


def problems(*statuses: int) -> Responses:
    """The problem responses with these statuses, and any other."""
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
    titles = {status: [kind.title for kind in PROBLEM_KINDS if kind.status == status] for status in statuses}
    responses: Responses = {
        status: {"description": "; ".join(titles[status]), "content": content} for status in statuses
    }
    return {**responses, "default": {"description": "Any other problem", "content": content}}


def accepted_later() -> Document:
    """The 202 response: the job goes on, and `Location` is where it can be read."""
    headers = {
        "Location": {"description": "Path of the job.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds after which to look again.", "schema": {"type": "integer"}},
        "Preference-Applied": {"description": "The preference that was honoured.", "schema": {"type": "string"}},
    }
    content = {JSON: {"schema": {"$ref": REFERENCE.format(model="Job")}}}
    return {"description": "The job is accepted and not done yet", "headers": headers, "content": content}


def file_responses(media_type: str, *statuses: int) -> Responses:
    """A file that never changes, that the client has it already, and the problems with these statuses."""
    headers = {"ETag": {"description": "The digest of what was adapted.", "schema": {"type": "string"}}}
    found = {"description": "The file", "headers": headers, "content": {media_type: {}}}
    return {200: found, 304: NOT_MODIFIED, **problems(*statuses)}


def prefer(default_seconds: int, exception: str = "") -> Document:
    """The header `Prefer`, which is read from the request itself: it may come more than once."""
    header = {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": f"`wait=N` waits up to N seconds for the job to be done, at most {MAX_WAIT_SECONDS}; "
        f"`respond-async` does not wait. Not given: {default_seconds} seconds{exception}. What cannot be read is "
        "ignored.",
        "schema": {"type": "string"},
        "example": "wait=5",
    }
    return {"parameters": [header]}


def complete_description(app: FastAPI, settings: Settings) -> None:
    """Puts the request bodies, and the schemas that `problems` refers to, into the API description."""
    generate = app.openapi

    def openapi() -> Document:
        document = generate()
        describe_bodies(document, settings)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (Problem, FieldProblem):
            schema = model.model_json_schema(ref_template=REFERENCE)
            schemas[model.__name__] = {name: value for name, value in schema.items() if name != "$defs"}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
