"""A certificate of several label sets: it verifies, names every claim, and no part of it can be changed unnoticed."""

import copy
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from adapters.canonical_json import canonical_bytes
from adapters.certificates.checks import verify, verify_file
from adapters.certificates.document import MAX_BYTES, read_certificate, signed_bytes
from adapters.certificates.issue import Issuer
from adapters.certificates.keys import sign
from adapters.certificates.public_keys import public_half
from adapters.certificates.signature_checks import TrustedKey
from adapters.contract.answer import addressed, certify_sets_result
from adapters.contract.bounds import MAX_LABELS
from adapters.contract.certificate import CertificateOfSets
from adapters.contract.jobs import InputImage, JobRecord, JobRequest, JobStatus
from adapters.contract.keys import PublicKeys
from adapters.contract.records import JobKind
from adapters.contract.results import CertifySetsResult, brief, read_result
from adapters.profiles.fingerprint import engine_digest, engine_parts, function_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.smoothing.statistics import rounded_down
from robustify.types import Bound, Noise, Task
from service.certificates.page import certificate_page
from service.jobs.schemas import describe_job
from tests.keys import HARDWARE, NOISE_KEY
from workers.commands.presentation import print_certified, print_verification

SETTINGS, PROFILE = Settings(profile="oracle-linear", state_dir=Path("/nowhere")), find_profile("oracle-linear")
"""The profile has no words, of which a certificate knows nothing."""
PRIVATE = b"k" * 32
ISSUER = Issuer(engine_parts(PROFILE, SETTINGS), HARDWARE, NOISE_KEY, PRIVATE, PROFILE.licences)
KEY = TrustedKey.of(PublicKeys(public_key=ISSUER.public_key, noise_key=public_half(NOISE_KEY)), "the given key")
SETS = (("cat", 'dog" within 9.0, "x'), ("animal", "vehicle", "plant"), ("left", "right"))
VOTES = (30, 970, 990, 4, 6, 500, 500)
SELECTIONS = (Selection(1, (2, 23), 25), Selection(0, (25, 0, 0), 25), Selection(1, (5, 20), 25))

WAYS: list[dict[str, Any]] = [
    {},
    {"bound": Bound.CLOPPER_PEARSON, "selection_looks": None, "n0": 25},
    {"templates": ("a {}", "the {}")},
]


def answer(
    votes: tuple[int, ...] = VOTES,
    selections: tuple[Selection, ...] = SELECTIONS,
    sets: tuple[tuple[str, ...], ...] = SETS,
    **changes: Any,
) -> tuple[JobRequest, CertifySetsResult]:
    engine, task = engine_digest(PROFILE, SETTINGS), Task.of_sets(sets, changes.get("templates") or ["a {}"])
    noise = changes.get("noise", Noise.GAUSSIAN)
    values = {
        "kind": JobKind.CERTIFY,
        "image": InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.5),
        "labels": (),
        "label_sets": sets,
        "template": task.template,
        "sigma": 0.25,
        "n0": 100,
        "n": 1000,
        "alpha": 0.003,
        "bound": Bound.MULTICLASS,
        "selection_looks": Looks(25),
        "profile": PROFILE.name,
        "engine": engine,
        "fingerprint": function_digest(engine, task, 0.25, noise),
    }
    request = JobRequest.model_validate({**values, **changes})
    result = certify_sets_result(request, selections, Tally(1000, votes), seconds=1.0)
    certified = ISSUER.certified_together(request, result, 0.0)
    assert isinstance(certified, CertifySetsResult)
    return request, certified


def document_of(result: CertifySetsResult) -> dict[str, Any]:
    assert result.certificate is not None
    return copy.deepcopy(dict(result.certificate))


def failed(document: dict[str, Any]) -> set[str]:
    """The checks that fail once it is signed again by who may sign."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    signed = {**unsigned, "signature": sign(PRIVATE, signed_bytes(unsigned))}
    return {check.name for check in verify(signed, KEY).checks if not check.passed}


@pytest.mark.parametrize(
    ("noise", "changes"),
    list(product(Noise, WAYS)),
)
def test_certificate_in_every_way_that_it_is_shown(noise: Noise, changes: dict[str, Any]) -> None:
    """The document verifies; page, command line and job say what it says, of each label set."""
    request, result = answer(noise=noise, **changes)
    verification = verify_file(canonical_bytes(result.certificate), KEY)
    console = Console(width=500, record=True, file=None, quiet=False)
    with console.capture() as printed:
        print_certified(console, result)
        print_verification(console, verification.report)
    assert isinstance(verification.certificate, CertificateOfSets)
    page = certificate_page(verification.certificate)
    record = JobRecord(
        id="j", request=request, status=JobStatus.SUCCEEDED, created_at=0.0, samples_total=1100, result=result
    )
    shown = json.loads(describe_job(record).model_dump_json())

    assert [check.detail for check in verification.checks if not check.passed] == []
    assert verification.verdict == "valid"
    assert [answer["label"] for answer in shown["result"]["sets"]] == ['dog" within 9.0, "x', "animal", "right"]
    assert shown["params"]["label_sets"] == [list(labels) for labels in SETS]
    assert "2 of 3 label sets have a radius" in printed.get()
    assert "label set 3" in page
    assert "3 label sets were asked about" in page
    assert brief(result).outcome == "certified"
    assert read_result(JobKind.CERTIFY, result.model_dump_json()) == result


def test_statement_when_a_label_reads_as_a_claim() -> None:
    """The claims are JSON at its end, with radii rounded down, and name the sets that have one."""
    _, result = answer()
    text = str(document_of(result)["statement"])
    claims = json.loads(f"[{text.rpartition(' are: ')[2]}]")
    assert claims == [
        [number, rounded_down(answer.radius), answer.label]
        for number, answer in enumerate(result.sets, start=1)
        if answer.radius
    ]
    assert "at most 0.003 for all claims together" in text
    assert "In the other label sets, which are 1, no radius is certified." in text


def test_statement_when_no_set_has_a_radius() -> None:
    """It claims nothing, and the certificate is as valid."""
    selections = (Selection(0, (0, 0), 25), Selection(0, (0, 0, 0), 25), Selection(0, (0, 0), 25))
    _, result = answer((0,) * 7, selections)
    document = document_of(result)
    assert (result.outcome, failed(document)) == ("abstained", set())
    assert str(document["statement"]).startswith("No radius is certified")
    assert [claim["label"] for claim in document["sets"]] == [None] * 3


def changed(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *names, last = path.split(".")
        found: Any = document
        for name in names:
            found = found[int(name) if name.isdigit() else name]
        found[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        (changed("sets.1.labels.2", "stone"), {"fingerprint"}),
        (changed("sets.1.votes", [991, 4, 5]), {"bound", "radius"}),
        (changed("sets.0.votes", [31, 970]), {"counts", "bound", "radius"}),
        (changed("sets.0.radius", 0.9), {"radius", "source_radius", "statement"}),
        (changed("sets.2.radius", 0.1), {"outcome", "radius", "source_radius", "statement"}),
        (changed("sets.2.index", 0), {"outcome"}),
        (changed("alpha_each", 0.003), {"alpha", "bound", "radius"}),
        (changed("alpha_each", 0.0009), {"alpha", "bound", "radius"}),
        (changed("smoothing.alpha", 0.0003), {"alpha", "statement", "noise_proof"}),
        (changed("statement", "All is well."), {"statement"}),
        (changed("sets.0.bound.name", "clopper-pearson"), {"bound", "radius", "noise_proof"}),
    ],
)
def test_certificate_when_it_is_changed_and_signed_again(
    change: Callable[[dict[str, Any]], None], checks: set[str]
) -> None:
    """What does not follow from the counts and the sets fails by name, whoever signed it."""
    document = document_of(answer()[1])
    change(document)
    assert failed(document) == checks


def test_certificate_when_its_sets_change_places() -> None:
    """It is another question: neither fingerprint nor noise are those of these sets."""
    document = document_of(answer()[1])
    document["sets"] = document["sets"][::-1]
    assert "fingerprint" in failed(document)


def test_certificate_when_a_set_is_left_out() -> None:
    """The claims that pleased nobody cannot be dropped: alpha, fingerprint and words are those of all sets."""
    document = document_of(answer()[1])
    del document["sets"][2]
    assert {"alpha", "fingerprint"} <= failed(document)


def test_certificate_when_one_of_its_claims_is_passed_off_as_a_whole() -> None:
    """A certificate of one label set needs a question of its own: neither fingerprint nor noise fit."""
    found = read_certificate(document_of(answer()[1]))
    assert isinstance(found, CertificateOfSets)
    alone = found.each[0].model_dump(mode="json")
    assert {"fingerprint", "statement", "noise_proof"} <= failed(alone)


def test_certificate_of_as_many_of_the_longest_labels_as_may_be() -> None:
    """It fits into what is read."""
    sets = tuple(
        tuple(f"{chr(0x1D504 + place)}{number:05d}".ljust(100, chr(0x1D504)) for number in range(MAX_LABELS))
        for place in range(2)
    )
    votes = (1000, *[0] * (MAX_LABELS - 1)) * 2
    selections = (Selection(0, (25, *[0] * (MAX_LABELS - 1)), 25),) * 2
    _, result = answer(votes, selections, sets)
    data = canonical_bytes(result.certificate)
    assert len(data) < MAX_BYTES * 0.6
    assert verify_file(data, KEY).valid


def test_outcome_when_another_file_has_the_same_tensor() -> None:
    """Every radius in pixels of the file is that of the file that was sent."""
    request, result = answer()
    other = request.model_copy(update={"image": request.image.model_copy(update={"source_norm": 3.0})})
    found = addressed(result, other)
    assert isinstance(found, CertifySetsResult)
    assert [answer.radius_source_pixels for answer in found.sets] == [
        pytest.approx(answer.radius / 3) if answer.radius else None for answer in result.sets
    ]
