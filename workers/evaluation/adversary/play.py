"""Lets the clients play, and counts what they got: `robustify selftest --adversary`."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Protocol

from workers.evaluation.adversary.asking import Asker, Charges, HttpAsker
from workers.evaluation.adversary.clients import CLIENTS
from workers.evaluation.adversary.looks import CHEAP, Attack
from workers.evaluation.adversary.questions import Answer, Question
from workers.evaluation.adversary.report import AdversaryReport, ClientName, ClientReport, most_false


class ChargedAsker(Asker, Protocol):
    """An asker that can read the ledger."""

    def charges(self) -> Charges: ...


def attack_server(
    url: str,
    attack: Attack,
    names: Sequence[ClientName],
    on_answer: Callable[[], None] = lambda: None,
    on_client: Callable[[ClientReport], None] = lambda report: None,
) -> AdversaryReport:
    """A running service of profile oracle-linear, of which nobody else asks anything meanwhile."""
    with HttpAsker(url, on_answer) as asker:
        return attack_with(names, asker, attack, on_client)


def attack_with(
    names: Sequence[ClientName],
    asker: ChargedAsker,
    attack: Attack,
    on_client: Callable[[ClientReport], None] = lambda report: None,
) -> AdversaryReport:
    """Let each client play, one after the other: what the ledger charges meanwhile is its own."""
    started, reports = time.monotonic(), []
    for name in names:
        reports.append(played(name, asker, attack))
        on_client(reports[-1])
    seconds = round(time.monotonic() - started, 1)
    return AdversaryReport(looks=attack.looks, alpha=attack.alpha, clients=tuple(reports), seconds=seconds)


def played(name: ClientName, asker: ChargedAsker, attack: Attack) -> ClientReport:
    started, before = time.monotonic(), asker.charges()
    answers = list(CLIENTS[name](asker, attack))
    charges = asker.charges() - before
    different = distinct(answers)
    questions = {answer.question for answer in different}
    charged = alpha_of(charges)
    return ClientReport(
        client=name,
        questions=len(questions),
        dear=sum(question.alpha > CHEAP for question in questions),
        answers=len(answers),
        false=sum(answer.is_false for answer in different),
        disputed=len(disputed(different)),
        issued=charges.total(),
        charged=charged,
        allowed=most_false(charged),
        seconds=round(time.monotonic() - started, 1),
    )


def distinct(answers: Iterable[Answer]) -> list[Answer]:
    """One for each question and what was said to it."""
    return list({(answer.question, answer.said): answer for answer in answers}.values())


def disputed(different: Iterable[Answer]) -> list[Question]:
    """The questions that got several of these."""
    return [question for question, count in Counter(answer.question for answer in different).items() if count > 1]


def alpha_of(charges: Charges) -> float:
    """The exact sum."""
    return float(sum((Fraction(repr(alpha)) * count for alpha, count in charges.items()), Fraction()))
