"""Profiles that make pictures square in another way, over real HTTP: requests, batches, and checks of certificates."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.certificates.issue import Issuer
from adapters.contract.answer import certify_result
from adapters.contract.jobs import InputImage, JobRequest
from adapters.images import Preprocessing, ResizeMode, canonicalise
from adapters.preparation import input_image
from adapters.profiles.fingerprint import engine_parts
from adapters.profiles.library import find_profile, shipped_profiles
from adapters.settings import Settings
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Selection
from tests.integration.api.conftest import Api
from tests.keys import HARDWARE, NOISE_KEY
from tests.pictures import encoded, pixels

FILE = encoded(pixels(40, 90))
FIELDS = {"labels": ["left", "right"]}
MODES = [mode for mode in ResizeMode if mode is not ResizeMode.SHORTER_SIDE]


@pytest.fixture(params=MODES)
def squaring(request: Any, start_api: Callable[..., Api], api_queue: Any, tmp_path: Path) -> Api:
    """An API whose profile has another resize mode than the usual one; no worker lives."""
    profile = replace(find_profile("oracle-linear"), preprocessing=Preprocessing(request.param))
    return start_api(Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url), profile)


def image_of(api: Api) -> InputImage:
    """The file as this process makes it."""
    return input_image(canonicalise(FILE, api.profile.side, api.profile.preprocessing))


def request_made(api: Api) -> JobRequest:
    response = api.client.post("/certify", files={"image": FILE}, data={**FIELDS, "bound": "clopper-pearson"})
    assert response.status_code == 202, response.text
    return api.record(response.json()["id"]).vote_request


def test_request(squaring: Api) -> None:
    """The image of the job is that of the profile's mode, with its norm; and so is the engine that may answer it."""
    request = request_made(squaring)

    assert request.image == image_of(squaring)
    usual = find_profile("oracle-linear")
    assert request.image != input_image(canonicalise(FILE, usual.side))
    assert engine_parts(squaring.profile, squaring.settings) != engine_parts(usual, squaring.settings)


def test_batch(squaring: Api) -> None:
    """Its images are made in the same way."""
    files = [("images", ("a.png", FILE))]
    response = squaring.client.post("/batches", files=files, data={**FIELDS, "kind": "predict"})
    assert response.status_code == 202, response.text

    line = squaring.client.get(response.json()["links"]["results"]).json()
    assert squaring.record(line["job"]).vote_request.image == image_of(squaring)


def test_models(squaring: Api) -> None:
    """The served one says its mode, and those of the installation theirs: the paper's own, and the usual one."""
    served, *others = squaring.client.get("/models").json()["models"]

    assert served["preprocessing"] == squaring.profile.preprocessing.mode
    papers = {model["name"] for model in others if model["preprocessing"] == "resize-256-crop-224"}
    assert papers == {name for name in shipped_profiles() if name.startswith("deepfloyd")}
    assert {model["preprocessing"] for model in others if model["name"] not in papers} == {"shorter-side"}


def test_verification(squaring: Api) -> None:
    """The file of a certificate is made as its engine says, whatever the profile that is served does."""
    request = request_made(squaring)
    result = certify_result(request, Selection(0, (90, 10), request.n0), Tally(request.n, (request.n, 0)), seconds=1.0)
    issuer = Issuer(engine_parts(squaring.profile, squaring.settings), HARDWARE, NOISE_KEY, b"k" * 32)
    body = {"certificate": issuer.certificate(request, result, 0.0), "image": base64.b64encode(FILE).decode()}
    checks = squaring.client.post("/certificates/verify", json=body).json()["checks"]

    passed = {check["name"]: check["passed"] for check in checks}
    assert passed["image"]
    assert passed["source"]
    assert passed["source_radius"]
    assert passed["statement"]
