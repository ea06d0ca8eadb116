"""What a client may get wrong, over real HTTP: each gets a problem within a second, and the next request works."""

import base64
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

TWO_LABELS = ["cat", "dog"]
FORM_START = b'--frontier\r\nContent-Disposition: form-data; name="'
LEAKS = re.compile(r"0x[0-9a-fA-F]{6,}|/usr/|/home/|/tmp/|\.py\b|Traceback|BytesIO|Error\(|\.sock")


def file_of(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


PICTURE = file_of(Image.linear_gradient("L").resize((40, 40)).convert("RGB"))


def form(**fields: Any) -> dict[str, Any]:
    """A good request as a form, with other fields; None leaves one out."""
    values = {"labels": TWO_LABELS, **fields}
    return {"files": {"image": PICTURE}, "data": {name: value for name, value in values.items() if value is not None}}


def json_body(**fields: Any) -> dict[str, Any]:
    """A good request as JSON, with other fields; NaN is allowed in it."""
    values = {"labels": TWO_LABELS, "image": base64.b64encode(PICTURE).decode(), **fields}
    present = {name: value for name, value in values.items() if value is not None}
    return {"content": json.dumps(present).encode(), "headers": {"Content-Type": "application/json"}}


def image(data: bytes) -> dict[str, Any]:
    return {"files": {"image": data}, "data": {"labels": TWO_LABELS}}


def raw(content: bytes, media_type: str | None) -> dict[str, Any]:
    return {"content": content, "headers": {} if media_type is None else {"Content-Type": media_type}}


def in_pieces(size: int) -> Iterator[bytes]:
    yield FORM_START + b'image"; filename="a"\r\n\r\n'
    for _ in range(size >> 16):
        yield b"\0" * (1 << 16)


@dataclass(frozen=True)
class Mistake:
    """A request, the status and the type of its problem, and the fields that it must name."""

    make: Callable[[], dict[str, Any]]
    status: int
    slug: str
    fields: tuple[str, ...] = field(default=())


def wrong(slug: str, status: int, make: Callable[[], dict[str, Any]], *fields: str) -> Mistake:
    return Mistake(make, status, slug, fields)


def invalid(make: Callable[[], dict[str, Any]], *fields: str) -> Mistake:
    return wrong("invalid-input", 422, make, *fields)


def unreadable(make: Callable[[], bytes]) -> Mistake:
    return wrong("unreadable-image", 422, lambda: image(make()), "image")


def unsupported(make: Callable[[], bytes]) -> Mistake:
    return wrong("unsupported-image", 415, lambda: image(make()), "image")


MULTIPART = "multipart/form-data; boundary=frontier"
GREY = Image.new("L", (8, 8))
IMAGES = {
    "no image": invalid(lambda: {"data": {"labels": TWO_LABELS}, "files": {"labels": (None, "owl")}}, "image"),
    "no image in JSON": invalid(lambda: json_body(image=None), "image"),
    "two images": invalid(
        lambda: {"files": [("image", PICTURE), ("image", PICTURE)], "data": {"labels": TWO_LABELS}}, "image"
    ),
    "five images": invalid(lambda: {"files": [("image", PICTURE)] * 5, "data": {"labels": TWO_LABELS}}, "image"),
    "two images in JSON": invalid(lambda: json_body(image=["YQ==", "YQ=="]), "image"),
    "image under another name": invalid(
        lambda: {"files": {"picture": PICTURE}, "data": {"labels": TWO_LABELS}}, "picture"
    ),
    "image as text": invalid(lambda: {"files": {"image": (None, "cat.png")}, "data": {"labels": TWO_LABELS}}, "image"),
    "image by URL": invalid(lambda: json_body(image=None, image_url="http://localhost/"), "image", "image_url"),
    "empty file": invalid(lambda: image(b""), "image"),
    "empty file in JSON": invalid(lambda: json_body(image=""), "image"),
    "not an image": unsupported(lambda: b"hello"),
    "a gif": unsupported(lambda: file_of(GREY, "GIF")),
    "animated": unsupported(lambda: file_of(GREY, "WEBP", save_all=True, append_images=[Image.new("L", (8, 8), 9)])),
    "16-bit": unsupported(lambda: png(8, 8, 16, 2, (b"\0" + b"\x12\x34" * 24) * 8)),
    "16-bit grey": unsupported(lambda: png(8, 8, 16, 0, (b"\0" + b"\x12\x34" * 8) * 8)),
    "CMYK": unsupported(lambda: file_of(Image.new("CMYK", (8, 8)), "JPEG")),
    "truncated": unreadable(lambda: file_of(Image.effect_noise((99, 99), 50))[:2000]),
    "truncated webp": unreadable(lambda: file_of(Image.effect_noise((99, 99), 50), "WEBP")[:2000]),
    "a png with a damaged header": unreadable(lambda: file_of(GREY).replace(b"IHDR", b"IHDX")),
    "heic": unsupported(lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100),
    "a pdf": unsupported(lambda: b"%PDF-1.7\n"),
    "1 x 1": unreadable(lambda: file_of(Image.new("L", (1, 1)))),
    "over 25 megapixels": unreadable(lambda: file_of(Image.new("1", (6000, 5000)))),
    "over 8192 pixels wide": unreadable(lambda: file_of(Image.new("1", (9000, 10)))),
    "a decompression bomb": unreadable(lambda: png(30_000, 30_000, 8, 2, b"\0" * 1_000_000)),
}
LABELS = {
    "no labels": invalid(lambda: form(labels=None), "labels"),
    "no labels in JSON": invalid(lambda: json_body(labels=None), "labels"),
    "one label": invalid(lambda: form(labels=["cat"]), "labels"),
    "duplicates": invalid(lambda: form(labels=["cat", "cat"]), "labels"),
    "duplicates after normalisation": invalid(lambda: form(labels=["Straße  1", " STRASSE １"]), "labels"),
    "labels that CLIP cannot tell apart": invalid(lambda: form(labels=["route 66", "Route66"]), "labels"),
    "1,001 labels": invalid(lambda: form(labels=[f"thing {i}" for i in range(1001)]), "labels"),
    "5,000 labels": wrong("malformed-body", 400, lambda: form(labels=[f"thing {i}" for i in range(5000)])),
    "1,001 labels in JSON": invalid(lambda: json_body(labels=[f"thing {i}" for i in range(1001)]), "labels"),
    "three labels for two classes": invalid(lambda: form(labels=["cat", "dog", "owl"]), "labels"),
    "a long label": invalid(lambda: form(labels=["cat", "d" * 10_000]), "labels"),
    "a label of 100 kB": wrong("malformed-body", 400, lambda: form(labels=["cat", "d" * 100_000])),
    "an empty label": invalid(lambda: form(labels=["cat", "  "]), "labels"),
    "one label and a bad image": invalid(lambda: {"files": {"image": b"hello"}, "data": {"labels": "cat"}}, "labels"),
    "a control character": invalid(lambda: form(labels=["cat", "do\x00g"]), "labels"),
    "an escape sequence": invalid(lambda: form(labels=["cat", "do\x1b[31mg"]), "labels"),
    "a bidirectional override": invalid(lambda: form(labels=["cat", "do\u202eg"]), "labels"),
    "a zero-width space": invalid(lambda: form(labels=["cat", "do\u200bg"]), "labels"),
    "a lone surrogate": invalid(lambda: json_body(labels=["cat", "\ud800"]), "labels"),
    "labels as one text": invalid(lambda: json_body(labels="cat,dog"), "labels"),
    "labels that are numbers": invalid(lambda: json_body(labels=[1, 2]), "labels.0"),
    "a template without a slot": invalid(lambda: form(template="a photo"), "template"),
    "a template with two slots": invalid(lambda: form(template="{} or {}"), "template"),
    "a template with an escape": invalid(lambda: form(template="\x1b[0m {}"), "template"),
    "a long template": invalid(lambda: form(template="x" * 200 + "{}"), "template"),
    "an unknown task": wrong("unknown-task", 404, lambda: form(labels=None, task="pets")),
    "labels and a task": invalid(lambda: form(task="pets"), "labels"),
    "a template and a task": invalid(lambda: form(labels=None, task="pets", template="a {}"), "template"),
    "another classifier": invalid(lambda: form(classifier="resnet"), "classifier"),
}
OUT_OF_RANGE: dict[str, list[Any]] = {
    "sigma": ["NaN", "Infinity", "abc", "", 0, 0.01, 1.5, -1, 1e308],
    "n": ["NaN", "abc", 0, -1, 100_001, 1.5, 10**30],
    "n0": ["NaN", "abc", 0, -1, 10_001],
    "alpha": ["NaN", "abc", 0, 1e-13, 0.06, 1],
    "target_radius": ["NaN", "abc", 0, -1, "-Infinity", 100],
    "tolerance": ["NaN", "abc", 0, -1, "-Infinity"],
    "bound": ["anytime", "Auto", "", 1],
}


def out_of_range() -> Iterator[tuple[str, Mistake]]:
    """Each value as a text in a form, and in JSON as it is."""
    for name, values in OUT_OF_RANGE.items():
        for value in values:
            yield f"{name}={value!r} in a form", invalid(partial(form, **{name: value}), name)
            yield f"{name}={value!r} in JSON", invalid(partial(json_body, **{name: value}), name)


NUMBERS = {
    **dict(out_of_range()),
    "NaN as a number": invalid(lambda: json_body(sigma=float("nan")), "sigma"),
    "infinity as a number": invalid(lambda: json_body(target_radius=float("inf")), "target_radius"),
    "true as a number": invalid(lambda: json_body(n=True), "n"),
    "a list as a number": invalid(lambda: json_body(n=[1]), "n"),
    "a target and a tolerance": invalid(lambda: form(target_radius=0.2, tolerance=0.1), "tolerance"),
    "a target with a fixed bound": invalid(lambda: form(target_radius=0.2, bound="clopper-pearson"), "bound"),
    "a test of predictions": invalid(lambda: form(test="fixed"), "test"),
    "n too small for alpha": invalid(lambda: form(n=5), "n"),
    "sigma twice": invalid(lambda: form(sigma=["0.25", "0.5"]), "sigma"),
    "sigma twice in JSON": invalid(lambda: raw(b'{"sigma": 0.25, "sigma": 0.5}', "application/json"), "sigma"),
    "a seed": invalid(lambda: form(seed=1), "seed"),
    "a name that is no text": invalid(lambda: json_body(**{"\ud800\x1b": 1})),
    "many mistakes": invalid(lambda: form(sigma=9, n="x", labels=["a"], seed=1), "sigma", "n", "labels", "seed"),
}
BODIES = {
    "no content type": wrong("unsupported-media-type", 415, lambda: raw(b"hello", None)),
    "urlencoded": wrong("unsupported-media-type", 415, lambda: {"data": {"labels": TWO_LABELS}}),
    "plain text": wrong("unsupported-media-type", 415, lambda: raw(b"hello", "text/plain")),
    "an image as the body": wrong("unsupported-media-type", 415, lambda: raw(PICTURE, "image/png")),
    "compressed": wrong(
        "unsupported-media-type",
        415,
        lambda: {"content": b"", "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}},
    ),
    "malformed JSON": wrong("malformed-body", 400, lambda: raw(b'{"image": ', "application/json")),
    "JSON that is not UTF-8": wrong("malformed-body", 400, lambda: raw(b'{"a": "\xff"}', "application/json")),
    "a JSON list": wrong("malformed-body", 400, lambda: raw(b"[]", "application/json")),
    "deep JSON": wrong("malformed-body", 400, lambda: raw(b"[" * 100_000, "application/json")),
    "a number of 10,000 digits": wrong(
        "malformed-body", 400, lambda: raw(b'{"n": ' + b"9" * 10_000 + b"}", "application/json")
    ),
    "many names": wrong("malformed-body", 400, lambda: json_body(**{f"a{i}": 1 for i in range(200)})),
    "an empty body": wrong("malformed-body", 400, lambda: raw(b"", "application/json")),
    "bad base64": wrong("malformed-body", 400, lambda: json_body(image="not base64!"), "image"),
    "a data URI": wrong("malformed-body", 400, lambda: json_body(image="data:image/png;base64,YQ=="), "image"),
    "no boundary": wrong("malformed-body", 400, lambda: raw(b"hello", "multipart/form-data")),
    "a malformed form": wrong("malformed-body", 400, lambda: raw(b"hello", MULTIPART)),
    "half a form": wrong(
        "malformed-body", 400, lambda: raw(FORM_START + b'image"; filename="a"\r\n\r\nabc', MULTIPART)
    ),
    "a form without names": wrong(
        "malformed-body", 400, lambda: raw(b"--frontier\r\nX: y\r\n\r\nz\r\n--frontier--\r\n", MULTIPART)
    ),
    "a file over the limit": wrong("too-large", 413, lambda: image(b"\0" * ((10 << 20) + 1))),
    "a body over the limit": wrong("too-large", 413, lambda: image(b"\0" * (30 << 20))),
    "a body over the limit, in pieces": wrong("too-large", 413, lambda: raw(in_pieces(30 << 20), MULTIPART)),  # type: ignore[arg-type]
    "JSON over the limit": wrong("too-large", 413, lambda: raw(b'{"image": "' + b"A" * (20 << 20), "application/json")),
    "an image over the limit in JSON": wrong("too-large", 413, lambda: json_body(image="A" * ((14 << 20) + 4))),
    "too large and of a wrong type": wrong("too-large", 413, lambda: raw(b"\0" * (20 << 20), "text/plain")),
}
MISTAKES = IMAGES | LABELS | NUMBERS | BODIES


@pytest.mark.parametrize("name", MISTAKES)
def test_bad_input(api: "Api", name: str) -> None:
    """A bad request gets its problem, naming the fields at fault; the next good one is accepted."""
    mistake = MISTAKES[name]
    response = api.client.post("/certify", **mistake.make())
    assert response.status_code == mistake.status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = response.json()
    assert (problem["type"], problem["status"]) == (f"/problems/{mistake.slug}", mistake.status)
    assert problem["title"]
    assert len(problem["detail"]) > 20
    assert {error["field"] for error in problem.get("errors", [])} >= set(mistake.fields)
    assert not LEAKS.search(response.text)
    assert api.client.post("/certify", **form()).status_code == 202


def test_labels_that_are_the_same(api: "Api") -> None:
    """All pairs of labels that a person or CLIP's tokenizer cannot tell apart are named in one answer."""
    labels = ["cat", "route 66", "Cat", "route66", "salt & pepper", "salt &amp; pepper"]
    detail = api.client.post("/predict", **form(labels=labels)).json()["errors"][0]["detail"]
    for first, later in ((0, 2), (1, 3), (4, 5)):
        assert f"{labels[first]!r} ({first + 1}) and {labels[later]!r} ({later + 1})" in detail


@pytest.mark.parametrize("name", ["n0", "target_radius", "tolerance", "bound"])
def test_fields_of_certify(api: "Api", name: str) -> None:
    """A prediction has no selection samples and no radius, and says so."""
    response = api.client.post("/predict", **form(**{name: 1}))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == name


def test_predict_bounds(api: "Api") -> None:
    """A prediction may take fewer samples than a certificate; with too few for alpha the fewest are named."""
    assert "10000" in api.client.post("/predict", **form(n=10_001)).json()["detail"]
    assert "at least 11" in api.client.post("/predict", **form(n=10)).json()["detail"]


def test_unreachable_radius(api: "Api") -> None:
    """A radius that no votes can reach is refused with the largest that can be certified, and the n that would do."""
    detail = api.client.post("/certify", **form(target_radius=0.7, sigma=0.25, n=1000)).json()["detail"]
    assert "at most 0.6005 can be certified; it takes an n of at least 3200" in detail
    assert api.client.post("/certify", **form(target_radius=0.7, sigma=0.25, n=3200)).status_code == 202


@pytest.mark.parametrize("test", ["Fixed", "", "both"])
def test_unknown_test(api: "Api", test: str) -> None:
    """There are two, by name."""
    response = api.client.post("/predict", **form(test=test))
    assert response.status_code == 422
    assert "'sequential' or 'fixed'" in response.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/adapt", 405, "method-not-allowed"),
        ("GET", "/predict", 405, "method-not-allowed"),
        ("PUT", "/jobs/abc", 405, "method-not-allowed"),
        ("GET", "/jobs/abc", 404, "unknown-job"),
        ("DELETE", "/jobs/abc", 404, "unknown-job"),
        ("GET", "/jobs/abc/events", 404, "unknown-job"),
        ("GET", "/jobs/..%2f..%2fetc", 404, "not-found"),
        ("GET", "/jobs/%00", 404, "unknown-job"),
        ("GET", "/jobs/" + "a" * 3000, 404, "unknown-job"),
    ],
)
def test_wrong_path(api: "Api", method: str, path: str, status: int, slug: str) -> None:
    """What is not there is a problem document too."""
    response = api.client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"/problems/{slug}"
