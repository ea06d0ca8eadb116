"""What was written before the rooms were drawn (2026-11-29) is read after it, and every digest is what it was.

`tests/golden/` was made with the code of commit e9262e2 and is never made anew: a state folder of profile
`oracle-linear` with its queue's data, the jobs as the API showed them, their certificates and the pictures that they
are of; the figures of the one adaptation in it are made up. A digest may change only with a reason that its ADR names
(other weights, another pipeline version). Those of engines, requests and questions changed with decision 19, those
of engines, requests and evaluations with decision 21.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.certificates.check import SIGNER_UNKNOWN
from adapters.certificates.checks import verify_file
from adapters.certificates.key_files import signing_key
from adapters.certificates.keys import public_key_of
from adapters.certificates.signature_checks import TrustedKey
from adapters.contract.jobs import AdaptRequest, InputImage, JobRequest, JobStatus
from adapters.contract.labels import task_id
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest, function_digest
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.adapting import work_folder
from adapters.store.tasks import TaskStore
from adapters.store.tensors import ImageStore, tensor_digest
from robustify.smoothing.looks import Looks
from robustify.types import Bound, Noise, PredictTest, SmoothingParameters, Task
from service.jobs.schemas import describe_job
from workers.evaluation.runs import Evaluation

GOLDEN = Path(__file__).parents[1] / "golden"
JOBS: dict[str, Any] = json.loads((GOLDEN / "jobs.json").read_text(encoding="utf-8"))
CERTIFIED = sorted(name for name, job in JOBS.items() if job["kind"] == "certify")
SETTINGS = {"redis_url": None, "noise_key": None, "signing_key": None}


def settings_of(profile: str, **others: Any) -> Settings:
    return Settings(**{"profile": profile, "state_dir": Path("/nowhere"), **SETTINGS, **others})


def request(**others: Any) -> JobRequest:
    values: dict[str, Any] = {
        "kind": JobKind.CERTIFY,
        "image": InputImage(sha256="1" * 64, height=32, width=32, source_sha256="2" * 64, source_norm=1.25),
        "labels": ("Katze", "犬", "bird"),
        "template": "a photo of a {}.",
        "sigma": 0.25,
        "n0": 100,
        "n": 10000,
        "alpha": 0.001,
        "profile": "mini",
        "engine": "3" * 64,
        "fingerprint": "4" * 64,
    }
    return JobRequest(**{**values, **others})


REQUESTS = {
    "certify": request(),
    "multiclass": request(bound=Bound.MULTICLASS, alpha=1e-9),
    "target": request(bound=Bound.ANYTIME, target_radius=0.5, looks=Looks(25, 400, 100), selection_looks=Looks(25)),
    "tolerance": request(bound=Bound.ANYTIME, tolerance=0.01, looks=Looks(64), noise=Noise.LATTICE),
    "predict": request(kind=JobKind.PREDICT, n0=0, n=100, test=PredictTest.SEQUENTIAL, looks=Looks(25)),
    "task": request(task="pets", version=2, adaptation="5" * 64),
}
ADAPT = AdaptRequest(
    name="pets",
    labels=("cat", "dog"),
    template="This is a photo of a {}",
    shots=4,
    held_back=4,
    seed=0,
    steps=120,
    batch_size=24,
    learning_rate=3e-4,
    guidance_weight=0.01,
    rank=4,
    fine_tuning_steps=60,
    fine_tuning_batch_size=40,
    fine_tuning_learning_rate=5e-4,
    fine_tuning_mix=0.3,
    publish="if-no-worse",
    profile="mini",
    engine="3" * 64,
    models="6" * 64,
)
ENGINES = {
    "mini": settings_of("mini"),
    "mini bfloat16": settings_of("mini", dtype="bfloat16", folded=False, k=1.5, batch_size=50, timestep_rule="search"),
    "mini cuda": settings_of("mini", device="cuda:1"),
    "mini-remote": settings_of("mini-remote", classifier_url="http://127.0.0.1:9/votes"),
    "imagenet-lite0-ffdnet": settings_of("imagenet-lite0-ffdnet"),
    "imagenet-lite0-plain": settings_of("imagenet-lite0-plain"),
    "oracle-linear": settings_of("oracle-linear"),
    "oracle-coin": settings_of("oracle-coin"),
}


def digests() -> dict[str, str]:
    """Every digest that is stored, signed or compared."""
    found = {f"engine {name}": engine_digest(find_profile(made.profile), made) for name, made in ENGINES.items()}
    found |= {f"models {name}": find_profile(name).model_digest for name in ("mini", "oracle-coin")}
    for name, task in {"plain": Task(("cat", "dog")), "adapted": Task(("Katze", "犬"), "a {}", "7" * 64)}.items():
        found |= {f"function {name} {noise}": function_digest("3" * 64, task, 0.5, noise) for noise in Noise}
    for name, asked in REQUESTS.items():
        document = asked.model_dump_json().encode()
        found |= {f"question {name}": asked.question.digest}
        found |= {f"request {name}": hashlib.sha256(document).hexdigest()}
    found["request adapt"] = hashlib.sha256(ADAPT.model_dump_json().encode()).hexdigest()
    found["work folder"] = work_folder(ADAPT, settings_of("mini")).name
    found["task"] = task_id("  Meine   Tiere ")
    found["tensor"] = tensor_digest(np.linspace(0, 1, 3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5))
    parameters = SmoothingParameters(0.25, 100, 1000, 0.001)
    evaluation = Evaluation(settings_of("oracle-linear"), Task(("a", "b")), "denoised", parameters, "0" * 64)
    found["evaluation"] = evaluation.digest
    return found


def test_digests_when_code_moves():
    """No digest has changed by a byte: what was stored under one is found under it."""
    assert digests() == json.loads((GOLDEN / "digests.json").read_text(encoding="utf-8"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A copy of the state folder: nothing may write into the golden one."""
    return Path(shutil.copytree(GOLDEN / "state", tmp_path / "state"))


@pytest.mark.parametrize("name", CERTIFIED)
def test_verification_when_a_certificate_is_older_than_the_code(name, state):
    """Certificates from before pass every check, with the picture and the key that they were made with."""
    own = Settings(profile="oracle-linear", state_dir=state, redis_url=None)
    trusted = TrustedKey(public_key_of(signing_key(own)), "the key of the state folder")
    picture = GOLDEN / ("grey.png" if name == "abstained" else "picture.png")
    verification = verify_file((GOLDEN / f"{name}.json").read_bytes(), trusted, picture.read_bytes())
    assert [check for check in verification.checks if not check.passed] == []


def test_verification_when_a_certificate_of_version_1_is_forged():
    """What is known of forgeries holds for certificates of before too: another norm, and other words."""
    document = JOBS["multiclass"]["result"]["certificate"]
    norm = {**document["image"], "source_norm": document["image"]["source_norm"] / 1000}
    for change, check in (({"statement": "All is well."}, "statement"), ({"image": norm}, "source")):
        forged = verify_file(json.dumps({**document, **change}).encode(), None, (GOLDEN / "picture.png").read_bytes())
        assert check in [found.name for found in forged.checks if not found.passed]
    assert verify_file(json.dumps(document).encode()).verdict == SIGNER_UNKNOWN


def test_stores_when_the_state_folder_is_older_than_the_code(state):
    """Tensors, tasks and what was adapted are read from where they lay."""
    own = Settings(profile="oracle-linear", state_dir=state)
    pets = TaskStore(own.state.tasks).find("pets")
    assert [version.number for version in pets.versions] == [1, 2]
    adaptation = AdaptationStore(own.state.adaptations).get(str(pets.version().adaptation))
    assert adaptation.models == "0" * 64
    for job in JOBS.values():
        sha256 = job["result"]["input"]["sha256"]
        assert tensor_digest(ImageStore(state / "images").get(sha256)) == sha256


@pytest.fixture
def board(state: Path) -> Iterator[JobBoard]:
    """The board of the state folder's own queue data."""
    with EmbeddedServer(state) as server:
        own = Settings(profile="oracle-linear", state_dir=state, redis_url=server.url)
        yield JobBoard(connect(server.url), own)


def test_jobs_when_the_queue_is_older_than_the_code(board):
    """Jobs that were done are described as they were, field by field; fields that came since are added."""
    for job in JOBS.values():
        record = board.get(job["id"])
        assert record is not None
        shown = json.loads(describe_job(record).model_dump_json())
        assert shown["result"]["input"].pop("reduced_by") == 1
        assert [shown["progress"].pop(name) for name in ("place", "seconds_left", "votes")] == [None] * 3
        assert (shown.pop("advice") is None) == (shown["result"]["outcome"] != "abstained")
        if job["kind"] == "certify":
            assert shown["result"].pop("selection_samples") == job["result"]["n0"]
        else:
            assert (shown["result"].pop("question"), shown["result"].pop("randomness")) == (None, None)
        assert shown == job


def test_outcomes_when_the_queue_is_older_than_the_code(board):
    """They answer no question of today: their noise was that of other questions too (decision 19)."""
    for job in JOBS.values():
        record = board.get(job["id"])
        assert record is not None
        asked = board.submit(record.vote_request, 100)
        assert (asked.status, asked.result) == (JobStatus.QUEUED, None)
