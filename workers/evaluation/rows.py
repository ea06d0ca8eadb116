"""Where the rows of an evaluation come from: models in this process, in several processes, or a running server."""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import active_children, get_context
from typing import Any

import numpy as np
import torch
from PIL import Image

from adapters.child_process import end_with
from adapters.contract.jobs import JobKind
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.shipped import served_profile
from robustify.errors import InvalidInputError, RobustifyError
from robustify.pipeline import identity_denoiser
from robustify.smoothing.algorithms import predict, select
from robustify.smoothing.rules import certify_by
from robustify.smoothing.seeds import certificate_seed
from robustify.smoothing.sequential import predict_sequentially
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase, PredictTest
from workers.counting import LoadedModel, samples_of
from workers.evaluation.datasets import Dataset
from workers.evaluation.runs import Evaluation, RowSource
from workers.server_client import Server

PUBLIC_KEY = b"robustify evaluate"
"""Anyone can repeat the figures: rows are measurements, not certificates."""


def row_source(
    evaluation: Evaluation, dataset: Dataset, workers: int = 1, say: Callable[[str], None] = lambda text: None
) -> RowSource:
    """One process, several, or a server."""
    if evaluation.server:
        if evaluation.method != "denoised":
            raise InvalidInputError("a server only answers with denoised smoothing", field="server")
        return partial(server_rows, evaluation, dataset, Server(evaluation.server, say))
    if workers > 1:
        return partial(parallel_rows, evaluation, dataset, workers)
    return partial(local_rows, evaluation, dataset)


def local_rows(evaluation: Evaluation, dataset: Dataset, indices: list[int]) -> Iterable[dict[str, Any]]:
    """Rows from models loaded in this process."""
    evaluator = Evaluator(evaluation)
    return (evaluator.row(index, dataset.images[index], dataset.labels[index]) for index in indices)


def parallel_rows(
    evaluation: Evaluation, dataset: Dataset, workers: int, indices: list[int]
) -> Iterable[dict[str, Any]]:
    """Rows in the order of the images from several processes, each with models of its own."""
    with ended_at_once(
        ProcessPoolExecutor(workers, get_context("spawn"), _start_process, (evaluation, os.getpid()))
    ) as pool:
        jobs = [pool.submit(_process_row, index, dataset.images[index], dataset.labels[index]) for index in indices]
        try:
            for job in jobs:
                yield job.result()
        except BrokenProcessPool as error:
            raise RobustifyError("a process of the evaluation died: use fewer --workers, or more memory") from error


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
    evaluation: Evaluation, dataset: Dataset, server: Server, indices: list[int]
) -> Iterable[dict[str, Any]]:
    """Rows from a running server, with its own secret noise; images are sent as 8-bit PNG of the canonical size."""
    fields = {
        "labels": list(evaluation.task.labels),
        "template": evaluation.task.template,
        **evaluation.procedure.fields(evaluation.parameters),
    }
    kind = JobKind.PREDICT if evaluation.procedure.test else JobKind.CERTIFY
    for index in indices:
        result = server.answer_bytes(kind, png_of(dataset.images[index]), fields, lambda done, total: None)
        yield {
            "index": index,
            "label": dataset.labels[index],
            **(predicted_row(result) if kind is JobKind.PREDICT else certified_row(result)),
            "outcome": result["outcome"],
            "samples": result["samples_used"],
            "seconds": result["seconds"],
            "fingerprint": result["model"]["fingerprint"],
            "run": evaluation.digest,
        }


def certified_row(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a server's certificate says; the answer is the class with most selection votes, whatever became of it."""
    selection_votes = [vote["count"] for vote in result["selection_votes"]]
    return {
        "answer": select(selection_votes),
        "radius": result["radius"],
        "p_lower": result["p_lower"],
        "selection_votes": selection_votes,
        "votes": [vote["count"] for vote in result["votes"]],
    }


def predicted_row(result: Mapping[str, Any]) -> dict[str, Any]:
    votes = [vote["count"] for vote in result["votes"]]
    return {"answer": result["index"], "radius": None, "p_value": result["p_value"], "votes": votes}


def png_of(image: np.ndarray) -> bytes:
    pixels = (image.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Evaluator:
    """The models of one process, applied to one image after the other."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        profile, settings = served_profile(evaluation.settings), evaluation.settings
        models = load_models(profile, settings)
        if evaluation.method != "denoised":
            models = replace(models, denoiser_for=lambda task: identity_denoiser)
        self.device = models.device
        self.model = LoadedModel(profile, engine_digest(profile, settings), models, settings, PUBLIC_KEY)

    def row(self, index: int, image: np.ndarray, label: int) -> dict[str, Any]:
        """One image's row: index, label, answer, radius or null, votes, seconds."""
        started = time.perf_counter()
        found = self.answer(image)
        seconds = round(time.perf_counter() - started, 3)
        return {"index": index, "label": label, **found, "seconds": seconds, "run": self.evaluation.digest}

    def answer(self, image: np.ndarray) -> dict[str, Any]:
        if self.evaluation.method == "no-smoothing":
            return self.classify(image)
        return self.certify(image) if self.evaluation.procedure.test is None else self.predict(image)

    @torch.inference_mode()
    def classify(self, image: np.ndarray) -> dict[str, Any]:
        classifier = self.model.classifiers.base_classifier(self.evaluation.task, self.evaluation.parameters.sigma)
        logits = classifier(torch.from_numpy(image)[None].to(self.device))
        return {"answer": int(logits.argmax()), "radius": None}

    def certify(self, image: np.ndarray) -> dict[str, Any]:
        rule = self.evaluation.rule
        selection, tally = certify_by(rule, self.counter(image, Phase.SELECT), self.counter(image, Phase.ESTIMATE))
        verdict = rule.verdict(selection, tally)
        return {
            "answer": selection.index,
            "radius": verdict.radius,
            "p_lower": verdict.p_lower,
            "selection_votes": list(selection.votes),
            "votes": list(tally.votes),
            "outcome": verdict.outcome.value,
            "samples": rule.parameters.n0 + tally.samples,
        }

    def predict(self, image: np.ndarray) -> dict[str, Any]:
        count, parameters = self.counter(image, Phase.PREDICT), self.evaluation.parameters
        step = self.model.profile.samples_per_batch(self.model.settings)
        if self.evaluation.procedure.test is PredictTest.SEQUENTIAL:
            prediction = predict_sequentially(count, parameters.n, parameters.alpha, step)
        else:
            prediction = predict(count, parameters.n, parameters.alpha)
        return {
            "answer": prediction.index,
            "radius": None,
            "p_value": prediction.p_value,
            "votes": list(prediction.votes),
            "outcome": "abstained" if prediction.index is None else "predicted",
            "samples": prediction.n,
        }

    def counter(self, image: np.ndarray, phase: Phase) -> NoisyVotes:
        noise_id = hashlib.sha256(image.tobytes()).hexdigest()
        task, sigma = self.evaluation.task, self.evaluation.parameters.sigma
        seed = certificate_seed(PUBLIC_KEY, noise_id)
        samples = samples_of(image, sigma, seed, self.evaluation.procedure.noise)
        return self.model.votes(task, sigma, samples, phase)


_evaluator: Evaluator | None = None


def _start_process(evaluation: Evaluation, parent: int) -> None:
    global _evaluator
    end_with(parent)  # Its work is for nobody else.
    _evaluator = Evaluator(evaluation)


def _process_row(index: int, image: np.ndarray, label: int) -> dict[str, Any]:
    assert _evaluator is not None
    return _evaluator.row(index, image, label)
