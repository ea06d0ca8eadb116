"""A certificate at several sigmas: it verifies, names every claim, and no part of it can be changed unnoticed."""

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
from adapters.contract.answer import addressed, certify_sigmas_result
from adapters.contract.certificate import CertificateOfSigmas
from adapters.contract.jobs import InputImage, JobRecord, JobRequest, JobStatus
from adapters.contract.keys import PublicKeys
from adapters.contract.label_sets import MAX_LABELS_IN_ALL
from adapters.contract.records import JobKind
from adapters.contract.results import CertifySigmasResult, brief, read_result
from adapters.profiles.fingerprint import engine_digest, engine_parts, function_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.types import Bound, Noise, Task
from service.certificates.page import certificate_page
from service.jobs.schemas import describe_job
from tests.keys import HARDWARE, NOISE_KEY
from workers.commands.presentation import print_certified, print_verification

SETTINGS, PROFILE = Settings(profile="oracle-linear", state_dir=Path("/nowhere")), find_profile("oracle-linear")
PRIVATE = b"k" * 32
ISSUER = Issuer(engine_parts(PROFILE, SETTINGS), HARDWARE, NOISE_KEY, PRIVATE, PROFILE.licences)
KEY = TrustedKey.of(PublicKeys(public_key=ISSUER.public_key, noise_key=public_half(NOISE_KEY)), "the given key")
SIGMAS = (0.25, 0.5, 1.0)
LABELS = ("cat", 'dog" within 9.0, "x', "ship")
VOTES = (4, 990, 6, 10, 950, 40, 370, 330, 300)
"""The largest radius is at the sigma in the middle; at the largest there is none, and the class is another."""
SELECTIONS = (Selection(1, (2, 23, 0), 25), Selection(1, (0, 25, 0), 25), Selection(0, (15, 5, 5), 25))

WAYS: list[dict[str, Any]] = [
    {},
    {"bound": Bound.CLOPPER_PEARSON, "selection_looks": None, "n0": 25},
    {"templates": ("a {}", "the {}")},
]


def answer(
    votes: tuple[int, ...] = VOTES,
    selections: tuple[Selection, ...] = SELECTIONS,
    labels: tuple[str, ...] = LABELS,
    **changes: Any,
) -> tuple[JobRequest, CertifySigmasResult]:
    engine, task = engine_digest(PROFILE, SETTINGS), Task.of(labels, changes.get("templates") or ["a {}"])
    noise = changes.get("noise", Noise.GAUSSIAN)
    sigmas = changes.get("sigmas", SIGMAS)
    values = {
        "kind": JobKind.CERTIFY,
        "image": InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.5),
        "labels": labels,
        "template": task.template,
        "sigma": sigmas[-1],
        "sigmas": sigmas,
        "n0": 100,
        "n": 1000,
        "alpha": 0.003,
        "bound": Bound.MULTICLASS,
        "selection_looks": Looks(25),
        "profile": PROFILE.name,
        "engine": engine,
        "fingerprint": function_digest(engine, task, sigmas[-1], noise, sigmas),
    }
    request = JobRequest.model_validate({**values, **changes})
    result = certify_sigmas_result(request, selections, Tally(1000, votes), seconds=1.0)
    certified = ISSUER.certified_together(request, result, 0.0)
    assert isinstance(certified, CertifySigmasResult)
    return request, certified


def document_of(result: CertifySigmasResult) -> dict[str, Any]:
    assert result.certificate is not None
    return copy.deepcopy(dict(result.certificate))


def failed(document: dict[str, Any]) -> set[str]:
    """The checks that fail once it is signed again by who may sign."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    signed = {**unsigned, "signature": sign(PRIVATE, signed_bytes(unsigned))}
    return {check.name for check in verify(signed, KEY).checks if not check.passed}


@pytest.mark.parametrize(("noise", "changes"), list(product(Noise, WAYS)))
def test_certificate_at_several_sigmas_in_every_way_that_it_is_shown(noise: Noise, changes: dict[str, Any]) -> None:
    """The document verifies; page, command line and job say what it says: the answer, and what is so at each sigma."""
    request, result = answer(noise=noise, **changes)
    verification = verify_file(canonical_bytes(result.certificate), KEY)
    console = Console(width=500, record=True, file=None, quiet=False)
    with console.capture() as printed:
        print_certified(console, result)
        print_verification(console, verification.report)
    assert isinstance(verification.certificate, CertificateOfSigmas)
    page = certificate_page(verification.certificate)
    record = JobRecord(
        id="j", request=request, status=JobStatus.SUCCEEDED, created_at=0.0, samples_total=3300, result=result
    )
    shown = json.loads(describe_job(record).model_dump_json())

    assert [check.detail for check in verification.checks if not check.passed] == []
    assert verification.verdict == "valid"
    assert (shown["result"]["sigma"], shown["result"]["index"]) == (0.5, 1)
    assert shown["result"]["radius"] == max(one["radius"] or 0.0 for one in shown["result"]["sigmas"])
    assert [one["radius"] is None for one in shown["result"]["sigmas"]] == [False, False, True]
    assert shown["params"]["sigmas"] == list(SIGMAS)
    assert "at sigma 0.5" in printed.get()
    assert "3 sigmas were asked about" in page
    assert "it is that of sigma 0.5" in page
    assert "sigma 1" in page
    assert brief(result) == (result.outcome, result.label, result.radius)
    assert result.copies_used == 3 * result.samples_used
    assert read_result(JobKind.CERTIFY, result.model_dump_json()) == result


def test_statement_of_several_sigmas() -> None:
    """The claims are JSON at its end, the largest radius first; it says of which classifier nothing is claimed."""
    text = str(document_of(answer()[1])["statement"])
    claims = json.loads(f"[{text.rpartition(' are: ')[2]}]")
    assert [(sigma, label) for sigma, _, label in claims] == [(0.5, LABELS[1]), (0.25, LABELS[1])]
    assert claims[0][1] > claims[1][1]
    assert "at most 0.003 for all claims together" in text
    assert "Nothing is claimed of a classifier that takes another sigma for each point." in text
    assert "At the other sigmas, which are 1, no radius is certified." in text


def test_statement_when_no_sigma_has_a_radius() -> None:
    """It claims nothing; the smallest sigma answers, and the certificate is as valid."""
    selections = (Selection(0, (0, 0, 0), 25),) * 3
    _, result = answer((0,) * 9, selections)
    document = document_of(result)
    assert (result.outcome, result.sigma, result.label, failed(document)) == ("abstained", 0.25, None, set())
    assert str(document["statement"]).startswith("No radius is certified")


def changed(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *names, last = path.split(".")
        found: Any = document  # Any: whatever stands on the way there.
        for name in names:
            found = found[int(name) if name.isdigit() else name]
        found[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        (changed("smoothing.sigma", 0.25), {"outcome"}),
        (changed("at_sigmas.1.votes", [9, 951, 40]), {"bound", "radius"}),
        (changed("at_sigmas.0.votes", [5, 990, 6]), {"counts", "bound", "radius"}),
        (changed("at_sigmas.1.radius", 1.9), {"radius", "source_radius", "statement"}),
        (changed("at_sigmas.0.radius", 1.9), {"outcome", "radius", "source_radius", "statement"}),
        (changed("at_sigmas.2.index", 1), {"outcome"}),
        (changed("at_sigmas.1.sigma", 0.6), {"fingerprint", "outcome", "radius", "statement"}),
        (changed("alpha_each", 0.003), {"alpha", "bound", "radius"}),
        (changed("smoothing.alpha", 0.0003), {"alpha", "statement", "noise_proof"}),
        (changed("statement", "All is well."), {"statement"}),
        (changed("at_sigmas.0.bound.name", "clopper-pearson"), {"bound", "radius", "noise_proof"}),
        (changed("at_sigmas.0.labels", ["cat", "dog", "ship"]), {"format"}),
        (changed("at_sigmas.0.sigma", 0.5), {"format"}),
        (changed("at_sigmas.0.sigma", 2.0), {"format"}),
    ],
)
def test_certificate_at_several_sigmas_when_it_is_changed_and_signed_again(
    change: Callable[[dict[str, Any]], None], checks: set[str]
) -> None:
    """What does not follow from the counts and the sigmas fails by name, whoever signed it."""
    document = document_of(answer()[1])
    change(document)
    assert failed(document) == checks


def test_certificate_when_a_sigma_is_left_out() -> None:
    """The claims that pleased nobody cannot be dropped: alpha and fingerprint are those of all sigmas."""
    document = document_of(answer()[1])
    del document["at_sigmas"][2]
    assert {"alpha", "fingerprint", "statement"} <= failed(document)


def test_certificate_when_the_claim_at_one_sigma_is_passed_off_as_a_whole() -> None:
    """A certificate at one sigma needs a question of its own: neither fingerprint nor noise fit."""
    found = read_certificate(document_of(answer()[1]))
    assert isinstance(found, CertificateOfSigmas)
    alone = found.each[1].model_dump(mode="json")
    assert {"fingerprint", "statement", "noise_proof"} <= failed(alone)


def test_certificate_when_the_least_noise_is_passed_off_as_more() -> None:
    """Votes at a small sigma that are stated at a larger one would have a larger radius: the fingerprint tells."""
    document = document_of(answer()[1])
    claims = document["at_sigmas"]
    claims[0]["votes"], claims[2]["votes"] = claims[2]["votes"], claims[0]["votes"]
    assert {"bound", "radius"} <= failed(document)


def test_certificate_of_as_many_labels_and_sigmas_as_may_be() -> None:
    """It fits into what is read."""
    sigmas = tuple(round(0.1 * place, 2) for place in range(1, 9))
    count = MAX_LABELS_IN_ALL // len(sigmas)
    labels = tuple(f"{number:05d}".ljust(100, chr(0x1D504)) for number in range(count))
    votes = (1000, *[0] * (count - 1)) * len(sigmas)
    selections = (Selection(0, (25, *[0] * (count - 1)), 25),) * len(sigmas)
    _, result = answer(votes, selections, labels, sigmas=sigmas)
    data = canonical_bytes(result.certificate)
    assert len(data) < MAX_BYTES * 0.6
    assert verify_file(data, KEY).valid


def test_cascade_when_another_file_has_the_same_tensor() -> None:
    """Every radius in pixels of the file is that of the file that was sent, the answer's too."""
    request, result = answer()
    other = request.model_copy(update={"image": request.image.model_copy(update={"source_norm": 3.0})})
    found = addressed(result, other)
    assert isinstance(found, CertifySigmasResult)
    assert found.radius_source_pixels == pytest.approx((result.radius or 0.0) / 3)
    assert [one.radius_source_pixels for one in found.sigmas] == [
        pytest.approx(one.radius / 3) if one.radius else None for one in result.sigmas
    ]
