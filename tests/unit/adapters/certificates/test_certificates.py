"""Certificates: issued from results, and checked; whatever is changed in one, a check that fails names it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from adapters.canonical_json import canonical_bytes, canonical_digest
from adapters.certificates.checks import TrustedKey, Verification, check_seed, verify, verify_file
from adapters.certificates.document import MAX_BYTES, read_certificate, signed_bytes
from adapters.certificates.issue import Issuer
from adapters.certificates.keys import public_key_of, sign
from adapters.certificates.seeds import seed_of
from adapters.contract.answer import certify_result
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind
from adapters.images import canonicalise
from adapters.profiles.fingerprint import engine_parts, function_digest
from adapters.profiles.shipped import find_profile
from adapters.settings import Settings
from adapters.store.tensors import tensor_digest
from robustify.errors import InvalidInputError, ModelFilesError, RobustifyError
from robustify.smoothing.claims import Counts, recomputed_verdict
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Selection
from robustify.smoothing.statistics import rounded_down
from robustify.types import SmoothingParameters, Task

Change = Callable[[dict[str, Any]], None]
PRIVATE_KEY, NOISE_SECRET = b"k" * 32, b"s" * 32
LABELS = ("cat", 'dog "é"', "<b>bird</b>")
PARTS = engine_parts(find_profile("mini"), Settings(profile="mini"))
ISSUER = Issuer(PARTS, NOISE_SECRET, PRIVATE_KEY)
KEY = TrustedKey(ISSUER.public_key, "the given key")
NOW = 1_750_000_000.9


def png(path: Path, size: tuple[int, int] = (48, 40)) -> bytes:
    Image.linear_gradient("L").resize(size).convert("RGB").save(path, "PNG")
    return path.read_bytes()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return png(tmp_path_factory.mktemp("picture") / "picture.png")


def request_for(picture: bytes, **changes: Any) -> JobRequest:
    image, engine = canonicalise(picture, 32), canonical_digest(PARTS)
    values: dict[str, Any] = {
        "kind": JobKind.CERTIFY,
        "image": InputImage(
            sha256=tensor_digest(image.tensor),
            height=32,
            width=32,
            source_sha256=image.source_sha256,
            source_norm=image.source_norm,
        ),
        "labels": LABELS,
        "template": "A photo of a {}",
        "sigma": 0.25,
        "n0": 100,
        "n": 1000,
        "alpha": 0.001,
        "profile": "mini",
        "engine": engine,
    } | changes
    fingerprint = function_digest(engine, Task(values["labels"], values["template"]), values["sigma"])
    return JobRequest.model_validate({**values, "fingerprint": fingerprint})


def issue(picture: bytes, votes: tuple[int, ...] = (20, 970, 10), **changes: Any) -> dict[str, Any]:
    request = request_for(picture, **changes)
    selection = (2, request.n0 - 3, 1)
    result = certify_result(request, Selection(1, selection), Tally(request.n, votes), seconds=1.0)
    return ISSUER.certificate(request, result, NOW)


@pytest.fixture(scope="module")
def certificate(picture: bytes) -> dict[str, Any]:
    return issue(picture)


def signed_again(certificate: dict[str, Any], change: Change) -> dict[str, Any]:
    """Changed by somebody who holds the key: only the numbers can tell."""
    changed = json.loads(json.dumps(certificate))
    change(changed)
    return {**changed, "signature": sign(PRIVATE_KEY, signed_bytes(changed))}


def failed(verification: Verification) -> list[str]:
    return [check.name for check in verification.checks if not check.passed]


def test_certificate_when_nothing_was_changed(certificate: dict[str, Any], picture: bytes) -> None:
    """All checks pass, as the document itself and as any usual text of it."""
    texts = [canonical_bytes(certificate), json.dumps(certificate).encode(), json.dumps(certificate, indent=2).encode()]

    assert failed(verify(certificate, KEY, picture)) == []
    for text in texts:
        assert failed(verify_file(text, KEY, picture)) == []
    names = [check.name for check in verify(certificate, KEY, picture).checks]
    assert names[:5] == ["format", "signature", "fingerprint", "counts", "outcome"]
    assert names[5:] == ["bound", "radius", "source_radius", "image", "source"]


def test_certificate_when_it_is_read(certificate: dict[str, Any]) -> None:
    """It says what was certified, with what, when, and in one sentence what that is worth."""
    assert (certificate["outcome"], certificate["label"], certificate["index"]) == ("certified", LABELS[1], 1)
    assert certificate["votes"] == [20, 970, 10]
    assert certificate["model"]["engine"] == PARTS
    assert certificate["issued_at"] == "2025-06-15T15:06:40Z"
    assert set(certificate["software"]) >= {"python", "torch", "diffusers", "open_clip", "scipy", "robustify"}
    assert certificate["image"]["source_norm"] != 1
    assert "real numbers" in certificate["statement"]
    assert f"{rounded_down(certificate['radius']):.4f} in L2" in certificate["statement"]


@pytest.mark.parametrize("votes", [(970, 20, 10), (500, 500, 0), (0, 0, 0)])
def test_certificate_when_the_outcome_is_to_abstain(picture: bytes, votes: tuple[int, ...]) -> None:
    """It has one too, without radii, and it can be checked."""
    certificate = issue(picture, votes)

    assert (certificate["outcome"], certificate["radius"], certificate["radius_source_pixels"]) == (
        "abstained",
        None,
        None,
    )
    assert "No radius" in certificate["statement"]
    assert failed(verify(certificate, KEY, picture)) == []


def test_certificate_when_no_sample_voted(picture: bytes) -> None:
    """It names no label, and passes."""
    request = request_for(picture)
    result = certify_result(request, Selection(0, (0, 0, 0)), Tally(request.n, (0, 0, 0)), seconds=1.0)
    certificate = ISSUER.certificate(request, result, NOW)

    assert (certificate["label"], certificate["index"]) == (None, None)
    assert failed(verify(certificate)) == []


@pytest.mark.parametrize(
    ("bound", "aim"),
    [
        ("multiclass", {}),
        ("anytime", {"target_radius": 0.3}),
        ("anytime", {"target_radius": 0.6}),
        ("anytime", {"tolerance": 0.1}),
    ],
)
def test_certificate_when_another_bound_was_used(picture: bytes, bound: str, aim: dict[str, float]) -> None:
    """Its numbers are recomputed too."""
    samples = 400 if bound == "anytime" else 1000
    votes = (samples // 50, samples - samples // 50, 0)
    parameters = SmoothingParameters(0.25, 100, 1000, 0.001)
    claim = recomputed_verdict(
        bound, Counts(1, (2, 97, 1), votes, samples, parameters, aim.get("target_radius"), aim.get("tolerance"))
    )

    def state(document: dict[str, Any]) -> None:
        document["smoothing"].update({"samples_used": 100 + samples, **aim})
        norm = document["image"]["source_norm"]
        source = None if claim.radius is None else claim.radius / norm * (1 - 1e-9)
        document.update(
            {"votes": votes, "outcome": claim.outcome, "radius": claim.radius, "radius_source_pixels": source}
        )
        document["bound"] = {"name": bound, "p_lower": claim.p_lower, "p_upper": claim.p_upper}

    assert failed(verify(signed_again(issue(picture), state), KEY)) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_certificate_when_one_byte_is_changed(certificate: dict[str, Any], data: st.DataObject) -> None:
    """Some check fails and is named, whichever byte it was and whatever it became."""
    text = bytearray(canonical_bytes(certificate))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    verification = verify_file(bytes(text))

    assert not verification.valid
    assert failed(verification)


@pytest.mark.slow
def test_certificate_when_any_digit_or_letter_is_changed(certificate: dict[str, Any]) -> None:
    """Every byte, one after the other, with its lowest bit and with the bit of capital letters turned."""
    text = canonical_bytes(certificate)
    for place in range(len(text)):
        for bit in (0x01, 0x20):
            changed = bytearray(text)
            changed[place] ^= bit
            assert not verify_file(bytes(changed)).valid, (place, bit)


def at(*path: str) -> Callable[[Any], Change]:
    """A change of one value to another."""

    def to(value: Any) -> Change:
        def change(document: dict[str, Any]) -> None:
            place = document
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = value

        return change

    return to


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (at("radius")(0.9), {"radius", "source_radius"}),
        (at("radius_source_pixels")(5.0), {"source_radius"}),
        (at("image", "source_norm")(0.1), {"source_radius"}),
        (at("bound", "p_lower")(0.99), {"bound"}),
        (at("bound", "p_upper")(0.1), {"bound"}),
        (at("bound", "name")("wishful"), {"bound", "radius"}),
        (at("bound", "name")("multiclass"), {"bound", "radius"}),
        (at("votes")([10, 980, 10]), {"bound", "radius"}),
        (at("votes")([20, 981, 10]), {"counts", "bound", "radius"}),
        (at("votes")([970]), {"counts", "bound", "radius"}),
        (at("selection_votes")([98, 1, 1]), {"outcome"}),
        (at("selection_votes")([100, 97, 1]), {"counts"}),
        (at("smoothing", "n")(900), {"counts", "bound", "radius"}),
        (at("smoothing", "samples_used")(100), {"counts", "bound", "radius"}),
        (at("smoothing", "alpha")(0.01), {"bound", "radius"}),
        (at("smoothing", "sigma")(0.5), {"fingerprint", "radius"}),
        (at("labels")([*LABELS[:2], "fish"]), {"fingerprint"}),
        (at("template")("{}"), {"fingerprint"}),
        (at("model", "engine", "k")(2.0), {"fingerprint"}),
        (at("model", "engine", "k")(2.0e16), {"fingerprint"}),
        (at("model", "engine", "more")("x"), {"fingerprint"}),
        (at("label")("cat"), {"outcome"}),
        (at("outcome")("abstained"), {"outcome", "radius"}),
    ],
)
def test_certificate_when_its_signer_lied(certificate: dict[str, Any], change: Change, names: set[str]) -> None:
    """The signature holds, and the checks of what was changed fail."""
    found = failed(verify(signed_again(certificate, change), KEY))

    assert "signature" not in found
    assert names <= set(found)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("votes"),
        lambda document: document["smoothing"].pop("sigma"),
        lambda document: document.update(more=1),
        at("format")("receipt"),
        at("format_version")(0),
        at("format_version")(True),
        at("radius")(float("nan")),
        at("radius")("0.3"),
        at("votes")([20.5, 970, 10]),
        at("votes")([20, -1, 10]),
        at("votes")([20, 2**60, 10]),
        at("label")("\ud800"),
        at("signature")("F" * 128),
        at("smoothing", "n")(10**9),
        at("smoothing", "noise")("laplace"),
        at("smoothing", "sigma")(1e-9),
        at("image", "height")(10**6),
    ],
)
def test_certificate_when_its_format_is_another(certificate: dict[str, Any], change: Change) -> None:
    """An older or broken format fails by that name, with a sentence, and nothing else is said."""
    document = json.loads(json.dumps(certificate))
    change(document)
    verification = verify(document)

    assert [check.name for check in verification.checks] == failed(verification) == ["format"]
    assert verification.checks[0].detail.endswith(".")


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b"\xff", b"x" * (MAX_BYTES + 1), b'{"a":NaN}'])
def test_file_when_it_is_no_certificate(text: bytes) -> None:
    """It fails as a format."""
    assert failed(verify_file(text)) == ["format"]


def test_signature_when_the_key_is_not_known(certificate: dict[str, Any]) -> None:
    """It proves that nothing was changed, and says that it does not prove whose it is."""
    signature = verify(certificate).checks[1]

    assert signature.passed
    assert "nothing on whose key" in signature.detail


def test_signature_when_somebody_else_signed(certificate: dict[str, Any]) -> None:
    """Another key fails where one is trusted, and a foreign signature under our key anywhere."""
    other = b"o" * 32
    theirs = {**certificate, "public_key": public_key_of(other)}
    theirs["signature"] = sign(other, signed_bytes(theirs))
    forged = {**certificate, "signature": sign(other, signed_bytes(certificate))}

    assert failed(verify(theirs)) == []
    assert failed(verify(theirs, KEY)) == ["signature"]
    assert failed(verify(forged)) == ["signature"]


def test_image_when_it_is_another(certificate: dict[str, Any], tmp_path: Path, picture: bytes) -> None:
    """Another picture fails as image and source; no picture at all too."""
    Image.radial_gradient("L").resize((48, 40)).save(tmp_path / "other.png", "PNG")
    other = (tmp_path / "other.png").read_bytes()

    assert failed(verify(certificate, KEY, other)) == ["image", "source"]
    assert failed(verify(certificate, KEY, picture[:100])) == ["image", "source"]


def test_image_when_it_was_saved_again(certificate: dict[str, Any], tmp_path: Path, picture: bytes) -> None:
    """The same pixels in another file have the same tensor, and both radii hold: it passes, and says so."""
    (tmp_path / "picture.png").write_bytes(picture)
    Image.open(tmp_path / "picture.png").save(tmp_path / "again.webp", lossless=True)
    verification = verify(certificate, KEY, (tmp_path / "again.webp").read_bytes())

    assert failed(verification) == []
    assert "another file" in verification.checks[-1].detail


def test_image_when_the_same_tensor_came_from_another_size(certificate: dict[str, Any], picture: bytes) -> None:
    """Where the file's own norm is larger than the one of the certificate, the radius in its pixels does not hold."""
    change = at("image")({**certificate["image"], "source_sha256": "0" * 64, "source_norm": 0.01})
    checks = verify(signed_again(certificate, change), KEY, picture).checks

    assert [check.passed for check in checks if check.name in ("image", "source")] == [True, False]


def test_seed_when_it_is_revealed(certificate: dict[str, Any], tmp_path: Path) -> None:
    """The secret that made the noise gives what the certificate commits to, no other does, and none is made for it."""
    parsed = read_certificate(certificate)
    seed = seed_of(parsed, Settings(state_dir=tmp_path, secret=NOISE_SECRET.hex()))

    assert check_seed(parsed, seed).passed
    assert not check_seed(parsed, bytes(32)).passed
    with pytest.raises(RobustifyError, match="another secret"):
        seed_of(parsed, Settings(state_dir=tmp_path, secret="00" * 32))
    with pytest.raises(InvalidInputError, match="no secret"):
        seed_of(parsed, Settings(state_dir=tmp_path / "empty"))
    assert not (tmp_path / "empty").exists()


def test_issuing_when_the_models_changed(picture: bytes) -> None:
    """No certificate names parts that are not those of the function that voted."""
    request = request_for(picture)
    result = certify_result(request, Selection(1, (2, 97, 1)), Tally(request.n, (20, 970, 10)), seconds=1.0)

    with pytest.raises(ModelFilesError, match="changed"):
        replace(ISSUER, engine={**PARTS, "k": 9.0}).certificate(request, result, NOW)


@pytest.mark.slow
def test_verifying_where_no_model_library_is(tmp_path: Path, certificate: dict[str, Any]) -> None:
    """It imports none, and writes nothing."""
    (tmp_path / "certificate.json").write_bytes(canonical_bytes(certificate))
    script = (
        "import sys; from pathlib import Path; from adapters.certificates.checks import verify_file; "
        f"assert verify_file(Path({str(tmp_path / 'certificate.json')!r}).read_bytes()).valid; "
        "print(*({'torch', 'diffusers', 'transformers', 'open_clip', 'timm', 'redis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["certificate.json"]
