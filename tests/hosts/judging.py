"""Questions, who asks them until they are answered, and whether the answers are those of an undisturbed run."""

import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.contract.records import JobKind, VoteKind
from adapters.contract.results import CertifyResult, PredictResult
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from tests.faults.judging import Findings, undisturbed, undisturbed_prediction
from tests.faults.lanes import LABELS, SAMPLES, new_picture, request_about
from tests.hosts.cluster import PATIENCE_SECONDS, Cluster

PREDICTED = {"n": 300}
PAUSE_SECONDS = 0.1
MOMENT_SECONDS = 15.0
"""A job that is unknown for longer is lost."""
ACCEPTED = (200, 202)
Answer = Mapping[str, Any]
"""Any: JSON of the service; a result is parsed before it is judged."""


@dataclass
class Question:
    """What is asked about a picture that nobody has asked about; `job` once it is accepted, and what was read of it."""

    kind: VoteKind
    picture: bytes
    fields: Mapping[str, object]
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    job: str | None = None
    answer: Answer | None = None
    unknown_since: float | None = None
    """When the service began to say that it does not know the job, though it was accepted."""

    @property
    def is_unknown(self) -> bool:
        """Not for a moment alone."""
        return self.unknown_since is not None and time.monotonic() - self.unknown_since > MOMENT_SECONDS


def new_question(rng: random.Random) -> Question:
    """A certificate or a prediction."""
    kind: VoteKind = rng.choice((JobKind.CERTIFY, JobKind.PREDICT))
    samples = SAMPLES if kind is JobKind.CERTIFY else PREDICTED
    return Question(kind, new_picture(rng), {"labels": list(LABELS), **samples})


@dataclass
class Asker:
    """A client as the documentation wants it: who is told to come again does so, under the same Idempotency-Key."""

    cluster: Cluster
    found: Findings
    asked: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> None:
        """Until it is accepted."""
        self.asked.append(question)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while question.job is None and time.monotonic() < deadline:
            response = self._send(question)
            if response is not None and response.status_code in ACCEPTED:
                job = response.json()
                question.job = job["id"]
                if job["done"]:  # It is answered: the answer stays, also where the job is forgotten.
                    question.answer = job
            else:
                time.sleep(PAUSE_SECONDS)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While the block runs, something new is asked all the time."""
        ended, rng = threading.Event(), random.Random(self.cluster.rng.random())

        def keep_asking() -> None:
            while not ended.wait(4 * PAUSE_SECONDS):
                self.ask(new_question(rng))

        thread = threading.Thread(target=keep_asking)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def read_all(self) -> bool:
        """Whether all have ended in time. What was read once is read again: an answer that was given stays."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        waiting = list(self.asked)
        while waiting and time.monotonic() < deadline:
            waiting = [question for question in waiting if not self._read(question)]
            time.sleep(PAUSE_SECONDS)
        return not waiting

    def _send(self, question: Question) -> httpx.Response | None:
        headers = {"Prefer": "respond-async", "Idempotency-Key": question.key}
        try:
            response = self.cluster.client.post(
                f"/{question.kind}", files={"image": question.picture}, data=question.fields, headers=headers
            )
        except httpx.TransportError:
            self.found.count("no answer")
            return None
        self.found.count(f"answers {response.status_code}")
        if response.status_code not in ACCEPTED and not is_to_come_again(response):
            self.found.broken.append(f"a question got {response.status_code} ({kind_of(response)})")
        return response

    def _read(self, question: Question) -> bool:
        """Whether there is nothing more to come."""
        if question.job is None:
            return True
        try:
            response = self.cluster.client.get(f"/jobs/{question.job}")
        except httpx.TransportError:
            return False
        if response.status_code == 404:
            question.unknown_since = question.unknown_since or time.monotonic()
            return question.is_unknown or question.answer is not None
        if response.status_code != 200:
            if not is_to_come_again(response):
                self.found.broken.append(f"a job got {response.status_code} ({kind_of(response)})")
            return False
        if question.unknown_since is not None:
            self.found.count("jobs unknown for a moment")
            question.unknown_since = None
        job: Answer = response.json()
        if job["done"]:
            self._keep(question, job)
        return bool(job["done"])

    def _keep(self, question: Question, job: Answer) -> None:
        if question.answer is not None and question.answer["result"] != job["result"]:
            self.found.broken.append("an answer that was given is another one now")
        question.answer = job

    def read_some(self) -> None:
        """Those that are answered by now."""
        for question in self.asked:
            self._read(question)


def judge(asker: Asker, settings: Settings, tasks: TaskStore | None = None) -> None:
    """Adds to the findings what became of every question. `settings`: to answer them once more, here."""
    for question in asker.asked:
        asker.found.jobs += 1
        if question.answer is None:
            asker.found.lost += 1
        elif question.answer["status"] != "succeeded":
            asker.found.other += 1
            asker.found.broken.append(f"a job {question.answer['status']}: {question.answer['error']}")
        else:
            before, result = asker.found.other, question.answer["result"]
            judge_answer(asker.found, question, result, settings, tasks)
            if asker.found.other > before:
                said = {name: result.get(name) for name in ("outcome", "radius", "votes", "samples_used")}
                asker.found.broken.append(f"a job to {question.kind} says otherwise: {said}")


def judge_answer(
    found: Findings, question: Question, result: Answer, settings: Settings, tasks: TaskStore | None
) -> None:
    # Which profile answers is no field of the question: the settings have it.
    fields = {name: value for name, value in question.fields.items() if name != "profile"}
    request = request_about(question.picture, question.kind, fields, settings, tasks)
    if question.kind is JobKind.CERTIFY:
        found.judge_result(CertifyResult.model_validate(result), undisturbed(request, settings))
    else:
        found.judge_prediction(PredictResult.model_validate(result), undisturbed_prediction(request, settings))


def is_to_come_again(response: httpx.Response) -> bool:
    return response.status_code == 503 and "retry-after" in response.headers


def kind_of(response: httpx.Response) -> str:
    try:
        return str(response.json()["type"]).rpartition("/")[2]
    except (ValueError, KeyError):
        return "no problem document"
