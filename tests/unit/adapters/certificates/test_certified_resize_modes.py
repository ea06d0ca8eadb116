"""Certificates of engines that make a picture square in another way: stated, said in words, checked with the file."""

import json
from dataclasses import replace
from functools import partial

import pytest

from adapters.canonical_json import canonical_digest
from adapters.certificates.check import Verification
from adapters.certificates.checks import verify
from adapters.certificates.document import read_certificate, signed_bytes
from adapters.certificates.issue import Issuer
from adapters.certificates.keys import sign
from adapters.certificates.wording import LIMITS, SQUARES
from adapters.contract.answer import certify_result
from adapters.contract.certificate import Certificate
from adapters.contract.certify import CertifyParameters
from adapters.contract.jobs import JobRequest
from adapters.contract.records import JobKind, JsonObject
from adapters.images import Preprocessing, ResizeMode, canonicalise
from adapters.preparation import AskedTask, CheckedRequest, canonical_image, request_of
from adapters.profiles.fingerprint import engine_digest, engine_parts, function_digest
from adapters.profiles.library import find_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Selection
from robustify.types import Noise, Task
from tests.keys import HARDWARE, NOISE_KEY
from tests.pictures import encoded, pixels

PRIVATE_KEY = b"k" * 32
SETTINGS = Settings(profile="mini")
TASK = Task(("cat", "dog"), "a {}")
PICTURE = encoded(pixels(48, 100))
OTHERS = [mode for mode in ResizeMode if mode is not ResizeMode.SHORTER_SIDE]


def profile_with(mode: ResizeMode) -> Profile:
    return replace(find_profile("mini"), preprocessing=Preprocessing(mode))


def asked(mode: ResizeMode, noise: Noise) -> CheckedRequest:
    parameters = CertifyParameters.model_validate(
        {"labels": TASK.labels, "template": TASK.template, "noise": noise.value, "n": 1000, "bound": "clopper-pearson"}
    )
    return CheckedRequest(JobKind.CERTIFY, parameters, AskedTask(TASK), profile_with(mode))


def request_with(mode: ResizeMode, noise: Noise = Noise.GAUSSIAN) -> JobRequest:
    question = asked(mode, noise)
    return request_of(question, canonical_image(question, PICTURE), SETTINGS)


def certificate_with(mode: ResizeMode, noise: Noise = Noise.GAUSSIAN) -> JsonObject:
    request = request_with(mode, noise)
    found = Selection(0, (request.n0 - 1, 1), request.n0)
    result = certify_result(request, found, Tally(request.n, (request.n - 10, 10)), seconds=1.0)
    issuer = Issuer(engine_parts(profile_with(mode), SETTINGS), HARDWARE, NOISE_KEY, PRIVATE_KEY)
    return issuer.certificate(request, result, 0.0)


def as_if_made_with(preprocessing: str, certificate: JsonObject) -> JsonObject:
    """By somebody who holds the key: the engine states another preprocessing, and the digests are its own."""
    changed = json.loads(json.dumps(certificate))
    changed["model"]["engine"]["preprocessing"] = preprocessing
    engine = canonical_digest(changed["model"]["engine"])
    changed["model"]["fingerprint"] = function_digest(engine, TASK, changed["smoothing"]["sigma"])
    return {**changed, "signature": sign(PRIVATE_KEY, signed_bytes(changed))}


def failed(verification: Verification) -> set[str]:
    return {check.name for check in verification.checks if not check.passed}


@pytest.mark.parametrize("noise", list(Noise))
@pytest.mark.parametrize("mode", list(ResizeMode))
def test_certificate_of_each_mode(mode: ResizeMode, noise: Noise) -> None:
    """Its tensor, norm and radius in pixels of the file are found again from the file, by what the engine states."""
    certificate = certificate_with(mode, noise)
    verification = verify(certificate, image=PICTURE)

    assert failed(verification) <= {"signature", "noise_key"}  # Whose key it is, nobody said.
    image = canonicalise(PICTURE, 32, Preprocessing(mode))
    parsed = read_certificate(certificate)
    assert isinstance(parsed, Certificate)
    assert parsed.image.source_norm == image.source_norm
    if noise is Noise.GAUSSIAN and parsed.radius is not None:
        assert parsed.radius_source_pixels == pytest.approx(parsed.radius / image.source_norm)
    else:
        assert parsed.radius_source_pixels is None


@pytest.mark.parametrize("mode", OTHERS)
def test_certificate_when_another_mode_is_stated(mode: ResizeMode) -> None:
    """A certificate of the usual way fails with the file and in its words: mode and tensor belong together."""
    changed = as_if_made_with(f"2/32/{mode}", certificate_with(ResizeMode.SHORTER_SIDE))

    assert {"image", "source", "statement"} <= failed(verify(changed, image=PICTURE))


def test_certificate_when_its_mode_is_not_known() -> None:
    """The file is not compared, in words that say what to do; the statement and the numbers are checked as ever."""
    certificate = certificate_with(ResizeMode.SHORTER_SIDE)
    changed = as_if_made_with("2/32/spiral", certificate)
    found = verify(changed, image=PICTURE)

    # The proof of its noise is that of the question that was really asked.
    assert failed(found) - failed(verify(certificate)) == {"image", "source", "noise_proof"}
    detail = next(check.detail for check in found.checks if check.name == "image")
    assert "shorter-side, resize-256-crop-224, squash, pad" in detail
    assert "the release that made the certificate" in detail


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_statement_of_each_mode(mode: ResizeMode) -> None:
    """It says how the picture became square where that is not the usual way, before any word of a user's."""
    statement = str(certificate_with(mode)["statement"])
    sentences = [sentence for found in SQUARES.values() for sentence in found if sentence in statement]

    assert sentences == list(SQUARES[mode])
    assert all(statement.index(LIMITS) < statement.index(said) < statement.index('"cat"') for said in sentences)


def test_fingerprint_of_each_mode() -> None:
    """Each is another function; the usual one is stated as before."""
    profiles = [profile_with(mode) for mode in ResizeMode]
    stated = [engine_parts(profile, SETTINGS)["preprocessing"] for profile in profiles]

    assert stated == ["2/32", "2/32/resize-256-crop-224", "2/32/squash", "2/32/pad"]
    assert len(set(map(partial(engine_digest, settings=SETTINGS), profiles))) == len(profiles)
