"""Certificates over real HTTP, from a real worker: fetched, read, checked, counted; one for the same pixels."""

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from adapters.certificates.document import signed_bytes
from adapters.certificates.keys import public_key_of, sign
from adapters.certificates.vrf import PublicNoiseKey
from adapters.contract.question import Question

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LABELS = ["left <b>", "right"]
VERIFY = "/certificates/verify"


def picture(seed: int = 0) -> Image.Image:
    """A picture that the linear oracle is rather sure of."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8))


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def encodings(image: Image.Image) -> list[bytes]:
    """The same pixels in ten different files."""
    note = PngInfo()
    note.add_text("comment", "other bytes")
    turned = Image.Exif()
    turned[0x0112] = 3
    files = [
        saved(image, compress_level=0),
        saved(image, compress_level=9),
        saved(image, optimize=True),
        saved(image, pnginfo=note),
        saved(image, dpi=(72, 72)),
        saved(image.convert("RGBA")),
        saved(image.transpose(Image.Transpose.ROTATE_180), exif=turned),
        saved(image, "WEBP", lossless=True),
        saved(image, "WEBP", lossless=True, quality=10, method=0),
        saved(image, "WEBP", lossless=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    ]
    assert len(set(files)) == 10
    return files


def certify(api: "Api", file: bytes, **fields: Any) -> dict[str, Any]:
    """The job, done."""
    data = {"labels": LABELS, "n": 600, "n0": 50, **fields}
    response = api.client.post("/certify", files={"image": file}, data=data, headers={"Prefer": "wait=25"})
    assert response.status_code == 200, response.text
    job: dict[str, Any] = response.json()
    assert job["status"] == "succeeded", job["error"]
    return job


def check(api: "Api", certificate: Any, **fields: Any) -> dict[str, Any]:
    response = api.client.post(VERIFY, json={"certificate": certificate, **fields})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["valid"] == all(found["passed"] for found in answer["checks"])
    return answer


def failed(answer: dict[str, Any]) -> list[str]:
    return [found["name"] for found in answer["checks"] if not found["passed"]]


def test_the_same_picture_sent_many_times_in_many_files(working_api: "Api") -> None:
    """Fifty submissions and ten encodings have one outcome, one certificate and one charge in the ledger."""
    image = picture()
    first = certify(working_api, saved(image))["result"]
    files = [*([saved(image)] * 50), *encodings(image)]
    results = [certify(working_api, file)["result"] for file in files]
    for result in results:
        assert result["certificate"] == first["certificate"]
        assert (result["votes"], result["radius"]) == (first["votes"], first["radius"])
    for file, result in zip(files[-10:], results[-10:], strict=True):
        assert failed(check(working_api, result["certificate"], image=base64.b64encode(file).decode())) == []
    ledger = working_api.client.get("/ledger").json()
    assert ledger["certificates"] == {"issued": 1, "alpha": 0.001, "by_alpha": [{"alpha": 0.001, "issued": 1}]}
    assert ledger["predictions"] == {"issued": 0, "alpha": 0.0, "by_alpha": []}


def test_a_question_that_is_canceled_and_asked_again(working_api: "Api") -> None:
    """It meets the same noise, and is charged once; another n is another question with noise of its own."""
    image = saved(picture(1))
    data = {"labels": LABELS, "n": 100_000, "n0": 50}
    job = working_api.client.post("/certify", files={"image": image}, data=data).json()
    canceled = working_api.client.delete(f"/jobs/{job['id']}").json()
    assert canceled["status"] == "canceled"
    small, large = (certify(working_api, image, n=n)["result"]["certificate"] for n in (500, 1000))
    assert small["randomness"]["proof"] != large["randomness"]["proof"]
    assert small["randomness"]["modulus"] == large["randomness"]["modulus"]
    digest = small["image"]["sha256"]
    ledger = working_api.client.get("/ledger", params={"image": digest}).json()
    assert ledger["certificates"]["issued"] == 2
    assert ledger["image"] == {"sha256": digest, "questions": 3, "allowed": None}
    assert working_api.client.get("/ledger", params={"image": "0" * 64}).json()["image"]["questions"] == 0
    assert working_api.client.get("/ledger", params={"image": "no digest"}).status_code == 422


def test_a_prediction_has_a_proof_too(working_api: "Api") -> None:
    """With its question it passes under the key that is published, and the question is all that was asked."""
    data = {"labels": LABELS, "n": 100, "alpha": 0.01}
    job = working_api.client.post("/predict", files={"image": saved(picture(2))}, data=data).json()
    result, keys = job["result"], working_api.client.get("/certificates/key").json()
    question = Question.model_validate_json(json.dumps(result["question"]))
    randomness = result["randomness"]
    assert (question.n, question.alpha, question.kind) == (100, 0.01, "predict")
    assert question.image == result["input"]["sha256"]
    assert randomness["modulus"] == keys["noise_key"]["modulus"]
    key = PublicNoiseKey(randomness["modulus"])
    assert key.is_well_formed(tuple(map(bytes.fromhex, keys["noise_key"]["roots"])))
    assert key.is_proof(question.text, bytes.fromhex(randomness["proof"]))
    assert not key.is_proof(question.model_copy(update={"n": 101}).text, bytes.fromhex(randomness["proof"]))


def test_a_certificate_and_what_may_be_done_with_it(working_api: "Api") -> None:
    """It is signed with the key that is served, passes all checks, and has a page and a document."""
    file = saved(picture())
    job = certify(working_api, file)
    certificate = job["result"]["certificate"]
    key = working_api.client.get("/certificates/key").json()
    assert (key["algorithm"], key["public_key"]) == ("Ed25519", certificate["public_key"])
    assert key["noise_key"]["modulus"] == certificate["randomness"]["modulus"]
    known = {"key": key["public_key"], "noise_key": key["noise_key"]["modulus"]}
    assert check(working_api, certificate, **known)["verdict"] == "valid"
    assert failed(check(working_api, certificate, noise_key="c5" * 384)) == ["noise_key"]
    answer = check(working_api, certificate, image=base64.b64encode(file).decode())
    assert answer["valid"]
    assert answer["checks"][1]["detail"].endswith("with the key of this service.")
    path = f"{job['links']['self']}/certificate"
    page = working_api.client.get(path, headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "left &lt;b&gt;" in page.text
    assert "<b>" not in page.text
    assert working_api.client.get(f"{path}.json").json() == certificate
    assert working_api.client.get(path, headers={"Accept": "application/json"}).json() == certificate


def test_an_abstention_has_a_certificate_too(working_api: "Api") -> None:
    """A picture on the boundary of the oracle is not certified, and the document says so and passes."""
    grey = Image.new("RGB", (32, 32), (127, 127, 127))
    certificate = certify(working_api, saved(grey), n=100, n0=50)["result"]["certificate"]
    assert (certificate["outcome"], certificate["radius"]) == ("abstained", None)
    assert failed(check(working_api, certificate)) == []


def test_certificates_that_are_not_what_they_say(working_api: "Api") -> None:
    """Changed counts, another key, an older format, a missing field and another image each fail by their names."""
    certificate = certify(working_api, saved(picture()))["result"]["certificate"]
    votes = list(reversed(certificate["votes"]))
    key = b"o" * 32
    theirs = {**certificate, "public_key": public_key_of(key)}
    theirs["signature"] = sign(key, signed_bytes(theirs))
    counts = {**theirs, "votes": [600, 600]}
    counts["signature"] = sign(key, signed_bytes(counts))
    other = base64.b64encode(saved(picture(5))).decode()
    assert {"signature", "bound", "radius"} <= set(failed(check(working_api, {**certificate, "votes": votes})))
    assert failed(check(working_api, theirs)) == ["signature"]
    assert failed(check(working_api, theirs, key=theirs["public_key"])) == []
    assert "counts" in failed(check(working_api, counts, key=theirs["public_key"]))
    assert failed(check(working_api, {**certificate, "format_version": 0})) == ["format"]
    assert failed(check(working_api, {name: certificate[name] for name in certificate if name != "votes"})) == [
        "format"
    ]
    assert failed(check(working_api, certificate, image=other)) == ["image", "source"]


@pytest.mark.parametrize(
    ("body", "status", "slug", "field"),
    [
        (b"{}", 422, "invalid-input", "certificate"),
        (b'{"certificate": "text"}', 422, "invalid-input", "certificate"),
        (b'{"certificate": {}, "seed": 1}', 422, "invalid-input", "seed"),
        (b'{"certificate": {}, "key": "abc"}', 422, "invalid-input", "key"),
        (b'{"certificate": {}, "image": "?"}', 400, "malformed-body", "image"),
        (b'{"certificate": {"a": 1, "a": 2}}', 422, "invalid-input", "a"),
        (b'{"certificate": ' + b"[" * 5000, 400, "malformed-body", None),
        (b"[]", 400, "malformed-body", None),
        (b'{"certificate": {"a": "' + b"x" * 10_000_000 + b'"}}', 413, "too-large", None),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else None,
)
def test_bodies_that_are_no_certificates(api: "Api", body: bytes, status: int, slug: str, field: str | None) -> None:
    """Each gets a problem document that names the field."""
    response = api.client.post(VERIFY, content=body, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert (response.status_code, problem["type"]) == (status, f"/problems/{slug}")
    if field:
        assert problem["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "text", ['{"radius": NaN}', '{"format": "robustify-certificate", "format_version": 1e400}', "{}"]
)
def test_numbers_that_are_none(api: "Api", text: str) -> None:
    """NaN and infinities fail the check of the format."""
    body = f'{{"certificate": {text}}}'
    response = api.client.post(VERIFY, content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, failed(response.json())) == (200, ["format"])


def test_a_form_is_no_way_to_send_one(api: "Api") -> None:
    """Certificates are JSON."""
    assert api.client.post(VERIFY, data={"certificate": "{}"}).status_code == 415


@pytest.mark.parametrize("name", ["certificate", "certificate.json"])
def test_jobs_without_a_certificate(api: "Api", picture_of_mine: bytes, name: str) -> None:
    """A job that is not done, a prediction, and a job that is not there: each is a problem of its own kind."""
    fields = {"files": {"image": picture_of_mine}, "data": {"labels": ["a", "b"], "n": 50}}
    headers = {"Prefer": "wait=0"}
    waiting, prediction = (
        api.client.post(path, headers=headers, **fields).json()["id"]  # type: ignore[arg-type]
        for path in ("/certify", "/predict")
    )
    api.run(prediction)
    slugs = [
        api.client.get(f"/jobs/{job}/{name}").json()["type"].rpartition("/")[2] for job in (waiting, prediction, "nope")
    ]
    assert slugs == ["no-certificate", "no-certificate", "unknown-job"]


@pytest.fixture
def picture_of_mine() -> bytes:
    return saved(Image.fromarray(np.random.default_rng().integers(0, 256, (32, 32, 3), dtype=np.uint8)))


def test_certificate_with_lattice_noise(working_api: "Api") -> None:
    """It is of another function, holds for the tensor in whole levels alone, and is checked like any other."""
    file = saved(picture(3))
    plain, result = (certify(working_api, file, noise=noise)["result"] for noise in ("gaussian", "lattice"))

    assert (plain["noise"], result["noise"], result["outcome"]) == ("gaussian", "lattice", "certified")
    assert plain["model"]["fingerprint"] != result["model"]["fingerprint"]
    assert plain["input"]["sha256"] != result["input"]["sha256"]
    assert (plain["radius_source_pixels"] is None, result["radius_source_pixels"]) == (False, None)
    answer = check(working_api, result["certificate"], image=base64.b64encode(file).decode())
    assert failed(answer) == []
