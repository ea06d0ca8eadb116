"""The description of the API says what is enforced, and what it says is enforced."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import bounds
from adapters.contract.adapt import AdaptParameters
from adapters.contract.fields import FieldProblem, parse_fields
from adapters.contract.records import JobKind
from adapters.images import MAX_PIXELS, MAX_SCANS, MAX_SIDE, MIN_SIDE
from adapters.preparation import PARAMETERS, parse_parameters
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from service.app import create_app
from service.limits import MAX_WAIT_SECONDS, form_limits, json_limits

Schema = Mapping[str, Any]

SETTINGS = Settings(profile="oracle-linear", state_dir=Path("/nowhere"), max_upload_bytes=12_345)
SUBMISSIONS = [(kind, media) for kind in PARAMETERS for media in ("multipart/form-data", "application/json")]
DOCUMENTED_BOUNDS = {
    "MIN_LABELS": ("labels", "minItems"),
    "MAX_LABELS": ("labels", "maxItems"),
    "MAX_LABEL_LENGTH": ("labels", "items", "maxLength"),
    "MAX_TEMPLATE_LENGTH": ("template", "maxLength"),
    "MAX_TASK_LENGTH": ("task", "maxLength"),
    "MIN_SIGMA": ("sigma", "minimum"),
    "MAX_SIGMA": ("sigma", "maximum"),
    "MIN_ALPHA": ("alpha", "minimum"),
    "MAX_ALPHA": ("alpha", "maximum"),
    "MIN_RADIUS": ("target_radius", "minimum"),
    "MAX_SELECTION_SAMPLES": ("n0", "maximum"),
    "MAX_ESTIMATION_SAMPLES": ("n", "maximum"),
    "DEFAULT_SELECTION_SAMPLES": ("n0", "default"),
    "DEFAULT_ESTIMATION_SAMPLES": ("n", "default"),
    "DEFAULT_ALPHA": ("alpha", "default"),
}
ADAPT_BOUNDS = {"MAX_NAME_LENGTH": ("name", "maxLength")}
PREDICT_BOUNDS = {"MAX_PREDICT_SAMPLES": ("n", "maximum"), "DEFAULT_PREDICT_SAMPLES": ("n", "default")}


@pytest.fixture(scope="module")
def document() -> Schema:
    """The description as it is served; no queue is asked for it."""
    board = JobBoard(connect("unix:///nowhere"), SETTINGS)
    return create_app(SETTINGS, board, ImageStore(SETTINGS.state.images)).openapi()


def parse(kind: JobKind, values: Mapping[str, Any]) -> list[FieldProblem]:
    """What is wrong with the values of a request."""
    if kind is not JobKind.ADAPT:
        return parse_parameters(kind, values, strict=True)[1]
    return parse_fields("/adapt", AdaptParameters, {"name": "pets", "labels": ["cat", "dog"], **values}, strict=True)[1]


def body_of(document: Schema, kind: JobKind, media: str = "application/json") -> Schema:
    schema: Schema = document["paths"][f"/{kind}"]["post"]["requestBody"]["content"][media]["schema"]
    return schema


def rules_of(schema: Schema) -> Schema:
    """The schema of a value that is not null."""
    return next((option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"), schema)


def found(properties: Schema, name: str, *path: str) -> object:
    rules = properties[name] if path == ("default",) else rules_of(properties[name])
    for key in path:
        rules = rules[key]
    return rules


def values_at(rules: Schema) -> Iterator[Any]:
    """The values at the very ends of what a schema allows."""
    yield from (rules[end] for end in ("minimum", "maximum") if end in rules)
    if "maxLength" in rules:
        yield text_of(rules["maxLength"])
    yield from (labels_of(rules[end]) for end in ("minItems", "maxItems") if end in rules)


def values_beyond(rules: Schema) -> Iterator[Any]:
    """Values that break one rule of a schema each, by as little as can be."""
    step = 1 if rules.get("type") == "integer" else 1e-13
    if "minimum" in rules:
        yield rules["minimum"] - step
    if "maximum" in rules:
        yield rules["maximum"] + step
    if "exclusiveMinimum" in rules:
        yield rules["exclusiveMinimum"]
    if "const" in rules:
        yield rules["const"] + "x"
    if "enum" in rules:
        yield rules["enum"][0] + "x"
    if "maxLength" in rules:
        yield text_of(rules["maxLength"] + 1)
    if "minLength" in rules:
        yield text_of(rules["minLength"] - 1)
    if "items" in rules:
        yield labels_of(rules["minItems"] - 1)
        yield labels_of(rules["maxItems"] + 1)
        yield from (["cat", text] for text in values_beyond(rules["items"]))


def labels_of(count: int) -> list[str]:
    return [f"label number {index}" for index in range(count)]


def text_of(length: int) -> str:
    """Good for a template; without its last characters, for none."""
    return ("{}" + "x" * length)[:length]


def fitting(name: str, schema: Schema, value: Any) -> Any:
    """The value as the field takes it: pydantic writes the bounds of integers as floats, and no name has braces."""
    if rules_of(schema).get("type") == "integer":
        return int(value)
    return value.replace("{}", "xx") if name == "name" else value


@pytest.mark.parametrize("kind", JobKind)
def test_bound_when_a_value_is_at_it(document: Schema, kind: JobKind) -> None:
    """Whatever is just within the description is taken."""
    for name, schema in body_of(document, kind)["properties"].items():
        for value in () if name == "image" else values_at(rules_of(schema)):
            assert parse(kind, {name: fitting(name, schema, value)}) == [], name


@pytest.mark.parametrize("kind", JobKind)
def test_bound_when_a_value_is_beyond_it(document: Schema, kind: JobKind) -> None:
    """Whatever is just outside is refused; nearly every parameter has such values."""
    bounded = set()
    for name, schema in body_of(document, kind)["properties"].items():
        for value in () if name == "image" else values_beyond(rules_of(schema)):
            bounded.add(name)
            problems = parse(kind, {name: fitting(name, schema, value)})
            assert [problem.field for problem in problems] == [name], value
    assert bounded == set(PARAMETERS.get(kind, AdaptParameters).model_fields)


def test_bound_when_the_code_has_it(document: Schema) -> None:
    """Every constant of `adapters/contract/bounds.py` stands in the description, at its place."""
    names = {name for name in vars(bounds) if name.isupper()}
    places_of: Mapping[JobKind, Mapping[str, tuple[str, ...]]]
    places_of = {JobKind.CERTIFY: DOCUMENTED_BOUNDS, JobKind.PREDICT: PREDICT_BOUNDS, JobKind.ADAPT: ADAPT_BOUNDS}
    assert names == {name for places in places_of.values() for name in places}
    for kind, places in places_of.items():
        properties = body_of(document, kind)["properties"]
        assert {name: found(properties, *place) for name, place in places.items()} == {
            name: getattr(bounds, name) for name in places
        }


@pytest.mark.parametrize(("kind", "media"), SUBMISSIONS)
def test_body_when_it_is_described(document: Schema, kind: JobKind, media: str) -> None:
    """An image is required, other fields than those listed are refused, and the limits of images are all told."""
    schema = body_of(document, kind, media)
    assert schema["required"] == ["image"]
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() - {"image"} == PARAMETERS[kind].model_fields.keys()
    limits = json_limits(SETTINGS) if media == "application/json" else form_limits(SETTINGS)
    told = schema["properties"]["image"]["description"]
    for limit in (MIN_SIDE, MAX_SIDE, MAX_PIXELS, MAX_SCANS, limits.image, limits.body):
        assert f" {limit}" in told
    assert limits.image == SETTINGS.max_upload_bytes


@pytest.mark.parametrize("kind", JobKind)
def test_conflict_when_it_is_described(document: Schema, kind: JobKind) -> None:
    """A task may stand in the way of every submission."""
    assert "409" in document["paths"][f"/{kind}"]["post"]["responses"]


def test_json_body_when_there_is_no_form(document: Schema) -> None:
    """Where JSON is all that is taken, it is all that is described, and other fields are refused."""
    for path, method in (("/adapt", "post"), ("/plan", "post"), ("/tasks/{name}/current", "put")):
        content = document["paths"][path][method]["requestBody"]["content"]
        assert list(content) == ["application/json"]
        assert content["application/json"]["schema"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "method", "default"),
    [("/predict", "post", 10), ("/certify", "post", 0), ("/adapt", "post", 0), ("/jobs/{job_id}", "get", 0)],
)
def test_wait_when_it_is_described(document: Schema, path: str, method: str, default: int) -> None:
    """Where `Prefer` is read, it is a parameter, with its most and its default."""
    headers = [header for header in document["paths"][path][method]["parameters"] if header["name"] == "Prefer"]
    assert len(headers) == 1
    assert headers[0]["in"] == "header"
    assert f"at most {MAX_WAIT_SECONDS};" in headers[0]["description"]
    assert f"{default} seconds" in headers[0]["description"]


def test_cancel_when_it_is_described(document: Schema) -> None:
    """The description says that others may have submitted the same job."""
    assert "however often it was submitted" in document["paths"]["/jobs/{job_id}"]["delete"]["description"]


def test_description_when_it_is_asked_for_twice(document: Schema) -> None:
    """It is the same."""
    board = JobBoard(connect("unix:///nowhere"), SETTINGS)
    app = create_app(SETTINGS, board, ImageStore(SETTINGS.state.images))
    assert app.openapi() == app.openapi() == document
