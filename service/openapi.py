"""What the generated API description cannot know: both kinds of request body, and the problem documents."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from adapters.parameters import PARAMETERS, FieldProblem
from adapters.queue.messages import JobKind
from service.errors import MEDIA_TYPE, PROBLEM_KINDS
from service.received import IMAGE
from service.requests import FORM, JSON
from service.schemas import Problem

Document = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
SUBMIT_PROBLEMS = (400, 404, 408, 413, 415, 422, 503)
FORM_IMAGE = {"type": "string", "format": "binary", "description": "A JPEG, PNG or WebP file."}
JSON_IMAGE = {"type": "string", "format": "byte", "description": "A JPEG, PNG or WebP file in base64."}


def request_body(kind: JobKind) -> Document:
    """The body of a submission, as a form and as JSON."""
    content = {FORM: {"schema": with_image(kind, FORM_IMAGE)}, JSON: {"schema": with_image(kind, JSON_IMAGE)}}
    return {"requestBody": {"required": True, "content": content}}


def with_image(kind: JobKind, image: Mapping[str, str]) -> Document:
    schema = PARAMETERS[kind].model_json_schema()
    return {**schema, "properties": {IMAGE: image, **schema["properties"]}, "required": [IMAGE]}


def problems(*statuses: int) -> dict[int | str, Document]:
    """The problem responses with these statuses, and any other."""
    content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
    titles = {status: [kind.title for kind in PROBLEM_KINDS if kind.status == status] for status in statuses}
    responses: dict[int | str, Document] = {
        status: {"description": "; ".join(titles[status]), "content": content} for status in statuses
    }
    return {**responses, "default": {"description": "Any other problem", "content": content}}


def accepted_later() -> Document:
    """The 202 response: the job goes on, and `Location` is where it can be read."""
    headers = {
        "Location": {"description": "Path of the job.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds after which to look again.", "schema": {"type": "integer"}},
    }
    content = {JSON: {"schema": {"$ref": REFERENCE.format(model="Job")}}}
    return {"description": "The job is accepted and not done yet", "headers": headers, "content": content}


def add_problem_schema(app: FastAPI) -> None:
    """Puts the schemas that `problems` refers to into the API description."""
    generate = app.openapi

    def openapi() -> Document:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (Problem, FieldProblem):
            schema = model.model_json_schema(ref_template=REFERENCE)
            schemas[model.__name__] = {name: value for name, value in schema.items() if name != "$defs"}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
