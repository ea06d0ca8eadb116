"""The adversary is strong enough to be believed: it breaks a service with one noise for all questions, and no other."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from scipy.stats import norm, poisson

from adapters.contract.records import JobKind
from adapters.contract.results import LabelVotes
from workers.evaluation.adversary.asking import Charges
from workers.evaluation.adversary.foresight import certificate_of, prediction_of
from workers.evaluation.adversary.looks import Attack
from workers.evaluation.adversary.play import attack_with
from workers.evaluation.adversary.questions import Answer, Question
from workers.evaluation.adversary.report import ClientName, ClientReport, most_false
from workers.evaluation.selftest_claims import LABELS

LOOKING = [name for name in ClientName if name not in (ClientName.RESUBMISSION, ClientName.DUPLICATES)]
REPEATING = [ClientName.RESUBMISSION, ClientName.DUPLICATES]
LOOKS = {ClientName.SAMPLES: 1600}
"""Of one picture many looks are as good as a few independent ones."""

NoiseOf = Callable[[Question], Hashable]


class FakeService:
    """Answers at once, by votes that are a function of what `noise_of` takes from a question.

    `keeps`: whether the answer to a question is stored; the ledger counts each question once in any case.
    """

    def __init__(self, noise_of: NoiseOf, keeps: bool = True) -> None:
        self.noise_of, self.keeps = noise_of, keeps
        self.stored: dict[Question, Answer] = {}
        self.interrupted: list[Question] = []

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        for question in questions:
            if not self.keeps or question not in self.stored:
                self.stored[question] = self.answer(question)
            yield self.stored[question]

    def interrupt(self, questions: Iterable[Question]) -> Iterator[Answer]:
        self.interrupted.extend(questions)
        return iter(())

    def charges(self) -> Charges:
        return Charges(question.alpha for question in self.stored)

    def answer(self, question: Question) -> Answer:
        votes = votes_of(question, self.noise_of(question))
        counted = {"votes": labelled(votes), "samples_used": question.n}
        if question.kind is JobKind.PREDICT:
            return Answer(question, prediction_of(question, votes, **counted))
        selected = labelled((question.n0, 0))
        return Answer(question, certificate_of(question, 0, votes, selection_votes=selected, **counted))


def votes_of(question: Question, noise: Hashable) -> tuple[int, int]:
    """A smaller n sees the first of the same samples."""
    seed = int.from_bytes(hashlib.sha256(repr(noise).encode()).digest())
    drawn = np.random.default_rng(seed).random(question.n)
    above = int((drawn < norm.cdf(question.picture.margin / question.sigma)).sum())
    return above, question.n - above


def labelled(votes: tuple[int, int]) -> tuple[LabelVotes, ...]:
    return tuple(LabelVotes(label=label, count=count) for label, count in zip(LABELS, votes, strict=True))


def of_image_and_function(question: Question) -> Hashable:
    return question.picture.png, question.labels, question.template, question.sigma


def of_all_that_was_asked(question: Question) -> Hashable:
    return question


def of_every_draw() -> NoiseOf:
    draws = count()
    return lambda question: (question, next(draws))


def played(name: ClientName, service: FakeService, looks: int = 300, alpha: float = 0.05) -> ClientReport:
    attack = Attack(LOOKS.get(name, looks), alpha, np.random.default_rng(1))
    (report,) = attack_with([name], service, attack).clients
    return report


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKING)
def test_client_when_one_noise_answers_all_questions(name: ClientName) -> None:
    """Looking is free, and what is asked after it is false more often than the ledger allows."""
    report = played(name, FakeService(of_image_and_function))

    assert report.false > report.allowed
    assert not report.passed
    assert report.false >= 0.9 * report.dear > 0
    assert report.disputed == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ClientName)
def test_client_when_each_question_has_noise_of_its_own(name: ClientName) -> None:
    """The same client attains no more than the ledger allows, and each of its questions is charged."""
    report = played(name, FakeService(of_all_that_was_asked))

    assert report.passed
    assert report.issued == report.questions > 0
    assert report.dear > 0


@pytest.mark.slow
def test_report_when_only_a_small_alpha_is_asked_for() -> None:
    """One false answer after a thousand looks is too many: they were charged hardly anything."""
    report = played(ClientName.NEIGHBOURS, FakeService(of_image_and_function), looks=2000, alpha=0.001)

    assert report.questions == 2000 + report.dear
    assert report.charged < 0.01
    assert report.false > report.allowed


@pytest.mark.parametrize("name", REPEATING)
def test_client_when_a_question_is_drawn_again(name: ClientName) -> None:
    """Whoever asks the same twice and gets two answers is told so, whether or not one of them is false."""
    report = played(name, FakeService(of_every_draw(), keeps=False))

    assert report.disputed > 0
    assert not report.passed


def test_client_when_it_may_interrupt() -> None:
    """Every question is canceled several times before it is asked to the end."""
    service = FakeService(of_all_that_was_asked)
    report = played(ClientName.RESUBMISSION, service)

    assert len(service.interrupted) > report.questions
    assert set(service.interrupted) == set(service.stored)


@pytest.mark.parametrize("factor", [0, 2])
def test_report_when_the_ledger_counts_otherwise(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is charged twice fails as one does that is not charged."""
    service = FakeService(of_all_that_was_asked)
    once = service.charges
    monkeypatch.setattr(
        service, "charges", lambda: Charges({alpha: factor * issued for alpha, issued in once().items()})
    )

    assert not played(ClientName.DUPLICATES, service).passed


@pytest.mark.parametrize("charged", [1e-9, 0.0009, 0.0011, 0.05, 0.2, 1.0, 30.0])
def test_allowed_when_so_much_was_charged(charged: float) -> None:
    """It is the smallest number that is exceeded once in a thousand at most."""
    allowed = most_false(charged)

    assert poisson.sf(allowed, charged) <= 0.001
    assert allowed == 0 or poisson.sf(allowed - 1, charged) > 0.001


def test_allowed_when_nothing_was_charged() -> None:
    assert most_false(0.0) == 0


def test_charge_when_many_small_alphas_are_summed() -> None:
    """The sum is exact, as the ledger's own is."""
    service = FakeService(of_all_that_was_asked)
    report = played(ClientName.DUPLICATES, service, looks=80)

    assert report.charged == 10 * 0.05
    assert (report.questions, report.answers) == (10, 80)


def test_answers_when_only_the_image_differs() -> None:
    """Questions are told apart by everything that is in them."""
    service = FakeService(of_all_that_was_asked)
    played(ClientName.NEIGHBOURS, service, looks=20)
    looks = [question for question in service.stored if question.alpha < 1e-9]

    assert len({question.picture for question in looks}) == 20
    assert len({replace(question, picture=looks[0].picture) for question in looks}) == 1
