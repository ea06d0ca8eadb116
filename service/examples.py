"""Examples of whole bodies, put together from the examples of their fields."""

import json
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
"""Any: OpenAPI is read and completed level by level, as FastAPI has it."""
REFERENCE = "#/components/schemas/{model}"
WAITING = {"status": "queued", "done": False, "started_at": None, "ended_at": None, "result": None}
"""Of a job that is accepted and not done yet."""


def add_examples(document: Document) -> None:
    """Gives each body of a request and of a success its example, unless it has one or no schema."""
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, media in bodies(operation):
                if "schema" in media and "example" not in media:
                    example = example_of(media["schema"], schemas, kind=path.removeprefix("/"))
                    media["example"] = waiting(example) if status == "202" else example


def bodies(operation: Document) -> Iterator[tuple[str, Document]]:
    """(status, body) of each success; and of the request, which has no status."""
    answers = ((status, answer) for status, answer in operation["responses"].items() if status.startswith("2"))
    for status, body in (("", operation.get("requestBody", {})), *answers):
        yield from ((status, media) for media in body.get("content", {}).values())


def waiting(job: Document) -> Document:
    """The job as it is before its first sample or step."""
    return {**job, **WAITING, "progress": {**job["progress"], "done": 0}}


def example_of(schema: Document, schemas: Document, kind: str = "") -> Any:  # Any: a value as JSON has it.
    """The schema's own example, or one that is put together from those of its parts.

    `kind` chooses among jobs, which are told apart by their kind; without it, the first is taken. Raises LookupError
    where a part has none.
    """
    match schema:
        case {"examples": [first, *_]} | {"const": first}:
            return first
        case {"discriminator": {"mapping": references}} if kind in references:
            return example_of({"$ref": references[kind]}, schemas)
        case {"$ref": reference}:
            return example_of(schemas[reference.rpartition("/")[2]], schemas, kind)
        case {"anyOf": choices} | {"oneOf": choices}:
            return example_of(next(choice for choice in choices if choice.get("type") != "null"), schemas, kind)
        case {"enum": [first, *_]}:
            return first
        case {"contentSchema": content}:
            return json.dumps(example_of(content, schemas, kind))
        case {"properties": properties}:
            # What is left out where it is empty is no part of the usual body.
            shown = {name: part for name, part in properties.items() if part.get("default") != []}
            return {name: example_of(part, schemas, kind) for name, part in shown.items()}
        case {"items": dict(items)}:
            return [example_of(items, schemas, kind)]
    raise LookupError(f"no example: {schema}")
