"""What the generated API description cannot know of batches: both kinds of request body, and the lines of results."""

from collections.abc import Iterable, Sequence

from adapters.contract.example import SMALL_PICTURE, SMALL_PICTURE_BASE64
from adapters.contract.records import JobKind
from adapters.preparation import PARAMETERS
from adapters.profiles.library import served_profiles
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from service.batches.receive import batch_limits
from service.batches.received import IMAGES, KIND, MAX_NAME_LENGTH
from service.batches.results import NDJSON
from service.batches.schemas import BatchLine
from service.body.receive import FORM, JSON
from service.examples import REFERENCE, Document
from service.limits import MAX_BATCH_IMAGES
from service.openapi import (
    ABOUT,
    FILE,
    FILE_AS_TEXT,
    FORM_ENCODING,
    IMAGE_TYPES,
    NULL,
    asked_of,
    image_schema,
    never_null,
    or_null,
    referenced,
)

RESULTS: Document = {
    "description": "A line of JSON for each image, in their order",
    "content": {NDJSON: {"schema": referenced(BatchLine)}},
}
PATH = "/batches"


def accepted_batch() -> Document:
    """The 202 response."""
    headers = {
        "Location": {"description": "Path of the batch.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds after which to look again.", "schema": {"type": "integer"}},
    }
    content = {JSON: {"schema": {"$ref": REFERENCE.format(model="Batch")}}}
    return {"description": "The batch is accepted", "headers": headers, "content": content}


def describe_batches(document: Document, settings: Settings) -> None:
    """Gives the batch its body, as a form and as JSON."""
    profiles = served_profiles(settings)
    form_encoding = {**FORM_ENCODING, IMAGES: {"contentType": IMAGE_TYPES}}
    form_encoding.pop("image", None)
    file = image_schema(FILE, batch_limits(settings, is_json=False), SMALL_PICTURE)
    text = image_schema(FILE_AS_TEXT, batch_limits(settings, is_json=True), SMALL_PICTURE_BASE64)
    form = body_of([never_null(asked(kind, profiles)) for kind in PARAMETERS], file, nothing={"not": {}})
    text_form = body_of([or_null(asked(kind, profiles)) for kind in PARAMETERS], text_or_named(text), nothing=NULL)
    content = {FORM: {"schema": form, "encoding": form_encoding}, JSON: {"schema": text_form}}
    document["paths"][PATH]["post"]["requestBody"] = {"required": True, "content": content}


def text_or_named(text: Document) -> Document:
    """An image in base64, or with a name beside it."""
    name = {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": f"Stands in its line of the results, up to {MAX_NAME_LENGTH} characters.",
        "examples": ["horse.png"],
    }
    named = {
        "type": "object",
        "properties": {"name": name, "image": text},
        "required": ["image"],
        "additionalProperties": False,
    }
    return {"anyOf": [text, named], "examples": text["examples"], "description": "In base64, with a name or without."}


def asked(kind: JobKind, profiles: Sequence[Profile]) -> Document:
    """What may be asked of each image, by this kind."""
    return {**asked_of(PARAMETERS[kind], profiles), KIND: kind}


def body_of(kinds: Sequence[Document], image: Document, nothing: Document) -> Document:
    """All fields of all kinds, and below which of them each kind has; `nothing` is what another kind's must be."""
    names = dict.fromkeys(name for schema in kinds for name in schema["properties"])
    fields = {name: of_any([schema["properties"].get(name) for schema in kinds]) for name in names}
    kind = {
        "type": "string",
        "enum": [schema[KIND] for schema in kinds],
        "description": "What is asked of each image.",
        "examples": [kinds[0][KIND]],
    }
    images = {
        "type": "array",
        "items": image,
        "minItems": 1,
        "maxItems": MAX_BATCH_IMAGES,
        "description": "The images, in the order of the results.",
        "examples": [image["examples"]],
    }
    examples = [{KIND: kinds[0][KIND], IMAGES: image["examples"], **example} for example in kinds[0]["examples"]]
    return {
        "type": "object",
        "properties": {KIND: kind, IMAGES: images, **fields},
        "required": [KIND, IMAGES],
        "additionalProperties": False,
        "anyOf": [rules_of(schema, names, nothing) for schema in kinds],
        "examples": examples,
    }


def of_any(schemas: Sequence[Document | None]) -> Document:
    """A field as those kinds have it that have it."""
    first, *others = [schema for schema in schemas if schema is not None]
    if all(other == first for other in others):
        return first
    about = {name: first[name] for name in ABOUT if name in first}
    return {"anyOf": [first, *others], **about}


def rules_of(schema: Document, names: Iterable[str], nothing: Document) -> Document:
    """What holds for one kind alone."""
    own = schema["properties"]
    properties = {KIND: {"const": schema[KIND]}, **{name: own.get(name, nothing) for name in names}}
    return {"properties": properties, "allOf": schema["allOf"]}
