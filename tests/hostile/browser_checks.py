"""What a page in somebody's browser may do, and small things of HTTP."""

from tests.hostile.asking import LABELS, certify, expect, form, picture, predict, raw
from tests.hostile.check import Check
from tests.hostile.instance import Instance, Stack

PNG_FILE = b'name="image"; filename="a.png"'
UNDER_A_PATH = Stack(settings={"ROOT_PATH": "/robustify"})


def foreign_form(instance: Instance) -> str:
    body, headers = form([(PNG_FILE, picture()), *labels()])
    pages = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answers = [
        instance.client.post(f"/{kind}", content=body, headers={**headers, name: value}).status_code
        for kind in ("predict", "certify")
        for name, value in pages.items()
    ]
    return expect(set(answers) == {403}, f"{answers}")


def foreign_host(instance: Instance) -> str:
    asked = [("GET", "/ledger"), ("POST", "/adapt"), ("DELETE", "/tasks/pets"), ("GET", "/models")]
    answers = [instance.client.request(*one, headers={"Host": "evil.example"}).status_code for one in asked]
    return expect(set(answers) == {421}, f"{answers}")


def not_http(instance: Instance) -> str:
    requests = (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET /\x00 HTTP/1.1\r\n\r\n")
    answers = [raw(instance, request) for request in requests]
    right = all(b" 400 " in answer and b"application/problem+json" in answer for answer in answers)
    kinds = {answer.partition(b"\r\n")[0].decode(errors="replace") for answer in answers}
    return expect(right, f"{sorted(kinds)}, {sum(b'problem+json' in one for one in answers)} problem documents of 3")


def two_lengths(instance: Instance) -> str:
    head = f"POST /plan HTTP/1.1\r\nHost: {instance.host}:{instance.port}\r\nContent-Type: application/json\r\n"
    lengths = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = raw(instance, (head + lengths + "0\r\n\r\n").encode())
    return expect(b" 400 " in answer.partition(b"\r\n")[0], answer.partition(b"\r\n")[0].decode(errors="replace"))


def headers(instance: Instance) -> str:
    job, page = predict(instance), instance.client.get("/docs")
    wrong = [
        word
        for word, holds in (
            ("a server header", "server" not in job.headers),
            ("no Cache-Control on a job", "no-store" in job.headers.get("cache-control", "")),
            ("no CSP on /docs", "content-security-policy" in page.headers),
        )
        if not holds
    ]
    return expect(not wrong, ", ".join(wrong) or "as they should be")


def latin_label(instance: Instance) -> str:
    body, sent = form([(PNG_FILE, picture()), (b'name="labels"', b"left\xe9"), (b'name="labels"', b"right")])
    status = instance.client.post("/predict", content=body, headers=sent).status_code
    return expect(status in (400, 422), str(status))


def two_images(instance: Instance) -> str:
    body, sent = form([(PNG_FILE, picture()), (b'name="image"', b"a text"), *labels()])
    status = instance.client.post("/predict", content=body, headers=sent).status_code
    return expect(status in (400, 422), str(status))


def underscored_number(instance: Instance) -> str:
    status = predict(instance, n="1_00").status_code
    return expect(status == 422, str(status))


def extended_file_name(instance: Instance) -> str:
    body, sent = form([(b"name=\"image\"; filename*=UTF-8''caf%C3%A9.png", picture()), *labels()])
    status = instance.client.post("/predict", content=body, headers=sent).status_code
    return expect(status in (200, 202), str(status))


def joined_labels(instance: Instance) -> str:
    body, sent = form([(PNG_FILE, picture()), (b'name="labels"', b"cat,horse")])
    response = instance.client.post("/predict", content=body, headers=sent)
    return expect(response.status_code == 422 and "repeat" in response.text.lower(), response.text[:160])


def described_form(instance: Instance) -> str:
    document = instance.client.get("/openapi.json").json()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    encoding = content["multipart/form-data"].get("encoding", {}).get("labels")
    return expect(encoding == {"style": "form", "explode": True}, f"encoding of labels: {encoding}")


def described_fields(instance: Instance) -> str:
    """Whether the description and the service agree on null; and what it says of labels and images."""
    document = instance.client.get("/openapi.json").json()
    takes_null = instance.client.post("/plan", json={"target_radius": 0.25, "p": None}).status_code == 200
    says_null = "null" in str(field_of(document, "/plan", "p"))
    unique = '"uniqueItems"' in str(field_of(document, "/predict", "labels")).replace("'", '"')
    base64 = "base64" in str(field_of(document, "/predict", "image")).lower()
    measured = f"null is taken {takes_null}, described {says_null}; labels unique {unique}; image base64 {base64}"
    return expect(takes_null == says_null and unique and base64, measured)


def field_of(document: dict, path: str, name: str) -> object:
    """Of a JSON body, as the description has it."""
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema.get("properties", {}).get(name)


def path_prefix(instance: Instance) -> str:
    location = certify(instance, n=100_000).headers.get("location", "")
    return expect(location.startswith("/robustify/jobs/"), location)


def labels() -> list[tuple[bytes, bytes]]:
    return [(b'name="labels"', label.encode()) for label in LABELS]


CHECKS = (
    Check("form of a foreign page", "POST with a foreign Origin or Sec-Fetch-Site is 403", foreign_form, own=False),
    Check("foreign Host", "whatever is asked for by another name is 421", foreign_host, own=False),
    Check("bytes that are no HTTP", "the parser's own errors are problem documents", not_http, own=False),
    Check("Content-Length with Transfer-Encoding", "it is 400", two_lengths, own=False),
    Check("headers of answers", "no server, no-store on jobs, a CSP on /docs", headers, own=False),
    Check("label that is not UTF-8", "it is refused, and not read as Latin-1", latin_label, own=False),
    Check("text image beside the file", "it is refused, and not overlooked", two_images, own=False),
    Check("n=1_00", "it is no number", underscored_number, own=False),
    Check("filename*=", "a file with an extended name is a file", extended_file_name, own=False),
    Check("labels in one field", "`cat,horse` is refused with the word how to send two", joined_labels, own=False),
    Check("description of the form", "OpenAPI says that labels are repeated", described_form, own=False),
    Check("description of fields", "OpenAPI says null only where it is taken, unique labels, base64", described_fields,
          own=False),
    Check("path prefix", "Location follows ROBUSTIFY_ROOT_PATH", path_prefix, UNDER_A_PATH),
)  # fmt: skip
