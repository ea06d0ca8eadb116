"""Where the rows of an evaluation come from: models in this process, in several processes, or a running server."""

import hashlib
import io
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import active_children, get_context
from typing import TypedDict

import numpy as np
import torch
from PIL import Image

from adapters.child_process import end_with
from adapters.contract.choice import PROFILE
from adapters.contract.label_sets import FIELD as LABEL_SETS
from adapters.contract.results import CertifySetsResult, PredictResult, Voted
from adapters.contract.templates import prompt_fields
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import served_profile
from robustify.errors import InvalidInputError, RobustifyError
from robustify.pipeline import identity_denoiser
from robustify.smoothing.algorithms import certify, predict
from robustify.smoothing.decisions import select
from robustify.smoothing.label_sets import certify_label_sets, votes_of_sets
from robustify.smoothing.looks import Looks
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import Outcome, PredictRule
from robustify.smoothing.seeds import public_seed
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase, PredictTest, Task
from workers.counting import VoteMaker, samples_of
from workers.evaluation.data.dataset import Dataset, Sample
from workers.evaluation.label_sets import NamedLabelSet, RowOfSet
from workers.evaluation.runs import UNREADABLE, Evaluation, Row, RowSource
from workers.server_client import Server, server_at

PURPOSE = b"robustify evaluate"
"""Anyone can repeat the figures: rows are measurements, not certificates. All methods meet an image with one noise."""
AHEAD = 4
"""So many images for each process are under way at most: 50,000 at once would fill the memory."""


def row_source(
    evaluation: Evaluation, dataset: Dataset, workers: int = 1, say: Callable[[str], None] = lambda text: None
) -> RowSource:
    """One process, several, or a server."""
    if evaluation.server:
        if evaluation.smoothing != "denoised":
            raise InvalidInputError("a server only answers with denoised smoothing", field="server")
        return partial(server_rows, evaluation, dataset, partial(server_at, evaluation.server, say))
    if workers > 1:
        return partial(parallel_rows, evaluation, dataset, workers)
    return partial(local_rows, evaluation, dataset)


def local_rows(evaluation: Evaluation, dataset: Dataset, indices: list[int]) -> Iterable[Row]:
    """Rows from models loaded in this process."""
    evaluator = Evaluator(evaluation)
    return (evaluator.row(dataset.sample(index)) for index in indices)


def parallel_rows(evaluation: Evaluation, dataset: Dataset, workers: int, indices: list[int]) -> Iterable[Row]:
    """Rows in the order of the images from several processes, each with models of its own; each reads its images."""
    arguments = (evaluation, dataset, os.getpid())
    with ended_at_once(ProcessPoolExecutor(workers, get_context("spawn"), _start_process, arguments)) as pool:
        try:
            yield from in_their_order(lambda index: pool.submit(_process_row, index), indices, AHEAD * workers)
        except BrokenProcessPool as error:
            raise RobustifyError("a process of the evaluation died: use fewer --workers, or more memory") from error


def in_their_order(submit: Callable[[int], Future[Row]], indices: Iterable[int], most: int) -> Iterator[Row]:
    """The rows of jobs, of which at most so many are under way."""
    waiting: deque[Future[Row]] = deque()
    for index in indices:
        waiting.append(submit(index))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def ended_at_once(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """Ends the pool on the way out; when something is wrong, without waiting for rows that nobody reads any more."""
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()
        raise
    pool.shutdown()


def server_rows(
    evaluation: Evaluation, dataset: Dataset, connect: Callable[[], Server], indices: list[int]
) -> Iterable[Row]:
    """Rows from a running server, with its own secret noise; images are sent as 8-bit PNG of the canonical size. Its
    connections are closed at the end."""
    with closing(connect()) as server:
        yield from (server_row(evaluation, dataset.sample(index), server) for index in indices)


def server_row(evaluation: Evaluation, sample: Sample, server: Server) -> Row:
    """One image's row."""
    if sample.tensor is None:
        return unreadable_row(sample, evaluation.digest)
    fields = {
        **({PROFILE: evaluation.asked_profile} if evaluation.asked_profile else {}),
        **labels_asked(evaluation.task),
        **prompt_fields(evaluation.task.all_templates),
        **evaluation.procedure.fields(evaluation.parameters),
    }
    result = asked_of(server, evaluation, png_of(sample.tensor), fields)
    if isinstance(result, CertifySetsResult):
        said = said_of_sets(result, evaluation.label_sets, sample.label)
    else:
        said = said_by(result)
    row = row_of(sample, evaluation.digest, result.seconds, said)
    return row.model_copy(update={"fingerprint": result.model.fingerprint})


def labels_asked(task: Task) -> dict[str, object]:
    """Of a request: one label set, or several."""
    if task.set_sizes:
        return {LABEL_SETS: [list(labels) for labels in task.label_sets]}
    return {"labels": list(task.labels)}


def asked_of(
    server: Server, evaluation: Evaluation, image: bytes, fields: Mapping[str, object]
) -> Voted | CertifySetsResult:
    """What a server answers about an image."""
    if evaluation.procedure.test:
        return server.predict(image, fields, no_progress)
    if not evaluation.label_sets:
        return server.certify(image, fields, no_progress)
    found = server.certify_together(image, fields, no_progress)
    assert isinstance(found, CertifySetsResult)
    return found


def row_of(sample: Sample, run: str, seconds: float, found: "Found") -> Row:
    """The row of an image that was read."""
    named = {"index": sample.index, "label": sample.label, "file": sample.file, "sha256": sample.sha256}
    return Row.model_validate({**named, **found, "seconds": seconds, "run": run})


def unreadable_row(sample: Sample, run: str) -> Row:
    """The row of an image that was not, which says why."""
    found: Found = {"answer": None, "radius": None, "outcome": UNREADABLE}
    return row_of(sample, run, 0.0, found).model_copy(update={"problem": sample.problem})


def said_by(result: Voted) -> "Found":
    """A server's answer as a row has it; that of a certificate is the class with most selection votes, whatever became
    of it.
    """
    common: Found = {"votes": result.counts, "outcome": result.outcome, "samples": result.samples_used}
    if isinstance(result, PredictResult):
        return {**common, "answer": result.index, "radius": None, "p_value": result.p_value}
    selected = result.selection_counts
    radius, p_lower = result.radius, result.p_lower
    return {**common, "answer": select(selected), "radius": radius, "p_lower": p_lower, "selection_votes": selected}


def said_of_sets(result: CertifySetsResult, sets: Sequence[NamedLabelSet], label: int) -> "Found":
    """Likewise, of several label sets."""
    in_sets = tuple(
        RowOfSet(
            label_set=one.name,
            label=one.right(label),
            answer=select(tuple(vote.count for vote in found.selection_votes)),
            radius=found.radius,
            p_lower=found.p_lower,
            selection_votes=tuple(vote.count for vote in found.selection_votes),
            votes=tuple(vote.count for vote in found.votes),
            outcome=found.outcome.value,
        )
        for one, found in zip(sets, result.sets, strict=True)
    )
    return {**of_several_sets(in_sets), "samples": result.samples_used}


def of_several_sets(in_sets: tuple[RowOfSet, ...]) -> "Found":
    """What a row says of them: no answer and no radius of its own."""
    is_certified = any(found.radius is not None for found in in_sets)
    outcome = Outcome.CERTIFIED if is_certified else Outcome.ABSTAINED
    return {"answer": None, "radius": None, "outcome": outcome.value, "sets": in_sets}


def no_progress(done: int, total: int) -> None:
    """One image is no progress worth telling."""


def png_of(image: np.ndarray) -> bytes:
    pixels = (image.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Found(TypedDict, total=False):
    """Of a row, what the models say."""

    answer: int | None
    radius: float | None
    p_lower: float
    p_value: float
    selection_votes: tuple[int, ...]
    votes: tuple[int, ...]
    outcome: str
    samples: int
    sets: tuple[RowOfSet, ...]


class Evaluator:
    """The models of one process, applied to one image after the other."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        profile, settings = served_profile(evaluation.settings), evaluation.settings
        models = load_models(profile, settings)
        if evaluation.smoothing != "denoised":
            models = replace(models, denoiser_for=lambda task: identity_denoiser)
        self.models, self.device = models, models.device
        self.model = VoteMaker(profile, engine_digest(profile, settings), models, settings)

    def row(self, sample: Sample) -> Row:
        """One image's row."""
        if sample.tensor is None:
            return unreadable_row(sample, self.evaluation.digest)
        started = time.perf_counter()
        if self.evaluation.label_sets:
            found = self.certify_sets(sample.tensor, sample.label)
        else:
            found = self.answer(sample.tensor)
        return row_of(sample, self.evaluation.digest, round(time.perf_counter() - started, 3), found)

    def answer(self, image: np.ndarray) -> Found:
        """In one label set."""
        if self.evaluation.smoothing == "no-smoothing":
            return self.classify(image)
        return self.certify(image) if self.evaluation.procedure.test is None else self.predict(image)

    @torch.inference_mode()
    def classify(self, image: np.ndarray) -> Found:
        classifier = self.model.classifiers.base_classifier(self.evaluation.task, self.evaluation.parameters.sigma)
        logits = classifier(torch.from_numpy(image)[None].to(self.device))
        return {"answer": int(logits.argmax()), "radius": None}

    def certify(self, image: np.ndarray) -> Found:
        rule = self.evaluation.rule
        found = certify(rule, self.counter(image, Phase.SELECT), self.counter(image, Phase.ESTIMATE))
        return {
            "answer": found.selection.index,
            "radius": found.verdict.radius,
            "p_lower": found.verdict.p_lower,
            "selection_votes": tuple(found.selection.votes),
            "votes": tuple(found.tally.votes),
            "outcome": found.verdict.outcome.value,
            "samples": found.selection.samples + found.tally.samples,
        }

    def certify_sets(self, image: np.ndarray, label: int) -> Found:
        """In several: each noisy copy is embedded once, and votes in each. `label` is the class that is right."""
        rule, sets = self.evaluation.rule_of_sets, self.evaluation.label_sets
        found = certify_label_sets(rule, self.counter(image, Phase.SELECT), self.counter(image, Phase.ESTIMATE))
        each = zip(sets, found.selections, votes_of_sets(found.tally.votes, rule.sizes), found.verdicts, strict=True)
        in_sets = tuple(
            RowOfSet(
                label_set=one.name,
                label=one.right(label),
                answer=selection.index,
                radius=verdict.radius,
                p_lower=verdict.p_lower,
                selection_votes=tuple(selection.votes),
                votes=votes,
                outcome=verdict.outcome.value,
            )
            for one, selection, votes, verdict in each
        )
        return {**of_several_sets(in_sets), "samples": found.selections[0].samples + found.tally.samples}

    def predict(self, image: np.ndarray) -> Found:
        prediction = predict(self.predict_rule, self.counter(image, Phase.PREDICT))
        return {
            "answer": prediction.index,
            "radius": None,
            "p_value": prediction.p_value,
            "votes": tuple(prediction.votes),
            "outcome": "abstained" if prediction.index is None else "predicted",
            "samples": prediction.n,
        }

    @property
    def predict_rule(self) -> PredictRule:
        """Of PREDICT, with a look after every batch where its test may stop early."""
        test, parameters = self.evaluation.procedure.test, self.evaluation.parameters
        assert test is not None
        batch = self.model.profile.samples_per_batch(self.model.settings)
        looks = Looks(batch) if test is PredictTest.SEQUENTIAL else None
        return predict_rule(test, parameters.n, parameters.alpha, looks)

    def counter(self, image: np.ndarray, phase: Phase) -> NoisyVotes:
        noise_id = hashlib.sha256(image.tobytes()).hexdigest()
        task, sigma = self.evaluation.task, self.evaluation.parameters.sigma
        seed = public_seed(PURPOSE, noise_id)
        samples = samples_of(image, sigma, seed, self.evaluation.procedure.noise)
        return self.model.votes(task, sigma, samples, phase)


_evaluator: Evaluator | None = None
_dataset: Dataset | None = None


def _start_process(evaluation: Evaluation, dataset: Dataset, parent: int) -> None:
    global _evaluator, _dataset
    end_with(parent)  # Its work is for nobody else.
    _evaluator, _dataset = Evaluator(evaluation), dataset


def _process_row(index: int) -> Row:
    assert _evaluator is not None
    assert _dataset is not None
    return _evaluator.row(_dataset.sample(index))
