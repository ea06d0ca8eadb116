"""Small faults of bodies, over real HTTP: each is told in one clear sentence, and nothing is quietly read otherwise."""

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

FORM = "multipart/form-data; boundary=frontier"
JSON = "application/json"
FILE = b'name="image"; filename="a.png"'


def form(picture: bytes, *parts: tuple[bytes, bytes], file: bytes = FILE) -> bytes:
    """A form as it goes over the wire: the file, and parts of a disposition and a value each."""
    sent = [(file, picture), *parts]
    lines = [b"--frontier\r\nContent-Disposition: form-data; " + name + b"\r\n\r\n" + value for name, value in sent]
    return b"\r\n".join([*lines, b"--frontier--\r\n"])


def labelled(*labels: bytes) -> list[tuple[bytes, bytes]]:
    return [(b'name="labels"', label) for label in labels]


GOOD = labelled(b"cat", b"dog")


def send(api: "Api", content: bytes, *types: str, **headers: str) -> httpx.Response:
    sent = [*(("Content-Type", value) for value in types or (FORM,)), *headers.items()]
    return api.client.post("/certify", content=content, headers=sent)


def problem(response: httpx.Response) -> tuple[str, str]:
    """The only field at fault, and what is said of it."""
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    return error["field"], error["detail"]


def test_text_when_it_is_not_utf_8(api: "Api", picture: bytes) -> None:
    """It is refused, and not read as Latin-1."""
    field, detail = problem(send(api, form(picture, *labelled(b"caf\xe9", b"dog"))))
    assert field == "labels"
    assert "UTF-8" in detail
    assert send(api, form(picture, *labelled("café".encode(), b"dog"))).status_code == 202


def test_image_when_it_comes_as_text_too(api: "Api", picture: bytes) -> None:
    """Which of the two was meant cannot be known."""
    field, detail = problem(send(api, form(picture, *GOOD, (b'name="image"', b"cat.png"))))
    assert field == "image"
    assert "as a file and as text" in detail


@pytest.mark.parametrize("text", ["1_00", " 100", "100 ", "+100", "１００", "٣٠٠", "0x64", "", "1e", "nan", "1,000"])
@pytest.mark.parametrize("name", ["n", "sigma", "alpha", "n0", "target_radius", "tolerance"])
def test_number_when_it_is_not_plain(api: "Api", picture: bytes, name: str, text: str) -> None:
    """Numbers of a form are plain ASCII digits."""
    field, detail = problem(send(api, form(picture, *GOOD, (f'name="{name}"'.encode(), text.encode()))))
    assert field == name
    assert "plain decimal digits" in detail


@pytest.mark.parametrize(("name", "text"), [("n", "1000"), ("sigma", "2.5e-1"), ("sigma", ".5"), ("alpha", "1E-3")])
def test_number_when_it_is_plain(api: "Api", picture: bytes, name: str, text: str) -> None:
    """With a point and an exponent where a number may have them."""
    response = send(api, form(picture, *GOOD, (f'name="{name}"'.encode(), text.encode())))
    assert response.status_code == 202
    assert response.json()["params"][name] == float(text)


@pytest.mark.parametrize(
    "name",
    [
        b"name=\"image\"; filename*=UTF-8''%e7%8c%ab.png",
        b"filename*=UTF-8''a.png; name=\"image\"",
        b'name="image"; filename*0=a; filename*1=.png',
        b'name="image"; filename="a.png"; filename*=UTF-8\'\'b.png',
    ],
)
def test_file_when_its_name_is_extended(api: "Api", picture: bytes, name: bytes) -> None:
    """It is a file, whatever is said of its name."""
    assert send(api, form(picture, *GOOD, file=name)).status_code == 202


def test_field_when_its_name_looks_like_a_parameter(api: "Api", picture: bytes) -> None:
    """What stands in quotes is a name and no parameter."""
    response = send(api, form(picture, *GOOD, (b'name="a; filename*=b"', b"x")))
    assert "no such field" in problem(response)[1]


@pytest.mark.parametrize(
    "parts",
    [
        labelled(b"cat,dog"),
        labelled(b'["cat", "dog"]'),
        labelled(b"cat"),
        [(b'name="labels[]"', b"cat"), (b'name="labels[]"', b"dog")],
        [(b'name="labels[]"', b"cat,dog")],
    ],
)
def test_labels_when_they_are_not_repeated(api: "Api", picture: bytes, parts: list[tuple[bytes, bytes]]) -> None:
    """One sentence says what to do, whatever the client made of the list."""
    field, detail = problem(send(api, form(picture, *parts)))
    assert field == "labels"
    assert "repeat the field" in detail


@pytest.mark.parametrize(
    ("types", "headers", "word"),
    [
        ([FORM, FORM], {}, "more than once"),
        ([FORM, JSON], {}, "more than once"),
        ([f"{FORM}; charset=iso-8859-1"], {}, "charset"),
        ([f"{JSON}; charset=utf-16"], {}, "charset"),
        ([FORM], {"Content-Encoding": "gzip"}, "compressed"),
        ([JSON], {"Content-Encoding": "br"}, "compressed"),
    ],
)
def test_body_when_its_headers_say_something_odd(
    api: "Api", picture: bytes, types: list[str], headers: dict[str, str], word: str
) -> None:
    """It is not guessed what they meant."""
    response = send(api, form(picture, *GOOD), *types, **headers)
    assert response.status_code == 415
    assert word in response.json()["detail"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "us-ascii"])
def test_body_when_its_charset_is_utf_8(api: "Api", picture: bytes, charset: str) -> None:
    """Said or not, it is the same."""
    assert send(api, form(picture, *GOOD), f"{FORM}; charset={charset}").status_code == 202


@pytest.mark.parametrize("path", ["/predict", "/certificates/verify", "/plan", "/adapt"])
def test_json_when_it_would_take_many_times_its_length(api: "Api", path: str) -> None:
    """A million small lists are refused before they are made."""
    body = b'{"labels": [' + b"[]," * 500_000 + b"[]]}"
    response = api.client.post(path, content=body, headers={"Content-Type": JSON})
    assert response.status_code == 400
    assert "300000 lists" in response.json()["detail"]


def test_plan_when_p_is_null(api: "Api") -> None:
    """As the description says: null counts as not given."""
    described = api.client.get("/openapi.json").json()["paths"]["/plan"]["post"]["requestBody"]["content"][JSON]
    assert {"type": "null"} in described["schema"]["properties"]["p"]["anyOf"]
    assert api.client.post("/plan", json={"target_radius": 0.25, "p": None}).status_code == 200
    assert api.client.post("/plan", json={"target_radius": 0.25, "p": [None]}).status_code == 422


@pytest.mark.parametrize("kind", ["predict", "certify"])
def test_description_when_a_form_is_made_of_it(api: "Api", kind: str) -> None:
    """It says that labels are repeated, that they differ, and that an image in JSON is base64."""
    paths: dict[str, Any] = api.client.get("/openapi.json").json()["paths"]
    content = paths[f"/{kind}"]["post"]["requestBody"]["content"]
    assert content["multipart/form-data"]["encoding"]["labels"] == {"style": "form", "explode": True}
    labels = content["multipart/form-data"]["schema"]["properties"]["labels"]
    assert labels["uniqueItems"] is True
    assert content[JSON]["schema"]["properties"]["image"]["contentEncoding"] == "base64"
    assert json.dumps(paths["/certificates/verify"]).count('"contentEncoding": "base64"') == 1
