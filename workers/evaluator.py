"""Where the rows of an evaluation come from: models in this process, in several processes, or a running server."""

import hashlib
import io
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from PIL import Image

from adapters.catalogue import load_models
from adapters.datasets import Dataset
from adapters.profiles import find_profile
from robustify.errors import InvalidInputError
from robustify.pipeline import DenoiseAndClassify, identity_denoiser
from robustify.smoothing.algorithms import certify
from robustify.smoothing.noise import KeyedNoise
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase
from workers.evaluate import Evaluation, RowSource
from workers.remote import Server

PUBLIC_KEY = b"robustify evaluate"
"""Anyone can repeat the figures: rows are measurements, not certificates."""


def row_source(evaluation: Evaluation, dataset: Dataset, workers: int = 1) -> RowSource:
    """One process, several, or a server."""
    if evaluation.server:
        if evaluation.method != "denoised":
            raise InvalidInputError("a server only answers with denoised smoothing", field="server")
        return partial(server_rows, evaluation, dataset, Server(evaluation.server))
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
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_process, (evaluation,)) as pool:
        jobs = [pool.submit(_process_row, index, dataset.images[index], dataset.labels[index]) for index in indices]
        for job in jobs:
            yield job.result()


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
        self.models = load_models(profile, settings)
        self.batch_size = profile.samples_per_batch(settings)
        self.classifier = self.models.classifier_for(evaluation.task)
        denoiser = identity_denoiser if evaluation.method == "no-denoiser" else self.models.denoiser
        self.base_classifier = DenoiseAndClassify(denoiser, self.classifier, evaluation.parameters.sigma)

    def row(self, index: int, image: np.ndarray, label: int) -> dict[str, Any]:
        """One image's row: index, label, answer, radius or null, votes, seconds."""
        started = time.perf_counter()
        found = self.classify(image) if self.evaluation.method == "no-smoothing" else self.certify(image)
        seconds = round(time.perf_counter() - started, 3)
        return {"index": index, "label": label, **found, "seconds": seconds, "run": self.evaluation.digest}

    @torch.inference_mode()
    def classify(self, image: np.ndarray) -> dict[str, Any]:
        logits = self.classifier(torch.from_numpy(image)[None].to(self.models.device))
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
        return NoisyVotes(
            base_classifier=self.base_classifier,
            image=torch.from_numpy(image),
            sigma=self.evaluation.parameters.sigma,
            noise=KeyedNoise(PUBLIC_KEY, hashlib.sha256(image.tobytes()).hexdigest()),
            phase=phase,
            classes=len(self.evaluation.task.labels),
            batch_size=self.batch_size,
            device=self.models.device,
        )


_evaluator: Evaluator | None = None


def _start_process(evaluation: Evaluation) -> None:
    global _evaluator
    _evaluator = Evaluator(evaluation)


def _process_row(index: int, image: np.ndarray, label: int) -> dict[str, Any]:
    assert _evaluator is not None
    return _evaluator.row(index, image, label)
