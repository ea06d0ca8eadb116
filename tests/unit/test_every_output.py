"""Every certificate that there can be is shown in every way: noise x bound x outcome x task."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from adapters.certificates.checks import verify
from adapters.certificates.issue import Issuer
from adapters.certificates.public_keys import public_half
from adapters.certificates.signature_checks import TrustedKey
from adapters.contract.answer import certify_result
from adapters.contract.jobs import InputImage, JobRecord, JobRequest, JobStatus
from adapters.contract.keys import PublicKeys
from adapters.contract.records import JobKind
from adapters.contract.results import CertifyResult
from adapters.profiles.fingerprint import engine_digest, engine_parts, function_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.types import Bound, Noise, Task
from service.certificates.page import certificate_page
from service.jobs.schemas import describe_job
from tests.keys import HARDWARE, NOISE_KEY
from workers.commands.presentation import print_certificate, print_verification
from workers.evaluation.rows import said_by

SETTINGS, PROFILE = Settings(profile="oracle-linear", state_dir=Path("/nowhere")), find_profile("oracle-linear")
ISSUER = Issuer(engine_parts(PROFILE, SETTINGS), HARDWARE, NOISE_KEY, b"k" * 32, PROFILE.licences)
KEY = TrustedKey.of(PublicKeys(public_key=ISSUER.public_key, noise_key=public_half(NOISE_KEY)), "the given key")
TASKS: Mapping[str, Mapping[str, Any]] = {
    "labels": {},
    "task": {"task": 'my "pets"', "version": 2},
    "adapted": {"task": "pets", "version": 3, "adaptation": "c" * 64},
}
EARLY = {"selection_looks": Looks(25)}
ANYTIME = {**EARLY, "bound": Bound.ANYTIME, "looks": Looks(25, 400, 100)}
KINDS: Mapping[str, tuple[Mapping[str, Any], tuple[int, int], str]] = {
    "clopper-pearson certified": ({}, (30, 970), "certified"),
    "clopper-pearson abstained": ({}, (500, 500), "abstained"),
    "multiclass certified": ({**EARLY, "bound": Bound.MULTICLASS}, (30, 970), "certified"),
    "multiclass abstained": ({**EARLY, "bound": Bound.MULTICLASS}, (500, 500), "abstained"),
    "target certified": ({**ANYTIME, "target_radius": 0.2}, (2, 98), "certified"),
    "target not certified": ({**ANYTIME, "target_radius": 0.2}, (40, 10), "not_certified"),
    "target undecided": ({**ANYTIME, "target_radius": 0.2}, (212, 788), "undecided"),
    "tolerance certified": ({**ANYTIME, "tolerance": 0.1}, (30, 970), "certified"),
    "tolerance abstained": ({**ANYTIME, "tolerance": 0.1}, (500, 500), "abstained"),
    "no votes": ({}, (0, 0), "abstained"),
}


def answer(noise: Noise, kind: str, task: str) -> tuple[JobRequest, CertifyResult]:
    changes, votes, _ = KINDS[kind]
    engine, asked = engine_digest(PROFILE, SETTINGS), TASKS[task]
    label_task = Task(('left" <b>', "right"), "a {}", asked.get("adaptation"))
    request = JobRequest(
        kind=JobKind.CERTIFY,
        image=InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.5),
        labels=label_task.labels,
        template=label_task.template,
        sigma=0.25,
        n0=100,
        n=1000,
        alpha=0.001,
        noise=noise,
        profile=PROFILE.name,
        engine=engine,
        fingerprint=function_digest(engine, label_task, 0.25, noise),
        **{**asked, **changes},
    )
    drawn = 25 if request.selection_looks else 100
    selection = Selection(0, (0, 0), drawn) if kind == "no votes" else Selection(1, (2, drawn - 2), drawn)
    result = certify_result(request, selection, Tally(sum(votes) or 1000, votes), seconds=1.0)
    return request, ISSUER.certified(request, result, 0.0)


@pytest.mark.parametrize(("noise", "kind", "task"), list(product(Noise, KINDS, TASKS)))
def test_output_of_a_certificate(noise: Noise, kind: str, task: str) -> None:
    """The document verifies; page, command line, job and row of an evaluation say what it says."""
    request, result = answer(noise, kind, task)
    verification = verify(result.certificate, KEY)
    console = Console(width=500, record=True, file=None, quiet=False)
    with console.capture() as printed:
        print_certificate(console, result)
        print_verification(console, verification.report)
    assert verification.certificate is not None
    page = certificate_page(verification.certificate)
    record = JobRecord(
        id="j", request=request, status=JobStatus.SUCCEEDED, created_at=0.0, samples_total=1100, result=result
    )

    assert [check.detail for check in verification.checks if not check.passed] == []
    assert result.outcome == KINDS[kind][2]
    assert json.loads(describe_job(record).model_dump_json())["result"]["outcome"] == result.outcome
    assert said_by(result)["outcome"] == result.outcome
    assert ("within L2 radius" in printed.get()) is (result.radius is not None)
    assert ("can alter the answer" in page) is (result.radius is not None)
    assert (result.radius_source_pixels is None) is (result.radius is None or noise is Noise.LATTICE)
    assert ("whole grey levels" in page) is (noise is Noise.LATTICE)
    assert "business use: yes" in page
    assert "licences: denoiser" in printed.get()
    assert "<b>" not in page
