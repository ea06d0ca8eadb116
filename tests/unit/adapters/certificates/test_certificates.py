"""Certificates: issued from results, and checked; whatever is changed in one, a check that fails names it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from PIL import Image

from adapters.canonical_json import canonical_bytes, canonical_digest
from adapters.certificates.check import SIGNER_UNKNOWN, Verification
from adapters.certificates.checks import verify, verify_file
from adapters.certificates.document import MAX_BYTES, signed_bytes
from adapters.certificates.issue import Issuer
from adapters.certificates.keys import is_signed, public_key_of, sign
from adapters.certificates.public_keys import public_half
from adapters.certificates.signature_checks import TrustedKey
from adapters.certificates.vrf import NoiseKey
from adapters.contract.answer import certify_result
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.keys import PublicKeys
from adapters.contract.records import JobKind
from adapters.images import canonicalise
from adapters.profiles.fingerprint import engine_parts, function_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.tensors import tensor_digest
from robustify.errors import ModelFilesError
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.smoothing.statistics import rounded_down, source_radius
from robustify.types import Noise, Task
from tests.keys import HARDWARE, NOISE_KEY

Change = Callable[[dict[str, Any]], None]
PRIVATE_KEY = b"k" * 32
LABELS = ("cat", 'dog "é"', "<b>bird</b>")
PARTS = engine_parts(find_profile("mini"), Settings(profile="mini"))
ISSUER = Issuer(PARTS, HARDWARE, NOISE_KEY, PRIVATE_KEY)
KEYS = PublicKeys(public_key=ISSUER.public_key, noise_key=public_half(NOISE_KEY))
KEY = TrustedKey.of(KEYS, "the given key")
NUMBERS = ["outcome", "bound", "radius", "source_radius"]
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
    adaptation, templates = values.get("adaptation"), values.get("templates", ())
    task = Task(values["labels"], values["template"], adaptation, templates)
    fingerprint = function_digest(engine, task, values["sigma"], values.get("noise", Noise.GAUSSIAN))
    return JobRequest.model_validate({**values, "fingerprint": fingerprint})


def issue(picture: bytes, votes: tuple[int, ...] = (20, 970, 10), **changes: Any) -> dict[str, Any]:
    request = request_for(picture, **changes)
    selection = (2, request.n0 - 3, 1)
    result = certify_result(request, Selection(1, selection, request.n0), Tally(request.n, votes), seconds=1.0)
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
    assert names[:5] == ["format", "signature", "fingerprint", "alpha", "counts"]
    assert names[5:] == [*NUMBERS, "statement", "noise_key", "noise_proof", "image", "source"]


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


@pytest.mark.parametrize(
    ("adaptation", "parts"), [(None, ["denoiser", "classifier"]), ("5" * 64, ["denoiser", "classifier", "generator"])]
)
def test_certificate_with_the_licences_of_its_profile(picture: bytes, adaptation: str | None, parts: list[str]) -> None:
    """It carries those of the parts that answered, as the profile has them: signed, and named as the issuer's word."""
    request, profile = request_for(picture, adaptation=adaptation), find_profile("mini")
    result = certify_result(request, Selection(1, (2, 97, 1), request.n0), Tally(request.n, (20, 970, 10)), seconds=1.0)
    document: dict[str, Any] = replace(ISSUER, licences=profile.licences).certificate(request, result, NOW)
    verification = verify(document, KEY, picture)
    document["model"]["licences"][0]["business"] = "yes"

    assert failed(verification) == []
    assert [licence.part for licence in verification.report.licences] == parts
    assert set(verification.report.licences) <= set(profile.licences)
    assert "model.licences" in verification.issuers_word
    assert failed(verify(document, KEY, picture)) == ["signature"]


def test_certificate_without_licences(certificate: dict[str, Any]) -> None:
    """One from before licences were in it has no such field, and says nothing of them."""
    verification = verify(certificate, KEY)

    assert "licences" not in certificate["model"]
    assert (failed(verification), verification.report.licences) == ([], ())
    assert "model.licences" not in verification.issuers_word


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
    result = certify_result(request, Selection(0, (0, 0, 0), request.n0), Tally(request.n, (0, 0, 0)), seconds=1.0)
    certificate = ISSUER.certificate(request, result, NOW)

    assert (certificate["label"], certificate["index"]) == (None, None)
    assert failed(verify(certificate)) == []


LOOKS = Looks(25, head=400, stride=100)


@pytest.mark.parametrize(
    ("votes", "changes"),
    [
        ((20, 970, 10), {"bound": "multiclass", "selection_looks": Looks(25)}),
        ((8, 392, 0), {"bound": "anytime", "target_radius": 0.3, "selection_looks": Looks(25), "looks": LOOKS}),
        ((20, 5, 0), {"bound": "anytime", "target_radius": 0.6, "selection_looks": Looks(25), "looks": LOOKS}),
        ((8, 392, 0), {"bound": "anytime", "tolerance": 0.1, "looks": LOOKS}),
        ((8, 392, 0), {"bound": "anytime", "tolerance": 0.1, "looks": LOOKS, "noise": Noise.LATTICE}),
    ],
)
def test_certificate_when_it_may_have_stopped_early(
    picture: bytes, votes: tuple[int, ...], changes: dict[str, Any]
) -> None:
    """It says how many samples chose the class, how many were counted, and when they were looked at, and passes."""
    request = request_for(picture, **changes)
    drawn = 25 if request.selection_looks else request.n0
    selection = Selection(1, (0, drawn, 0), drawn)
    result = certify_result(request, selection, Tally(sum(votes), votes), seconds=1.0)
    certificate = ISSUER.certificate(request, result, NOW)

    smoothing = certificate["smoothing"]
    assert isinstance(smoothing, dict)
    assert (smoothing["selection_samples"], smoothing["samples_used"]) == (drawn, drawn + sum(votes))
    assert failed(verify(certificate, KEY, None if request.noise is Noise.LATTICE else picture)) == []


def test_certificate_when_it_stopped_where_no_look_was_planned(picture: bytes) -> None:
    """The looks are part of the question: nobody chooses one that pleases."""
    changes = {"bound": "anytime", "target_radius": 0.3, "selection_looks": Looks(25), "looks": LOOKS}
    request = request_for(picture, **changes)
    for drawn, votes in ((30, (8, 392, 0)), (25, (8, 402, 0))):
        selection = Selection(1, (0, drawn, 0), drawn)
        result = certify_result(
            request_for(picture, **{**changes, "looks": Looks(sum(votes))}),
            selection,
            Tally(sum(votes), votes),
            seconds=1.0,
        )
        certificate = ISSUER.certificate(request, result, NOW)

        assert failed(verify(certificate, KEY)) == ["counts"]


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
        (at("smoothing", "alpha")(0.01), {"bound", "radius", "noise_proof"}),
        (at("smoothing", "alpha")(0.9999999), {"alpha"}),
        (at("smoothing", "selection_samples")(101), {"counts"}),
        (at("smoothing", "selection_samples")(90), {"counts"}),
        (at("smoothing", "looks")({"step": 3, "head": 0, "stride": 3}), {"noise_proof"}),
        (at("statement")("All is well."), {"statement"}),
        (at("statement")(""), {"statement"}),
        (at("image", "sha256")("0" * 64), {"noise_proof"}),
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


def test_norm_when_its_signer_lied(certificate: dict[str, Any], picture: bytes) -> None:
    """A thousandth of the norm would make the radius in the file's pixels a thousand times as large: the file tells."""
    norm = certificate["image"]["source_norm"] / 1000

    def change(document: dict[str, Any]) -> None:
        document["image"]["source_norm"] = norm
        document["radius_source_pixels"] = source_radius(document["radius"], norm, Noise.GAUSSIAN)

    forged = signed_again(certificate, change)

    assert failed(verify(forged, KEY, picture)) == ["source"]
    assert "image.source_norm" in verify(forged, KEY).issuers_word
    assert "image.source_norm" not in verify(certificate, KEY, picture).issuers_word


def test_statement_when_a_label_reads_like_one(picture: bytes) -> None:
    """A label can neither close its quotation marks nor stand before our words."""
    label = 'cat" at every point closer than 9.0000 in L2 distance. The label "cat'
    statement = issue(picture, labels=(LABELS[0], label, LABELS[2]))["statement"]

    assert statement.endswith(f"The label is: {json.dumps(label)}")
    assert "9.0000" not in statement.removesuffix(json.dumps(label))


TEMPLATES = ("A photo of a {}", 'a {}". It is the "{')


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        (TEMPLATES, f"in 2 templates, which are {json.dumps(TEMPLATES[0])}, {json.dumps(TEMPLATES[1])}. The label is"),
        (
            (*TEMPLATES, "the {}", "one {}"),
            "in 4 templates, whose canonical JSON has the sha256 "
            f"{canonical_digest([*TEMPLATES, 'the {}', 'one {}'])}. The label is",
        ),
    ],
)
def test_certificate_of_a_prompt_ensemble(picture: bytes, templates: tuple[str, ...], said: str) -> None:
    """It has all templates, its statement names them, few or many, and it verifies; with one of them changed, or in a
    statement that leaves them out, it does not.
    """
    issued = issue(picture, templates=templates)
    assert said in issued["statement"]
    assert failed(verify(issued, KEY, picture)) == []

    def leave_out(document: dict[str, Any]) -> None:
        del document["templates"]

    def change(document: dict[str, Any]) -> None:
        document["templates"][1] = "a drawing of a {}"

    assert "statement" in failed(verify(signed_again(issued, leave_out), KEY, picture))
    assert "statement" in failed(verify(signed_again(issued, change), KEY, picture))


def test_certificate_of_one_template(certificate: dict[str, Any]) -> None:
    """It says nothing of ensembles; an ensemble of one, or one that `template` is no part of, is none."""
    assert "templates" not in certificate
    for templates in ([TEMPLATES[0]], ["the {}", TEMPLATES[0]]):
        assert failed(verify(signed_again(certificate, partial(put, templates)), KEY)) == ["format"]


def put(templates: list[str], document: dict[str, Any]) -> None:
    document["templates"] = templates


def test_verdict_when_the_signer_is_not_known(certificate: dict[str, Any]) -> None:
    """Nothing fails, but the last word is no bare "valid": whoever wrote it may have signed it."""
    assert verify(certificate).verdict == SIGNER_UNKNOWN
    assert verify(certificate, KEY).verdict == "valid"
    assert verify({**certificate, "index": 0}, KEY).verdict == "not valid"


def test_issuers_word_when_nothing_is_compared_with_it(certificate: dict[str, Any], picture: bytes) -> None:
    """What a signer may write as they please passes, and is named."""

    def change(document: dict[str, Any]) -> None:
        document["model"].update(profile="deepfloyd", task="a", version=7, hardware={"processor": "x", "threads": 1})
        document.update(software={"torch": "9"}, issued_at="2099-01-01T00:00:00Z")

    verification = verify(signed_again(certificate, change), KEY, picture)

    assert verification.valid
    named = {"model.profile", "model.task", "model.version", "model.hardware", "software", "issued_at", "votes"}
    assert named <= set(verification.report.issuers_word)


SMALL_ORDERS = [
    "01" + "00" * 31,
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "00" * 32,
    "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "01" + "00" * 30 + "80",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
"""All points whose order divides 8, in every way in which they can be written."""


@pytest.mark.parametrize("key", SMALL_ORDERS)
def test_key_when_its_order_is_small(certificate: dict[str, Any], key: str) -> None:
    """A signature that fits every message is none, whether the key is in the document or is given."""
    forged = {**certificate, "public_key": key, "signature": "01" + "00" * 63}

    assert failed(verify(forged)) == ["signature"]
    assert failed(verify(forged, TrustedKey(key, "the given key"))) == ["signature"]


def test_key_when_one_signature_fits_every_message() -> None:
    """The library accepts it with the neutral point as the key, which is why such keys are refused."""
    key, signature = SMALL_ORDERS[0], bytes([1, *[0] * 63])
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, b"whatever")

    assert not is_signed(key, signature.hex(), b"whatever")


def with_randomness(certificate: dict[str, Any], **changes: str) -> dict[str, Any]:
    return signed_again(certificate, lambda document: document["randomness"].update(changes))


def test_proof_when_it_is_of_another_question(certificate: dict[str, Any], picture: bytes) -> None:
    """It fails by its name: what an operator liked about one question is of no use for another."""
    other = issue(picture, n=1001, votes=(20, 971, 10))["randomness"]["proof"]

    assert failed(verify(with_randomness(certificate, proof=other), KEY)) == ["noise_proof"]


@pytest.mark.parametrize("place", [0, 1, 1000, 3070, 3071])
def test_proof_when_a_bit_is_changed(certificate: dict[str, Any], place: int) -> None:
    """It fails by its name, though its length is right."""
    proof = bytearray.fromhex(certificate["randomness"]["proof"])
    proof[place // 8] ^= 1 << (place % 8)

    assert failed(verify(with_randomness(certificate, proof=proof.hex()), KEY)) == ["noise_proof"]


def test_noise_key_when_it_is_short(certificate: dict[str, Any]) -> None:
    """A key of 1,024 bits fails by its name, whatever it has signed; so does one that no key can be."""
    short = rsa.generate_private_key(65537, 1024)
    modulus = f"{short.public_key().public_numbers().n:x}"
    proof = short.sign(b"question", padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256()).hex()

    assert failed(verify(with_randomness(certificate, modulus=modulus, proof=proof), KEY)) == [
        "noise_key",
        "noise_proof",
    ]
    for modulus in ("00" * 384, "00" * 64 + "ff" * 384, "0" * 128):
        assert "noise_key" in failed(verify(with_randomness(certificate, modulus=modulus)))


def test_noise_key_when_it_is_another_than_the_one_that_was_published(
    certificate: dict[str, Any], picture: bytes
) -> None:
    """A key that is made late proves its noise, and fails against the one that was known before."""
    late = replace(ISSUER, noise_key=NoiseKey(rsa.generate_private_key(65537, 2048)))
    request = request_for(picture)
    result = certify_result(request, Selection(1, (2, 97, 1), request.n0), Tally(1000, (20, 970, 10)), seconds=1.0)
    forged = late.certificate(request, result, NOW)

    assert failed(verify(forged)) == []
    assert failed(verify(forged, KEY)) == ["noise_key"]
    assert "or how it was made" in next(
        check.detail for check in verify(certificate).checks if check.name == "noise_key"
    )


def test_keys_when_the_noise_key_does_not_show_that_it_is_well_formed() -> None:
    """They are not trusted."""
    roots = KEYS.noise_key.roots
    for wrong in (roots[:7], (*roots[:7], roots[0]), (*roots[:7], "00" * 384)):
        document = KEYS.model_copy(update={"noise_key": KEYS.noise_key.model_copy(update={"roots": wrong})})
        with pytest.raises(ValueError, match="roots"):
            TrustedKey.of(document, "the given key")


def test_issuing_when_the_models_changed(picture: bytes) -> None:
    """No certificate names parts that are not those of the function that voted."""
    request = request_for(picture)
    result = certify_result(request, Selection(1, (2, 97, 1), request.n0), Tally(request.n, (20, 970, 10)), seconds=1.0)

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


@pytest.mark.parametrize("part", ["engine", "software"])
def test_certificate_when_it_has_thousands_of_parts(certificate: dict[str, Any], part: str) -> None:
    """It is refused: each would cost time, and none has so many."""
    parts = {f"part {number}": "1" for number in range(101)}
    large = (
        {**certificate, part: parts}
        if part == "software"
        else {**certificate, "model": {**certificate["model"], part: parts}}
    )
    assert failed(verify(large)) == ["format"]
