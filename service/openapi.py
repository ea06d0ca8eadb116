"""What the generated API description cannot know: both kinds of request body, problem documents, and examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache

from fastapi import FastAPI
from pydantic import BaseModel

from adapters.contract.choice import PROFILE, Choosing
from adapters.contract.example import SMALL_PICTURE, SMALL_PICTURE_BASE64
from adapters.contract.fields import ANY, given
from adapters.contract.label_sets import FIELD as LABEL_SETS
from adapters.contract.label_sets import has_words
from adapters.contract.preview import PreviewParameters
from adapters.contract.records import JobKind
from adapters.contract.webhook import Notified
from adapters.images import MAX_PIXELS, MAX_REDUCED_PIXELS, MAX_REDUCED_SIDE, MAX_SCANS, MAX_SIDE, MIN_SIDE
from adapters.preparation import PARAMETERS
from adapters.profiles.library import served_profiles
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from service.access.description import describe_access
from service.body.forms import JSON_FIELDS, LIST_FIELDS
from service.body.json_bodies import BASE64
from service.body.receive import FORM, JSON
from service.body.received import IMAGE
from service.errors import MEDIA_TYPE, PROBLEM_KINDS, Problem, ProblemKind
from service.examples import REFERENCE, Document, add_examples
from service.limits import MAX_WAIT_SECONDS, UploadLimits, form_limits, json_limits

Responses = dict[int | str, Document]
Describe = Callable[[Document, Settings], None]
"""Completes what the description says of some routes."""
DEFINITIONS = "$defs"
NULL: Document = {"type": "null"}
ABOUT = ("title", "description", "default", "examples")
"""What a schema says beside its rules."""
FILE: Document = {"description": "A file.", "format": "binary"}
FILE_AS_TEXT: Document = {
    "description": "A file in base64.",
    "format": "byte",
    "contentEncoding": "base64",
    "minLength": 1,
    "pattern": BASE64,
}
IMAGE_TYPES = "image/jpeg, image/png, image/webp"
FORM_ENCODING: Document = {
    IMAGE: {"contentType": IMAGE_TYPES},
    # Without it, what is generated from the description joins all labels in one field.
    **{name: {"style": "form", "explode": True} for name in LIST_FIELDS},
    # Each set is a part of its own, as JSON.
    **{name: {"contentType": JSON} for name in JSON_FIELDS},
}
SUBMIT_PROBLEMS = (400, 403, 404, 408, 409, 413, 415, 422, 503)
NOT_MODIFIED: Document = {"description": "The client has it already: `If-None-Match` named its `ETag`"}
IMAGE_RULE = (
    f"One still JPEG, PNG or WebP picture of 8 bits per channel, not CMYK, with sides of {MIN_SIDE} to {MAX_SIDE} "
    f"pixels and at most {MAX_PIXELS} pixels in all. A JPEG has at most {MAX_SCANS} scans, and may have sides of up to "
    f"{MAX_REDUCED_SIDE} pixels and {MAX_REDUCED_PIXELS} pixels in all: it is then decoded at a reduced size."
)


def complete_description(app: FastAPI, settings: Settings, *parts: Describe) -> None:
    """Completes the API description that the framework generates; `parts` are what rooms above know of their bodies."""
    generate = app.openapi

    @cache
    def openapi() -> Document:
        return completed(deepcopy(generate()), settings, parts)

    app.openapi = openapi  # type: ignore[method-assign]


def completed(document: Document, settings: Settings, parts: Sequence[Describe] = ()) -> Document:
    """With the bodies of submissions, every schema that a body refers to, and examples."""
    for describe in (describe_bodies, *parts, describe_profiles):
        describe(document, settings)
    describe_access(document, settings, problem_response)
    schemas = document["components"]["schemas"]
    for media in all_bodies(document):
        # Of OpenAPI 3.2; in 3.1 the schema of a stream is that of its items.
        media.pop("itemSchema", None)
        for name, schema in media.get("schema", {}).pop(DEFINITIONS, {}).items():
            schemas.setdefault(name, schema)
    # What a certificate is made of, which is described by its fields.
    schemas.pop("JsonValue", None)
    add_examples(document)
    return document


def describe_bodies(document: Document, settings: Settings) -> None:
    """Gives every submission its body, as a form and as JSON."""
    file = image_schema(FILE, form_limits(settings), SMALL_PICTURE)
    text = image_schema(FILE_AS_TEXT, json_limits(settings), SMALL_PICTURE_BASE64)
    models: Mapping[JobKind, type[BaseModel]] = {**PARAMETERS, JobKind.PREVIEW: PreviewParameters}
    for kind, model in models.items():
        parameters = asked_of(model, served_profiles(settings))
        form = {"schema": with_image(never_null(parameters), file), "encoding": dict(FORM_ENCODING)}
        content = {FORM: form, JSON: {"schema": with_image(or_null(parameters), text)}}
        document["paths"][f"/{kind}"]["post"]["requestBody"] = {"required": True, "content": content}


def asked_of(model: type[BaseModel], profiles: Sequence[Profile]) -> Document:
    """All that may be asked of these profiles about an image."""
    return chosen(notified(for_profiles(model.model_json_schema(ref_template=REFERENCE), profiles)))


def for_profiles(schema: Document, profiles: Sequence[Profile]) -> Document:
    """What holds for all served profiles: how many labels they tell apart, and whether these may be left out."""
    properties, classes = dict(schema["properties"]), {profile.classes for profile in profiles}
    if not any(map(has_words, profiles)):
        properties.pop(LABEL_SETS, None)
    if len(classes) == 1 and (number := classes.pop()) is not None:
        labels, null = properties["labels"]["anyOf"]
        exactly = {**labels, "minItems": number, "maxItems": number}
        properties = {**properties, "labels": {**properties["labels"], "anyOf": [exactly, null]}}
    may_be_left_out = any(profile.class_names is not None for profile in profiles)
    tasks = [name for name in ("labels", "task", LABEL_SETS) if name in properties]
    some_task = [] if may_be_left_out else [{"anyOf": [given(**{name: ANY}) for name in tasks]}]
    return {**schema, "properties": properties, "allOf": [*schema["allOf"], *some_task]}


def all_bodies(document: Document) -> Iterator[Document]:
    """Of requests and of answers."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                yield from body.get("content", {}).values()


def json_body(model: type[BaseModel]) -> Document:
    """The body of a route that takes JSON only and reads it itself."""
    content = {JSON: {"schema": or_null(model.model_json_schema(ref_template=REFERENCE))}}
    return {"requestBody": {"required": True, "content": content}}


def choosing_body(model: type[BaseModel]) -> Document:
    """Likewise, of what asks one of the profiles."""
    content = {JSON: {"schema": or_null(chosen(model.model_json_schema(ref_template=REFERENCE)))}}
    return {"requestBody": {"required": True, "content": content}}


def notified_body(model: type[BaseModel]) -> Document:
    """Likewise, of a submission, which may have a webhook."""
    content = {JSON: {"schema": or_null(chosen(notified(model.model_json_schema(ref_template=REFERENCE))))}}
    return {"requestBody": {"required": True, "content": content}}


def describe_profiles(document: Document, settings: Settings) -> None:
    """Says which profiles are served, wherever a request may name one."""
    names = [profile.name for profile in served_profiles(settings)]
    for operations in document["paths"].values():
        for operation in operations.values():
            found = [parameter for parameter in operation.get("parameters", ()) if parameter["name"] == PROFILE]
            bodies = operation.get("requestBody", {}).get("content", {}).values()
            chosen_in = [
                body["schema"]["properties"] for body in bodies if PROFILE in body["schema"].get("properties", ())
            ]
            for owner, key in [*((one, "schema") for one in found), *((one, PROFILE) for one in chosen_in)]:
                owner[key] = one_of(owner[key], names)


def one_of(schema: Document, names: Sequence[str]) -> Document:
    """A text that is one of these."""
    named = {"examples": names[:1]}
    if "anyOf" in schema:
        choices = [choice if choice == NULL else {**choice, "enum": [*names]} for choice in schema["anyOf"]]
        return {**schema, "anyOf": choices, **named}
    return {**schema, "enum": [*names], **named}


def notified(schema: Document) -> Document:
    """With the webhook, which every submission may have."""
    return with_fields_of(Notified, schema)


def chosen(schema: Document) -> Document:
    """With the choice of a profile."""
    return with_fields_of(Choosing, schema)


def with_fields_of(model: type[BaseModel], schema: Document) -> Document:
    properties = model.model_json_schema(ref_template=REFERENCE)["properties"]
    return {**schema, "properties": {**schema["properties"], **properties}}


def referenced(model: type[BaseModel]) -> Document:
    """A reference to the schema of an answer that the framework does not know of, with what it refers to."""
    schema = model.model_json_schema(ref_template=REFERENCE)
    definitions = {**schema.pop(DEFINITIONS, {}), model.__name__: schema}
    return {"$ref": REFERENCE.format(model=model.__name__), DEFINITIONS: definitions}


def any_of(*models: type[BaseModel]) -> Document:
    """Likewise, of an answer that is one of several."""
    references = [referenced(model) for model in models]
    definitions = {name: schema for found in references for name, schema in found.pop(DEFINITIONS).items()}
    return {"anyOf": references, DEFINITIONS: definitions}


def image_schema(rules: Document, limits: UploadLimits, example: str) -> Document:
    told = f"{rules['description']} {IMAGE_RULE} {limits.rule}"
    return {"type": "string", **rules, "description": told, "examples": [example]}


def or_null(schema: Document) -> Document:
    """In JSON, null counts as not given wherever nothing has to be given."""
    required = schema.get("required", ())
    parts = {name: part if name in required else null_too(part) for name, part in schema["properties"].items()}
    return {**schema, "properties": parts}


def null_too(schema: Document) -> Document:
    if "anyOf" in schema:
        return schema
    about = {name: schema[name] for name in ABOUT if name in schema}
    rules = {name: schema[name] for name in schema if name not in ABOUT}
    return {"anyOf": [rules, NULL], **about}


def never_null(schema: Document) -> Document:
    """A form has no null."""
    return {**schema, "properties": {name: not_null(part) for name, part in schema["properties"].items()}}


def not_null(schema: Document) -> Document:
    if NULL not in schema.get("anyOf", ()):
        return schema
    rules = next(choice for choice in schema["anyOf"] if choice != NULL)
    return {**rules, **{name: schema[name] for name in ABOUT if schema.get(name) is not None}}


def with_image(schema: Document, image: Document) -> Document:
    examples = [{IMAGE: image["examples"][0], **example} for example in schema["examples"]]
    properties = {IMAGE: image, **schema["properties"]}
    return {**schema, "properties": properties, "required": [IMAGE], "examples": examples}


def problems(*statuses: int) -> Responses:
    """The problem responses with these statuses, and any other."""
    any_other = {"description": "Any other problem", "content": {MEDIA_TYPE: {"schema": referenced(Problem)}}}
    return {**{status: problem_response(status) for status in statuses}, "default": any_other}


def problem_response(status: int) -> Document:
    """All kinds of problem with this status."""
    kinds = [kind for kind in PROBLEM_KINDS if kind.status == status]
    content = {"schema": referenced(Problem), "examples": {kind.slug: problem_example(kind) for kind in kinds}}
    return {"description": "; ".join(kind.title for kind in kinds), "content": {MEDIA_TYPE: content}}


def problem_example(kind: ProblemKind) -> Document:
    detail = kind.detail or "What was wrong, what was expected, and what to do."
    return {"value": {"type": kind.type, "title": kind.title, "status": kind.status, "detail": detail}}


def accepted_later() -> Document:
    """The 202 response: the job goes on, and `Location` is where it can be read."""
    headers = {
        "Location": {"description": "Path of the job.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds after which to look again.", "schema": {"type": "integer"}},
        "Preference-Applied": {"description": "The preference that was honoured.", "schema": {"type": "string"}},
    }
    content = {JSON: {"schema": {"$ref": REFERENCE.format(model="Job")}}}
    return {"description": "The job is accepted and not done yet", "headers": headers, "content": content}


def file_responses(description: str, content: Document, *statuses: int) -> Responses:
    """A file that never changes, that the client has it already, and the problems with these statuses."""
    headers = {"ETag": {"description": "The digest of what was adapted.", "schema": {"type": "string"}}}
    found = {"description": description, "headers": headers, "content": content}
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
