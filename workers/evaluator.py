"""Where the rows of an evaluation come from: models in this process, in several processes, or a running server."""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
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

from adapters.catalogue import load_models
from adapters.child_process import end_with
from adapters.datasets import Dataset
from adapters.profiles import engine_digest, find_profile
from robustify.errors import InvalidInputError, RobustifyError
from robustify.pipeline import identity_denoiser
from robustify.smoothing.algorithms import certify
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase
from workers.evaluate import Evaluation, RowSource
from workers.model import LoadedModel
from workers.remote import Server

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
    parameters = evaluation.parameters
    fields = {
        "labels": list(evaluation.task.labels),
        "template": evaluation.task.template,
        "sigma": parameters.sigma,
        "n0": parameters.n0,
        "n": parameters.n,
        "alpha": parameters.alpha,
    }
    for index in indices:
        result = server.answer_bytes("certify", png_of(dataset.images[index]), fields, lambda done, total: None)
        answer = max(range(len(result["votes"])), key=lambda vote: result["selection_votes"][vote]["count"])
        yield {
            "index": index,
            "label": dataset.labels[index],
            "answer": answer,
            "radius": result["radius"],
            "p_lower": result["p_lower"],
            "selection_votes": [vote["count"] for vote in result["selection_votes"]],
            "votes": [vote["count"] for vote in result["votes"]],
            "seconds": result["seconds"],
            "fingerprint": result["model"]["fingerprint"],
            "run": evaluation.digest,
        }


def png_of(image: np.ndarray) -> bytes:
    pixels = (image.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Evaluator:
    """The models of one process, applied to one image after the other."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        profile, settings = find_profile(evaluation.settings.profile), evaluation.settings
        models = load_models(profile, settings)
        if evaluation.method != "denoised":
            models = replace(models, denoiser_for=lambda task: identity_denoiser)
        self.device = models.device
        self.model = LoadedModel(profile, engine_digest(profile, settings), models, settings, PUBLIC_KEY)

    def row(self, index: int, image: np.ndarray, label: int) -> dict[str, Any]:
        """One image's row: index, label, answer, radius or null, votes, seconds."""
        started = time.perf_counter()
        found = self.classify(image) if self.evaluation.method == "no-smoothing" else self.certify(image)
        seconds = round(time.perf_counter() - started, 3)
        return {"index": index, "label": label, **found, "seconds": seconds, "run": self.evaluation.digest}

    @torch.inference_mode()
    def classify(self, image: np.ndarray) -> dict[str, Any]:
        classifier = self.model.classifiers.base_classifier(self.evaluation.task, self.evaluation.parameters.sigma)
        logits = classifier(torch.from_numpy(image)[None].to(self.device))
        return {"answer": int(logits.argmax()), "radius": None}

    def certify(self, image: np.ndarray) -> dict[str, Any]:
        certificate = certify(
            self.counter(image, Phase.SELECT), self.counter(image, Phase.ESTIMATE), self.evaluation.parameters
        )
        return {
            "answer": certificate.index,
            "radius": certificate.radius,
            "p_lower": certificate.p_lower,
            "selection_votes": list(certificate.selection_votes),
            "votes": list(certificate.votes),
        }

    def counter(self, image: np.ndarray, phase: Phase) -> NoisyVotes:
        noise_id = hashlib.sha256(image.tobytes()).hexdigest()
        task, sigma = self.evaluation.task, self.evaluation.parameters.sigma
        return self.model.votes(task, sigma, torch.from_numpy(image), phase, noise_id)


_evaluator: Evaluator | None = None


def _start_process(evaluation: Evaluation, parent: int) -> None:
    global _evaluator
    end_with(parent)  # Its work is for nobody else.
    _evaluator = Evaluator(evaluation)


def _process_row(index: int, image: np.ndarray, label: int) -> dict[str, Any]:
    assert _evaluator is not None
    return _evaluator.row(index, image, label)
