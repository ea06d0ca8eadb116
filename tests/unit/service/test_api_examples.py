"""Examples that are put together from those of the fields."""

import pytest

from service.examples import Document, example_of

SCHEMAS: Document = {
    "Cat": {"properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "examples": [9, 7]}}},
    "Dog": {"properties": {"kind": {"const": "dog"}}},
    "Pet": {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"mapping": {"dog": "#/components/schemas/Dog", "cat": "#/components/schemas/Cat"}},
    },
}
PET = {"$ref": "#/components/schemas/Pet"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "examples": ["a", "b"]}, "a"),
        ({"enum": ["x", "y"]}, "x"),
        ({"anyOf": [{"type": "null"}, {"enum": [1]}]}, 1),
        ({"anyOf": [{"enum": [1]}, {"type": "null"}], "examples": [None]}, None),
        ({"items": PET}, [{"kind": "cat", "lives": 9}]),
        ({"contentSchema": {"$ref": "#/components/schemas/Dog"}}, '{"kind": "dog"}'),
        ({"properties": {"pet": PET}, "examples": [{"pet": None}]}, {"pet": None}),
    ],
)
def test_example_of_a_schema(schema: Document, expected: object) -> None:
    """The first of its own, or that of the first choice that is not null, or those of its parts."""
    assert example_of(schema, SCHEMAS) == expected


def test_example_of_a_kind() -> None:
    """Where kinds are told apart, the one that is asked for is taken."""
    assert example_of(PET, SCHEMAS, "dog") == {"kind": "dog"}


def test_example_of_a_field_that_has_none() -> None:
    """It is an error, and no guess."""
    with pytest.raises(LookupError, match="no example"):
        example_of({"properties": {"name": {"type": "string"}}}, SCHEMAS)
