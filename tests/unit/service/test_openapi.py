"""The description of the API says what is enforced, and what it says is enforced; and it shows all of it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from adapters.certificates.checks import verify
from adapters.certificates.signature_checks import TrustedKey
from adapters.contract import bounds
from adapters.contract.adapt import AdaptParameters, checked_adaptation
from adapters.contract.certify import CertifyParameters
from adapters.contract.example import PUBLIC_KEY, TASK_ID, TASK_NAME
from adapters.contract.fields import FieldProblem, parse_fields
from adapters.contract.labels import task_id
from adapters.contract.plan import checked_plan, plan
from adapters.contract.preview import PreviewParameters
from adapters.contract.records import JobKind
from adapters.images import MAX_PIXELS, MAX_REDUCED_PIXELS, MAX_REDUCED_SIDE, MAX_SCANS, MAX_SIDE, MIN_SIDE
from adapters.preparation import PARAMETERS, canonical_image, checked, parse_parameters
from adapters.previews.preparation import checked_preview, parse_preview
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from adapters.store.tensors import ImageStore
from robustify.errors import InvalidInputError
from robustify.types import Task
from service.about import health, models
from service.app import create_app
from service.body.json_bodies import decode_image
from service.certificates import routes as certificates
from service.certificates.verification import read_asked, verify_asked
from service.jobs import plan as planning
from service.jobs import routes as jobs
from service.limits import MAX_WAIT_SECONDS, form_limits, json_limits
from service.owned import listing, usage
from service.page import examples
from service.previews import routes as previews
from service.tasks import adapt, references, routes
from service.tasks.schemas import CurrentVersion, Report

Schema = Mapping[str, Any]

SETTINGS = Settings(profile="mini", state_dir=Path("/nowhere"), max_upload_bytes=12_345)
SUBMISSIONS = [(kind, media) for kind in PARAMETERS for media in ("multipart/form-data", "application/json")]
ROUTED = (jobs, previews, examples, listing, usage, planning, certificates, adapt, routes, references, models, health)
BESIDE = ("image", "webhook", "profile")
"""Fields of a submission that are no parameters of the question."""
DOCUMENTED_BOUNDS = {
    "MIN_LABELS": ("labels", "minItems"),
    "MAX_LABELS": ("labels", "maxItems"),
    "MAX_LABEL_LENGTH": ("labels", "items", "maxLength"),
    "MIN_LABEL_SETS": ("label_sets", "minItems"),
    "MAX_LABEL_SETS": ("label_sets", "maxItems"),
    "MIN_SIGMAS": ("sigmas", "minItems"),
    "MAX_SIGMAS": ("sigmas", "maxItems"),
    "MAX_TEMPLATE_LENGTH": ("template", "maxLength"),
    "MAX_TASK_LENGTH": ("task", "maxLength"),
    "MIN_SIGMA": ("sigma", "minimum"),
    "MAX_SIGMA": ("sigma", "maximum"),
    "MIN_ALPHA": ("alpha", "minimum"),
    "MAX_TEMPLATES": ("templates", "maxItems"),
    "MAX_ALPHA": ("alpha", "maximum"),
    "MIN_RADIUS": ("target_radius", "minimum"),
    "MAX_SELECTION_SAMPLES": ("n0", "maximum"),
    "MAX_ESTIMATION_SAMPLES": ("n", "maximum"),
    "DEFAULT_SELECTION_SAMPLES": ("n0", "default"),
    "DEFAULT_ESTIMATION_SAMPLES": ("n", "default"),
    "DEFAULT_ALPHA": ("alpha", "default"),
}
SETS = [["cat", "dog"], ["left", "right"]]
MODELS: Mapping[JobKind, type[BaseModel]]
MODELS = {**PARAMETERS, JobKind.PREVIEW: PreviewParameters, JobKind.ADAPT: AdaptParameters}
PREVIEW_BOUNDS = {"MAX_CHANGE": ("radius", "maximum"), "MAX_DRAW": ("draw", "maximum")}
ADAPT_BOUNDS = {"MAX_NAME_LENGTH": ("name", "maxLength")}
PREDICT_BOUNDS = {"MAX_PREDICT_SAMPLES": ("n", "maximum"), "DEFAULT_PREDICT_SAMPLES": ("n", "default")}


@pytest.fixture(scope="module")
def document() -> Schema:
    """The description as it is served; no queue is asked for it."""
    board = JobBoard(connect("unix:///nowhere"), SETTINGS)
    return create_app(SETTINGS, board, ImageStore(SETTINGS.state.images)).openapi()


def parse(kind: JobKind, values: Mapping[str, Any]) -> list[FieldProblem]:
    """What is wrong with the values of a request."""
    if kind is JobKind.PREVIEW:
        return parse_preview(values, strict=True)[1]
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
        yield from (["cat {}", text] for text in values_beyond(rules["items"]))


def labels_of(count: int) -> list[str]:
    """Good for labels; with the braces, also for templates."""
    return [f"label number {index} {{}}" for index in range(count)]


def text_of(length: int) -> str:
    """Good for a template; without its last characters, for none."""
    return ("{}" + "x" * length)[:length]


def fitting(name: str, schema: Schema, value: Any) -> Any:
    """The value as the field takes it: pydantic writes the bounds of integers as floats, and no name has braces."""
    if rules_of(schema).get("type") == "integer":
        return int(value)
    if name == "label_sets":
        return [item if isinstance(item, list) else [item, f"{item} too"] for item in value]
    if name == "sigmas":
        return [0.1 + place / 100 if isinstance(item, str) else item for place, item in enumerate(value)]
    return value.replace("{}", "xx") if name == "name" else value


@pytest.mark.parametrize("kind", JobKind)
def test_bound_when_a_value_is_at_it(document: Schema, kind: JobKind) -> None:
    """Whatever is just within the description is taken."""
    for name, schema in body_of(document, kind)["properties"].items():
        for value in () if name in BESIDE else values_at(rules_of(schema)):
            assert parse(kind, {name: fitting(name, schema, value)}) == [], name


@pytest.mark.parametrize("kind", JobKind)
def test_bound_when_a_value_is_beyond_it(document: Schema, kind: JobKind) -> None:
    """Whatever is just outside is refused; nearly every parameter has such values."""
    bounded = set()
    for name, schema in body_of(document, kind)["properties"].items():
        for value in () if name in BESIDE else values_beyond(rules_of(schema)):
            bounded.add(name)
            problems = parse(kind, {name: fitting(name, schema, value)})
            assert [problem.field.partition(".")[0] for problem in problems] == [name], value
    assert bounded == set(MODELS[kind].model_fields)


def test_bound_when_the_code_has_it(document: Schema) -> None:
    """Every constant of `adapters/contract/bounds.py` stands in the description, at its place."""
    names = {name for name in vars(bounds) if name.isupper()}
    places_of: Mapping[JobKind, Mapping[str, tuple[str, ...]]]
    places_of = {
        JobKind.CERTIFY: DOCUMENTED_BOUNDS,
        JobKind.PREDICT: PREDICT_BOUNDS,
        JobKind.PREVIEW: PREVIEW_BOUNDS,
        JobKind.ADAPT: ADAPT_BOUNDS,
    }
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
    assert schema["properties"].keys() - {"image", "webhook", "profile"} == PARAMETERS[kind].model_fields.keys()
    limits = json_limits(SETTINGS) if media == "application/json" else form_limits(SETTINGS)
    told = schema["properties"]["image"]["description"]
    of_jpegs = (MAX_SCANS, MAX_REDUCED_SIDE, MAX_REDUCED_PIXELS)
    for limit in (MIN_SIDE, MAX_SIDE, MAX_PIXELS, *of_jpegs, limits.image, limits.body):
        assert f" {limit}" in told
    assert limits.image == SETTINGS.max_upload_bytes


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"labels": ["cat", "dog"]}, True),
        ({"task": "animals"}, True),
        ({}, False),
        ({"labels": ["cat", "dog"], "task": "animals"}, False),
        ({"task": "animals", "template": "{}"}, False),
        ({"task": "animals", "templates": ["a {}", "the {}"]}, False),
        ({"labels": ["cat", "dog"], "templates": ["a {}", "the {}"]}, True),
        ({"labels": ["cat", "dog"], "templates": ["a {}", "the {}"], "template": "{}"}, False),
        ({"labels": ["cat", "dog"], "tolerance": 0.1}, True),
        ({"labels": ["cat", "dog"], "tolerance": 0.1, "target_radius": 0.1}, False),
        ({"labels": ["cat", "dog"], "tolerance": 0.1, "bound": "auto"}, True),
        ({"labels": ["cat", "dog"], "tolerance": 0.1, "bound": "multiclass"}, False),
        ({"labels": ["cat", "cat"]}, False),
        ({"label_sets": SETS}, True),
        ({"label_sets": SETS, "labels": ["cat", "dog"]}, False),
        ({"label_sets": SETS, "task": "animals"}, False),
        ({"label_sets": SETS, "target_radius": 0.1}, False),
        ({"label_sets": SETS, "tolerance": 0.1}, False),
        ({"label_sets": SETS, "bound": "clopper-pearson", "template": "{}"}, True),
        ({"label_sets": SETS[:1]}, False),
        ({"labels": ["cat", "dog"], "sigmas": [0.25, 0.5]}, True),
        ({"labels": ["cat", "dog"], "sigmas": [0.25]}, False),
        ({"labels": ["cat", "dog"], "sigmas": [0.25, 0.25]}, False),
        ({"labels": ["cat", "dog"], "sigmas": [0.25, 1.5]}, False),
        ({"labels": ["cat", "dog"], "sigmas": [0.25, 0.5], "sigma": 0.5}, False),
        ({"labels": ["cat", "dog"], "sigmas": [0.25, 0.5], "target_radius": 0.1}, False),
        ({"labels": ["cat", "dog"], "sigmas": [0.25, 0.5], "tolerance": 0.1}, False),
        ({"label_sets": SETS, "sigmas": [0.25, 0.5]}, False),
    ],
)
def test_fields_when_they_exclude_each_other(
    document: Schema, tmp_path: Path, values: dict[str, Any], allowed: bool
) -> None:
    """The description says so, of forms and of JSON, and it is enforced; in JSON, null counts as not given."""
    form, text = (body_of(document, JobKind.CERTIFY, media) for _, media in SUBMISSIONS[-2:])
    image, nulls = text["examples"][0]["image"], dict.fromkeys(CertifyParameters.model_fields)
    assert (breaches(document, form, {"image": image, **values}) == []) is allowed
    assert (breaches(document, text, {**nulls, "image": image, **values}) == []) is allowed
    assert breaches(document, form, {"image": image, "labels": ["cat", "dog"], "n0": None}) != []
    if allowed:
        checked(JobKind.CERTIFY, values, True, find_profile("mini"), stored_animals(tmp_path))
    else:
        with pytest.raises(InvalidInputError):
            checked(JobKind.CERTIFY, values, True, find_profile("mini"), stored_animals(tmp_path))


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({}, True),
        ({"radius": 0.5, "direction": "random"}, True),
        ({"radius": 0.5, "direction": "worst"}, True),
        ({"radius": 0.5}, False),
        ({"direction": "worst"}, False),
    ],
)
def test_radius_and_direction_when_one_is_missing(
    document: Schema, tmp_path: Path, values: dict[str, Any], allowed: bool
) -> None:
    """Each needs the other: the description of a preview says so, and it is enforced."""
    schema = body_of(document, JobKind.PREVIEW)
    asked = {"labels": ["cat", "dog"], **values}
    assert (breaches(document, schema, {"image": schema["examples"][0]["image"], **asked}) == []) is allowed
    if allowed:
        checked_preview(asked, True, find_profile("mini"), stored_animals(tmp_path))
    else:
        with pytest.raises(InvalidInputError):
            checked_preview(asked, True, find_profile("mini"), stored_animals(tmp_path))


def stored_animals(folder: Path) -> TaskStore:
    tasks = TaskStore(folder)
    tasks.publish("animals", Task(("cat", "dog")), "a job", 0.0)
    return tasks


@pytest.mark.parametrize(
    ("profile", "labels", "free"), [("oracle-linear", 2, False), ("imagenet-lite0-plain", 1000, True)]
)
def test_labels_when_a_profile_has_its_own(profile: str, labels: int, free: bool) -> None:
    """The description is that of the served profile: how many labels it tells apart, and whether it needs them."""
    settings = SETTINGS.model_copy(update={"profile": profile})
    board = JobBoard(connect("unix:///nowhere"), settings)
    described = create_app(settings, board, ImageStore(settings.state.images)).openapi()
    schema = body_of(described, JobKind.PREDICT)
    assert rules_of(schema["properties"]["labels"])["maxItems"] == labels
    assert (breaches(described, schema, {"image": schema["examples"][0]["image"]}) == []) is free


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
    [
        ("/predict", "post", 10),
        ("/preview", "post", 10),
        ("/certify", "post", 0),
        ("/adapt", "post", 0),
        ("/jobs/{job_id}", "get", 0),
    ],
)
def test_wait_when_it_is_described(document: Schema, path: str, method: str, default: int) -> None:
    """Where `Prefer` is read, it is a parameter, with its most and its default."""
    headers = [header for header in document["paths"][path][method]["parameters"] if header["name"] == "Prefer"]
    assert len(headers) == 1
    assert headers[0]["in"] == "header"
    assert f"at most {MAX_WAIT_SECONDS};" in headers[0]["description"]
    assert f"{default} seconds" in headers[0]["description"]


def test_cancel_when_it_is_described(document: Schema) -> None:
    """The description says what becomes of others who wait for the same answer."""
    assert "whoever else waits for the same answer still gets it" in " ".join(
        document["paths"]["/jobs/{job_id}"]["delete"]["description"].split()
    )


def test_description_when_it_is_asked_for_twice(document: Schema) -> None:
    """It is the same."""
    board = JobBoard(connect("unix:///nowhere"), SETTINGS)
    app = create_app(SETTINGS, board, ImageStore(SETTINGS.state.images))
    assert app.openapi() == app.openapi() == document


def parts_of(node: Any, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every object inside, examples apart, with the way to it."""
    if isinstance(node, dict):
        yield path, node
        for name, part in node.items():
            if name not in ("example", "examples"):
                yield from parts_of(part, f"{path}/{name}")
    elif isinstance(node, list):
        for index, part in enumerate(node):
            yield from parts_of(part, f"{path}/{index}")


def operations_of(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """(path, method, operation)."""
    for path, operations in document["paths"].items():
        yield from ((path, method, operation) for method, operation in operations.items())


def answers_of(document: Schema) -> Iterator[tuple[str, str, str, Schema]]:
    """(path, method, status, body) of each success that has a schema."""
    for path, method, operation in operations_of(document):
        for status, response in operation["responses"].items():
            for media in response.get("content", {}).values():
                if status.startswith("2") and media:
                    yield path, method, status, media


def asked_of(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """(path, media type, body) of each request that has one."""
    for path, _, operation in operations_of(document):
        for name, media in operation.get("requestBody", {}).get("content", {}).items():
            yield path, name, media


def found_at(document: Schema, reference: str) -> Any:
    node: Any = document
    for name in reference.removeprefix("#/").split("/"):
        node = node[name]
    return node


def is_shown(document: Schema, schema: Schema) -> bool:
    """Whether it has an example, or is made of parts that are described where they stand."""
    if "examples" in schema or "const" in schema:
        return True
    if "$ref" in schema:
        return "properties" in (found := found_at(document, schema["$ref"])) or "discriminator" in found
    choices = schema.get("anyOf") or schema.get("oneOf") or ()
    rest = [choice for choice in choices if choice.get("type") != "null"]
    nested = [schema[name] for name in ("items", "contentSchema") if name in schema]
    return bool(rest or nested) and all(is_shown(document, part) for part in (*rest, *nested))


def breaches(document: Schema, schema: Schema, example: object) -> list[str]:
    """What of an example the schema forbids."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"]}
    validator = jsonschema_rs.validator_for({**whole, **schema})
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(example)]


def test_description_when_it_refers_to_a_part(document: Schema) -> None:
    """Every reference leads to a component, and no part has definitions of its own."""
    for path, part in parts_of(document):
        assert "$defs" not in part, path
        if isinstance(reference := part.get("$ref"), str):
            assert reference.startswith("#/components/schemas/"), path
            assert found_at(document, reference), path


def test_description_when_openapi_is_strict(document: Schema) -> None:
    """It is OpenAPI 3.1: names that are unique, a description of each answer, and nothing in a body that is of 3.2."""
    assert document["openapi"] == "3.1.0"
    names = [operation["operationId"] for _, _, operation in operations_of(document)]
    assert len(names) == len(set(names))
    for path, _, operation in operations_of(document):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            assert "requestBody" not in operation or body, path
            for media in body.get("content", {}).values():
                assert media.keys() <= {"schema", "example", "examples", "encoding"}, path
        assert all(response["description"] for response in operation["responses"].values()), path


def test_field_when_it_is_described(document: Schema) -> None:
    """Each field of each answer and of each body is shown: by an example, or field by field."""
    schemas = {
        **document["components"]["schemas"],
        **{f"{path} {kind}": m["schema"] for path, kind, m in asked_of(document)},
    }
    hidden = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, rules in schema.get("properties", {}).items()
        if not is_shown(document, rules)
    ]
    assert hidden == []


def test_object_when_it_is_described(document: Schema) -> None:
    """No object is bare: it has fields, or says what its values are."""
    for path, part in parts_of(document):
        if part.get("type") == "object":
            assert part.get("properties") or isinstance(part.get("additionalProperties"), dict), path
    assert all(document["components"]["schemas"].values())


def test_example_when_its_schema_is_asked(document: Schema) -> None:
    """Each example, of a field and of a whole body, is what its schema allows."""
    for path, part in parts_of(document):
        if isinstance(part.get("examples"), list):
            for example in part["examples"]:
                assert breaches(document, part, example) == [], path
        if "example" in part:
            assert breaches(document, part["schema"], part["example"]) == [], path
        if isinstance(part.get("examples"), dict):
            for example in part["examples"].values():
                assert breaches(document, part["schema"], example["value"]) == [], path


def test_operation_when_it_is_shown(document: Schema) -> None:
    """Each has an example of its body and of each success, but for pictures; and one of each parameter."""
    for _, _, status, media in answers_of(document):
        assert "example" in media, status
    for path, _, media in asked_of(document):
        assert "example" in media, path
    for path, _, operation in operations_of(document):
        for parameter in operation.get("parameters", ()):
            assert "example" in parameter or parameter["schema"]["examples"], path


def test_answer_when_it_is_shown(document: Schema) -> None:
    """Each example of an answer is what the route answers with."""
    found = [route for module in ROUTED for route in module.router.routes if isinstance(route, APIRoute)]
    answered = {(route.path, method.lower()): route.response_model for route in found for method in route.methods or ()}
    answered = {key: model for key, model in answered.items() if model is not None}
    answered["/tasks/{name}/report", "get"] = Report
    shown = {(path, method): media["example"] for path, method, _, media in answers_of(document)}
    assert answered.keys() - shown.keys() == set()
    assert len(answered) > len(ROUTED)
    for path, method, _, media in answers_of(document):
        if (path, method) in answered:
            TypeAdapter(answered[path, method]).validate_python(media["example"])


@pytest.mark.parametrize("kind", JobKind)
def test_job_when_it_is_shown(document: Schema, kind: JobKind) -> None:
    """A submission is answered with its own kind of job: done, or not begun."""
    responses = document["paths"][f"/{kind}"]["post"]["responses"]
    done, waiting = (responses[status]["content"]["application/json"]["example"] for status in ("200", "202"))
    assert (done["kind"], done["done"], done["result"] is None) == (kind, True, False)
    assert (waiting["kind"], waiting["done"], waiting["result"], waiting["progress"]["done"]) == (kind, False, None, 0)


@pytest.mark.parametrize(("kind", "media"), SUBMISSIONS)
def test_submission_when_it_is_shown(document: Schema, kind: Any, media: str, tmp_path: Path) -> None:
    """The examples of a prediction and of a certificate are taken as they are, picture and all."""
    profile, limits = find_profile("mini"), json_limits(SETTINGS)
    for values in body_of(document, kind, media)["examples"]:
        image = values["image"]
        data = decode_image(image, limits) if media == "application/json" else image.encode()
        fields = {name: value for name, value in values.items() if name != "image"}
        question = checked(kind, fields, media == "application/json", profile, TaskStore(tmp_path))
        assert canonical_image(question, data).tensor.shape == (3, 32, 32)


def test_request_when_it_is_shown(document: Schema) -> None:
    """The other examples of requests are taken as well; the plan is the one that is shown."""
    profile = find_profile("mini")
    shown = {path: media["example"] for path, _, media in asked_of(document)}
    assert checked_adaptation(shown["/adapt"], True, profile).name == TASK_NAME
    assert parse_fields("", CurrentVersion, shown["/tasks/{name}/current"], strict=True)[0] is not None
    found = plan(checked_plan(shown["/plan"], True, profile), profile, SETTINGS, 180.0).model_dump(mode="json")
    stated = document["paths"]["/plan"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    assert (found["fewest"], found["p_needed"]) == (stated["fewest"], stated["p_needed"])
    assert found["costs"][0]["adaptive"] == pytest.approx(stated["costs"][0]["adaptive"], rel=0.02)


def test_certificate_when_it_is_shown(document: Schema) -> None:
    """It is a real one: every check of it passes."""
    content = document["paths"]["/jobs/{job_id}/certificate.json"]["get"]["responses"]["200"]["content"]
    certificate = content["application/json"]["example"]
    assert verify(certificate, TrustedKey(PUBLIC_KEY, "this key")).valid
    asked = next(media["example"] for path, _, media in asked_of(document) if path == "/certificates/verify")
    assert asked["certificate"] == certificate
    assert verify_asked(read_asked(json.dumps(asked).encode(), SETTINGS), None, SETTINGS).valid
    assert verify(certificate, None, (BUNDLED / "examples" / "horse.png").read_bytes()).valid


def test_task_when_it_is_shown() -> None:
    """Its id is that of its name."""
    assert task_id(TASK_NAME) == TASK_ID
