"""A certificate and its file when the way from the one to the other has changed since."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from adapters.certificates.document import read_certificate
from adapters.certificates.file_checks import file_checks
from adapters.contract.certificate import AnyCertificate
from tests.icc_profiles import SWAPPED, rgb_profile

GOLDEN = Path(__file__).parents[3] / "golden"


def certificate_of(preprocessing: str) -> AnyCertificate:
    """Of a picture without a profile, whose engine says so."""
    certificate = read_certificate(json_of("multiclass.json"))
    engine = {**certificate.model.engine, "preprocessing": preprocessing}
    return certificate.model_copy(update={"model": certificate.model.model_copy(update={"engine": engine})})


def json_of(name: str) -> object:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def with_profile() -> bytes:
    """The same picture, but that its colours mean others."""
    buffer = io.BytesIO()
    Image.open(GOLDEN / "picture.png").save(buffer, "PNG", icc_profile=rgb_profile(SWAPPED))
    return buffer.getvalue()


@pytest.mark.parametrize(("preprocessing", "passes"), [("1/32", True), ("2/32", False)])
def test_file_when_it_has_a_profile(preprocessing: str, passes: bool) -> None:
    """A profile counts for nothing in a certificate of version 1, which is said, and counts in one of version 2."""
    tensor, _ = file_checks(certificate_of(preprocessing), with_profile())
    assert tensor.passed is passes
    assert ("version 1" in tensor.detail) is passes


@pytest.mark.parametrize("preprocessing", ["1/32", "2/32"])
def test_file_when_it_has_no_profile(preprocessing: str) -> None:
    """Both versions make the same tensor of it."""
    checks = file_checks(certificate_of(preprocessing), (GOLDEN / "picture.png").read_bytes())
    assert all(check.passed for check in checks)


@pytest.mark.parametrize("preprocessing", ["3/32", "", "/32", "None"])
def test_file_when_the_preprocessing_is_not_known(preprocessing: str) -> None:
    """Nothing is compared that was made in another way: the refusal says so, and what to do."""
    tensor, source = file_checks(certificate_of(preprocessing), (GOLDEN / "picture.png").read_bytes())
    assert not tensor.passed
    assert not source.passed
    assert "versions 1, 2" in tensor.detail
    assert "the release that made the certificate" in tensor.detail
