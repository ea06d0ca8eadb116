"""`robustify predict` and `certify` without a server: the same counting and the same documents as a worker's."""

import time
from collections.abc import Sequence

import numpy as np
import torch

from adapters.catalogue import load_models
from adapters.profiles import find_profile
from adapters.queue.messages import JobKind, JobRequest
from adapters.settings import Settings
from robustify.smoothing.algorithms import select
from robustify.types import Phase
from workers.model import LoadedModel
from workers.remote import Progress
from workers.results import Document, certify_result, predict_result


class LocalAnswer:
    """Counts the votes of one request in this process."""

    def __init__(self, request: JobRequest, image: np.ndarray, settings: Settings, on_progress: Progress) -> None:
        self.request, self.image, self.on_progress = request, torch.from_numpy(image), on_progress
        profile = find_profile(request.profile)
        models = load_models(profile, settings)
        self.model = LoadedModel(profile, request.engine, models, settings, settings.noise_secret())
        self.total = sum(samples for _, samples in request.phases)
        self.started = time.perf_counter()

    def result(self) -> Document:
        if self.request.kind is JobKind.PREDICT:
            return predict_result(self.request, self.votes(Phase.PREDICT, self.request.n, 0), self.seconds())
        selection_votes = self.votes(Phase.SELECT, self.request.n0, 0)
        index = select(selection_votes)
        votes = self.votes(Phase.ESTIMATE, self.request.n, self.request.n0)
        return certify_result(self.request, index, selection_votes, votes, self.seconds())

    def votes(self, phase: Phase, samples: int, done_before: int) -> Sequence[int]:
        count = self.model.votes_of(
            self.request, self.image, phase, lambda done: self.on_progress(done_before + done, self.total)
        )
        return count(0, samples)

    def seconds(self) -> float:
        return time.perf_counter() - self.started
