"""What a replay says of votes that differ: near ties are told apart from lies, and the claim is held against them."""

from pathlib import Path

import numpy as np
import pytest

from adapters.certificates.document import read_certificate
from adapters.certificates.issue import Issuer
from adapters.contract.answer import certify_result
from adapters.contract.certificate import Certificate
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest, engine_parts, function_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.types import Bound, Task
from tests.keys import HARDWARE, NOISE_KEY
from workers.commands.replay import Recounted, compared, differing_parts, replayed, settings_of

SETTINGS = Settings(profile="oracle-linear", state_dir=Path("/nowhere"))
PROFILE = find_profile("oracle-linear")
MARGIN = 1e-4
SELECTION, VOTES = (2, 48), (30, 970)


def certificate(votes: tuple[int, int] = VOTES, **changes: object) -> Certificate:
    engine, task = engine_digest(PROFILE, SETTINGS), Task(("left", "right"), "{}")
    values = {
        "kind": JobKind.CERTIFY,
        "image": InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0),
        "labels": task.labels,
        "template": task.template,
        "sigma": 0.25,
        "n0": 50,
        "n": 1000,
        "alpha": 0.001,
        "profile": PROFILE.name,
        "engine": engine,
        "fingerprint": function_digest(engine, task, 0.25),
    }
    request = JobRequest.model_validate({**values, **changes})
    result = certify_result(request, Selection(1, SELECTION, 50), Tally(sum(votes), votes), seconds=1.0)
    issuer = Issuer(engine_parts(PROFILE, SETTINGS), HARDWARE, NOISE_KEY, b"k" * 32)
    found = read_certificate(issuer.certificate(request, result, 0.0))
    assert isinstance(found, Certificate)
    return found


def counted(votes: tuple[int, int], near_ties: int = 0) -> Recounted:
    margins = np.full(sum(votes), 1.0)
    margins[:near_ties] = MARGIN / 2
    return Recounted(votes, margins)


def test_replay_when_all_votes_are_the_same() -> None:
    """It passes."""
    check = compared(certificate(), counted(SELECTION), counted(VOTES), MARGIN)

    assert check.passed
    assert "the same" in check.detail


def test_replay_when_a_near_tie_turned() -> None:
    """It passes, names how close the logits were and on what machine it was counted, and what is left of the radius."""
    stated = certificate()
    check = compared(stated, counted(SELECTION), counted((31, 969), near_ties=3), MARGIN)

    assert check.passed
    assert "others: 1 of the estimation phase" in check.detail
    assert "up to 5e-05 apart" in check.detail
    assert "a processor with 2 threads" in check.detail
    left = float(check.detail.rpartition("the radius is ")[2].rstrip("."))
    assert 0.99 * (stated.radius or 0) < left < (stated.radius or 0)


def test_replay_when_a_vote_against_the_class_turned() -> None:
    """Nothing is lost: the class has as many votes as were claimed."""
    check = compared(certificate(), counted(SELECTION), counted((29, 971), near_ties=3), MARGIN)

    assert check.passed
    assert check.detail.endswith("The claim holds with all of them against it.")


def test_replay_when_a_target_still_holds() -> None:
    """Where the votes that differ are too few to matter, the claim is said to hold."""
    looks = {"bound": Bound.ANYTIME, "target_radius": 0.2, "looks": Looks(25, 400, 100)}
    check = compared(certificate((5, 195), **looks), counted(SELECTION), counted((6, 194), 1), MARGIN)

    assert check.passed
    assert check.detail.endswith("The claim holds with all of them against it.")


@pytest.mark.parametrize(("votes", "near_ties"), [((40, 960), 9), ((31, 969), 0), ((30, 969), 0)])
def test_replay_when_near_ties_do_not_explain_it(votes: tuple[int, int], near_ties: int) -> None:
    """It fails: more votes are others than a machine can turn."""
    check = compared(certificate(), counted(SELECTION), counted(votes, near_ties), MARGIN)

    assert not check.passed
    assert "more than the near ties" in check.detail


def test_replay_when_no_sample_has_a_vote_any_more() -> None:
    """It fails, and does not break."""
    nothing = Recounted((0, 0), np.empty(0))
    check = compared(certificate(), counted(SELECTION), nothing, MARGIN)

    assert not check.passed
    assert "1000 of the estimation phase" in check.detail


def test_replay_when_another_class_was_chosen() -> None:
    """The claim is gone, even where each vote is explained."""
    check = compared(certificate(), counted((26, 24), near_ties=50), counted(VOTES), MARGIN)

    assert "24 of the selection phase" in check.detail
    assert "another class has the most selection votes" in check.detail


def test_settings_when_the_certificate_is_hostile() -> None:
    """Its engine chooses number formats and the like: no address that samples and a token would go to, no folder."""
    hostile = {
        "classifier_url": "http://127.0.0.1:1/x",
        "state_dir": "/tmp/x",
        "models_dir": "/x",
        "redis_url": "redis://x",
    }
    stated = certificate()
    engine = {**stated.model.engine, **hostile, "dtype": "bfloat16", "batch_size": 7}
    forged = stated.model_copy(update={"model": stated.model.model_copy(update={"engine": engine})})
    given: dict[str, object] = {}

    def make_settings(**chosen: object) -> Settings:
        given.update(chosen)
        return SETTINGS

    settings_of(forged, make_settings)
    assert given == {
        "profile": "oracle-linear",
        "dtype": "bfloat16",
        "batch_size": 7,
        "cuda_graphs": False,
        **{name: stated.model.engine[name] for name in ("folded", "timestep_rule", "k")},
    }
    assert {"classifier_url", "state_dir"} <= set(differing_parts(forged, PROFILE, SETTINGS))


@pytest.mark.parametrize(
    ("stated", "device", "expected"),
    [(True, "cuda", True), (True, "cuda:1", True), (True, "cpu", False), (None, "cuda", False), ("yes", "cuda", False)],
)
def test_settings_when_the_certificate_names_graphs(stated: object, device: str, expected: bool) -> None:
    """A replay launches as the certificate says, whatever this machine is set to; graphs only where there is a GPU."""
    original = certificate()
    engine = {**original.model.engine, **({} if stated is None else {"cuda_graphs": stated})}
    changed = original.model_copy(update={"model": original.model.model_copy(update={"engine": engine})})
    found = settings_of(changed, lambda **chosen: Settings(**{"device": device, "cuda_graphs": True, **chosen}))
    assert found.cuda_graphs is expected


def test_replay_when_a_batch_would_fill_the_memory() -> None:
    """It is refused before anything is loaded."""
    stated = certificate()
    engine = {**stated.model.engine, "batch_size": 10**9}
    forged = stated.model_copy(update={"model": stated.model.model_copy(update={"engine": engine})})
    check = replayed(forged, b"", lambda **chosen: Settings(**chosen), lambda done, total: None)

    assert not check.passed
    assert "1000000000 samples" in check.detail
