"""Forms: which fields are lists and which are numbers is known by name."""

from adapters.contract.preview import PreviewParameters
from adapters.contract.smoothing import AskedParameters
from adapters.preparation import PARAMETERS
from service.body.forms import JSON_FIELDS, LIST_FIELDS, NUMBER_FIELDS

MODELS: list[type[AskedParameters]] = [*PARAMETERS.values(), PreviewParameters]
SCHEMAS = [model.model_json_schema()["properties"] for model in MODELS]


def fields_of(*types: str) -> set[str]:
    """The fields of a submission that may be of one of these types."""
    parts = [(name, part) for schema in SCHEMAS for name, part in schema.items()]
    choices = [(name, choice.get("type")) for name, part in parts for choice in part.get("anyOf", [part])]
    return {name for name, kind in choices if kind in types}


def test_fields_when_parameters_come_and_go() -> None:
    """Every field that is a number or a list is named as one, and no other."""
    assert fields_of("integer", "number") == set(NUMBER_FIELDS)
    assert fields_of("array") == {*LIST_FIELDS, *JSON_FIELDS}
