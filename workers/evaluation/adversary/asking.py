"""How clients ask: many questions under way at once, over HTTP and nothing else."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Protocol

from adapters.contract.ledger import LedgerDescription
from adapters.contract.records import JobKind
from adapters.contract.results import CertifyResult, PredictResult, Voted
from robustify.errors import InvalidInputError
from workers.evaluation.adversary.questions import Answer, Question
from workers.evaluation.selftest_claims import LABELS
from workers.server_client import in_our_words, server_at

LINEAR = "oracle-linear"
IN_FLIGHT = 16
LOOK_SECONDS = 0.01
"""Between two looks whether a job that is to be interrupted has begun."""
MIDWAY_SECONDS = 20.0
"""A job that has not begun by then is interrupted all the same."""

Charges = Counter[float]
"""How many outcomes the ledger counts, by their alpha."""


class Asker(Protocol):
    """All that a client may do; answers come in any order."""

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """The answer to each, many of them asked at the same time."""

    def interrupt(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Submits each and cancels it midway; yields the answers that came all the same."""


class HttpAsker:
    """Asks a running service of profile oracle-linear; `on_answer` is called in the thread that reads the answers."""

    def __init__(self, url: str, on_answer: Callable[[], None] = lambda: None) -> None:
        self.server = server_at(url)
        self.on_answer = on_answer
        self.pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="adversary")

    def __enter__(self) -> "HttpAsker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)
        self.server.client.close()

    def ask(self, questions: Iterable[Question]) -> Iterator[Answer]:
        return self._side_by_side(self._answer, questions)

    def interrupt(self, questions: Iterable[Question]) -> Iterator[Answer]:
        return self._side_by_side(self._interrupt, questions)

    def charges(self) -> Charges:
        """What the ledger has counted so far."""
        ledger = LedgerDescription.model_validate(self.server.document("/ledger"), extra="ignore")
        lines = (*ledger.certificates.by_alpha, *ledger.predictions.by_alpha)
        return sum((Charges({line.alpha: line.issued}) for line in lines), Charges())

    def _side_by_side(
        self, work: Callable[[Question], Answer | None], questions: Iterable[Question]
    ) -> Iterator[Answer]:
        under_way: set[Future[Answer | None]] = set()
        for question in questions:
            under_way.add(self.pool.submit(work, question))
            if len(under_way) >= IN_FLIGHT:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from self._read(done)
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from self._read(done)

    def _read(self, done: Iterable[Future[Answer | None]]) -> Iterator[Answer]:
        for future in done:
            answer = future.result()
            self.on_answer()
            if answer is not None:
                yield answer

    def _answer(self, question: Question) -> Answer:
        found = self.server.answer(question.kind, question.picture.png, question.fields)
        return Answer(question, result_of(question, found))

    def _interrupt(self, question: Question) -> Answer | None:
        job, deadline = (
            self.server.submit(question.kind, question.picture.png, question.fields),
            time.monotonic() + MIDWAY_SECONDS,
        )
        with in_our_words():
            while not job.done and not job.progress.done and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)
                job.refresh()
            job.cancel()
        return Answer(question, result_of(question, job.record.result)) if job.status == "succeeded" else None


def result_of(question: Question, document: object) -> Voted:
    """The result without its certificate, and with the label as it was first spelled."""
    assert isinstance(document, dict)
    plain = {name: value for name, value in document.items() if name != "certificate"}
    model = PredictResult if question.kind is JobKind.PREDICT else CertifyResult
    result = model.model_validate(plain, extra="ignore")
    if result.model.profile != LINEAR:
        raise InvalidInputError(f"the server answers with {result.model.profile}, and not with {LINEAR}", "server")
    return result if result.index is None else result.model_copy(update={"label": LABELS[result.index]})
