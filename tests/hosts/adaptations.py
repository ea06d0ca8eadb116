"""An adaptation that one host makes and the other uses; and one whose host is killed while it makes it."""

import time
from collections.abc import Mapping

import httpx

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.records import JobKind
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from adapters.store.places import places_of
from tests.faults.judging import Findings
from tests.faults.lanes import new_picture
from tests.hosts.cluster import LEFT, QUICK, RIGHT, Cluster, end
from tests.hosts.judging import Answer, Asker, Question, judge
from tests.integration.little_evidence_worker import little_evidence
from workers.adaptation.runner import adapt

SMALL: Mapping[str, object] = {
    "labels": ["cat", "ship"], "shots": 1, "held_back": 1, "steps": 4, "batch_size": 2, "fine_tuning_steps": 3,
    "fine_tuning_batch_size": 2, "publish": "always",
}  # fmt: skip
SAMPLES = {"n": 100, "n0": 20}
ANSWERING = "predict,certify"
ADAPTING_SECONDS = 600.0
"""An adaptation takes half a minute on an idle machine."""


def adapted_elsewhere(cluster: Cluster, seconds: float, found: Findings) -> None:
    """The left host adapts and answers nothing, the right one answers and adapts nothing."""
    cluster.wait_until_whole()
    adapting = cluster.start_adapting_worker(LEFT, "adapt")
    answering = cluster.start_adapting_worker(RIGHT, ANSWERING)
    job = ask_to_adapt(cluster, "elsewhere")
    judge_adaptation(cluster, found, job, "elsewhere")
    end(adapting)
    end(answering)


def adapted_and_killed(cluster: Cluster, seconds: float, found: Findings) -> None:
    """The host is killed in the middle; the right one, which has nothing of its work, makes the same models."""
    cluster.wait_until_whole()
    cluster.start_adapting_worker(LEFT, "adapt")
    job = ask_to_adapt(cluster, "begun anew")
    if not cluster.wait(lambda: progress(cluster, job) > 0):
        found.broken.append("the adaptation did not begin")
    cluster.hosts[LEFT].kill()
    killed = time.monotonic()
    worker = cluster.start_adapting_worker(RIGHT, f"adapt,{ANSWERING}")
    judge_adaptation(cluster, found, job, "begun anew")
    found.seconds.append(time.monotonic() - killed)
    end(worker)
    cluster.reboot_worker(LEFT)


def judge_adaptation(cluster: Cluster, found: Findings, job: str, name: str) -> None:
    """It is the one that this process makes, and a certificate with it is the one that this process gives."""
    found.jobs += 1
    if not cluster.wait(lambda: bool(read(cluster, job)["done"]), ADAPTING_SECONDS):
        found.lost += 1
        return
    ended = read(cluster, job)
    settings = with_the_store(cluster)
    found.other += ended["status"] != "succeeded" or ended["result"]["adaptation"] != made_here(cluster, name)
    question = Question(JobKind.CERTIFY, new_picture(cluster.rng), {"task": name, "profile": QUICK, **SAMPLES})
    asker = Asker(cluster, found)
    asker.ask(question)
    asker.read_all()
    judge(asker, settings, places_of(settings).tasks_of(cluster.key.key.id))
    found.count("certificates with it", question.answer is not None)


def ask_to_adapt(cluster: Cluster, name: str) -> str:
    response = cluster.client.post("/adapt", json={"name": name, "profile": QUICK, **SMALL})
    response.raise_for_status()
    job: str = response.json()["id"]
    return job


def read(cluster: Cluster, job: str) -> Answer:
    response = cluster.client.get(f"/jobs/{job}")
    if response.status_code != 200:
        raise httpx.TransportError(f"the job got {response.status_code}")
    found: Answer = response.json()
    return found


def progress(cluster: Cluster, job: str) -> int:
    done: int = read(cluster, job)["progress"]["done"]
    return done


def with_the_store(cluster: Cluster) -> Settings:
    """Of this process, which reads from the object store what was adapted."""
    changes = {"profile": QUICK, "further_profiles": None, "store": cluster.store.url("all")}
    return cluster.own_settings.model_copy(update=changes)


def made_here(cluster: Cluster, name: str) -> str | None:
    """The digest of what this process makes of the same request, judged by as few samples, in its own folder."""
    settings = cluster.own_settings.model_copy(update={"profile": QUICK})
    profile = served_profile(settings)
    request = adapt_request(AdaptParameters.model_validate({"name": name, **SMALL}), profile, settings)
    with little_evidence():
        return adapt(request, profile, settings, name, lambda progress: None).digest
