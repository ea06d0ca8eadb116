"""`robustify predict` and `certify` without a server: the same counting and the same documents as a worker's."""

import time

import numpy as np
import torch

from adapters.catalogue import load_models
from adapters.profiles import find_profile
from adapters.queue.messages import JobKind, JobRequest
from adapters.settings import Settings
from robustify.smoothing.algorithms import select
from robustify.smoothing.noise import KeyedNoise
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase
from workers.remote import Progress
from workers.results import Document, certify_result, predict_result


class LocalAnswer:
    """Counts the votes of one request in this process."""

    def __init__(self, request: JobRequest, image: np.ndarray, settings: Settings, on_progress: Progress) -> None:
        self.request, self.image, self.on_progress = request, torch.from_numpy(image), on_progress
        profile = find_profile(request.profile)
        models = load_models(profile, settings)
        self.device = models.device
        self.base_classifier = models.base_classifier(request.label_task, request.sigma)
        self.noise = KeyedNoise(settings.noise_secret(), request.certificate_id)
        self.batch_size = profile.samples_per_batch(settings)
        self.total = sum(samples for _, samples in request.phases)
        self.started = time.perf_counter()

    def result(self) -> Document:
        if self.request.kind is JobKind.PREDICT:
            return predict_result(self.request, self.votes(Phase.PREDICT, self.request.n, 0), self.seconds())
        selection_votes = self.votes(Phase.SELECT, self.request.n0, 0)
        index = select(selection_votes)
        votes = self.votes(Phase.ESTIMATE, self.request.n, self.request.n0)
        return certify_result(self.request, index, selection_votes, votes, self.seconds())

    def votes(self, phase: Phase, samples: int, done_before: int) -> list[int]:
        counter = NoisyVotes(
            self.base_classifier,
            self.image,
            self.request.sigma,
            self.noise,
            phase,
            len(self.request.labels),
            self.batch_size,
            self.device,
            before_batch=lambda done: self.on_progress(done_before + done, self.total),
        )
        return list(counter(0, samples))

    def seconds(self) -> float:
        return time.perf_counter() - self.started
