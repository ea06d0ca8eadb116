"""The fields of a request: what is wrong with them, as one list of sentences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic.config import JsonDict

from robustify.errors import InvalidInputError

SHOWN_NAME_LENGTH = 40
ANY: JsonDict = {"not": {"type": "null"}}
"""Of a JSON schema: whatever counts as given."""
P = TypeVar("P", bound=BaseModel)


class FieldProblem(BaseModel):
    """What is wrong with one field, and what is expected."""

    field: str = Field(description="Its name.", examples=["sigma"])
    detail: str = Field(
        description="What is wrong, or what is expected.", examples=["Input should be less than or equal to 1."]
    )


class FieldsError(InvalidInputError):
    """All that is wrong with the fields of a request, in their order."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.detail}" for problem in problems))
        self.problems = tuple(problems)


def parse_fields(
    place: str, model: type[P], values: Mapping[str, object], strict: bool, known: Sequence[str] = ()
) -> tuple[P | None, list[FieldProblem]]:
    """The values as the model has them, or else what is wrong with each field.

    `strict`: numbers must be numbers and not texts. `place`: what has the fields, as a message names it.
    """
    try:
        return model.model_validate(dict(values), strict=strict), []
    except ValidationError as error:
        unknown = f"{place} has no such field; it has {', '.join(known or model.model_fields)}."
        return None, [
            describe_error(dict(item), unknown) for item in error.errors(include_url=False, include_input=False)
        ]


def given(**fields: JsonDict) -> JsonDict:
    """Of a JSON schema: these fields are there, as their schemas say."""
    return {"required": [*fields], "properties": {**fields}}


def not_both(**fields: JsonDict) -> JsonDict:
    """Of a JSON schema: not all of these fields are there as their schemas say."""
    return {"not": given(**fields)}


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def describe_error(error: Mapping[str, Any], unknown: str) -> FieldProblem:  # Any: pydantic's finding.
    """pydantic's finding as a field and a sentence; of what the client sent, only the name of the field is repeated."""
    name = shown_name(error["loc"])
    if error["type"] == "extra_forbidden":
        return FieldProblem(field=name, detail=unknown)
    return FieldProblem(field=name, detail=error["msg"].rstrip(".") + ".")


def shown_name(location: tuple[int | str, ...]) -> str:
    """The name of a field, made safe to print: it may be the client's own."""
    name = ".".join(str(part) for part in location)[:SHOWN_NAME_LENGTH]
    return "".join(character if character.isprintable() else "?" for character in name)


def accepted(parameters: P | None, problems: Iterable[FieldProblem]) -> P:
    """Parameters without a problem; raises FieldsError with all that is wrong."""
    if (found := tuple(problems)) or parameters is None:
        raise FieldsError(found)
    return parameters
