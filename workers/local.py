"""`robustify predict` and `certify` without a server: the same counting and the same documents as a worker's."""

import time
from collections.abc import Sequence

import numpy as np

from adapters.catalogue import load_models
from adapters.profiles import served_profile
from adapters.queue.messages import JobKind, JobRequest
from adapters.settings import Settings
from robustify.counting import VoteCounter
from robustify.smoothing.looks import counted
from robustify.smoothing.rules import certify_by
from robustify.types import Phase
from workers.model import LoadedModel
from workers.remote import Progress
from workers.results import Document, certify_result, predict_result
from workers.stopping import rule_of, settled_tally


class LocalAnswer:
    """Counts the votes of one request in this process."""

    def __init__(self, request: JobRequest, image: np.ndarray, settings: Settings, on_progress: Progress) -> None:
        self.request, self.image, self.on_progress = request, image, on_progress
        profile = served_profile(settings)
        models = load_models(profile, settings)
        self.model = LoadedModel(profile, request.engine, models, settings, settings.noise_secret())
        self.total = sum(samples for _, samples in request.phases)
        self.started = time.perf_counter()

    def result(self) -> Document:
        request = self.request
        if request.kind is JobKind.PREDICT:
            parts = counted(self.counter(Phase.PREDICT, 0), request.step or request.n, request.n)
            tally = settled_tally(request, None, parts)
            assert tally is not None
            return predict_result(request, tally, self.seconds())
        counters = self.counter(Phase.SELECT, 0), self.counter(Phase.ESTIMATE, request.n0)
        selection, tally = certify_by(rule_of(request), *counters)
        return self.model.certified(request, certify_result(request, selection, tally, self.seconds()))

    def counter(self, phase: Phase, done_before: int) -> VoteCounter:
        """Counts the votes of a phase, and tells the progress."""
        first_sample = 0

        def on_batch(done: int) -> None:
            self.on_progress(done_before + first_sample + done, self.total)

        votes_of = self.model.votes_of(self.request, self.image, phase, on_batch)

        def count_on(first: int, count: int) -> Sequence[int]:
            nonlocal first_sample
            first_sample = first
            return votes_of(first, count)

        return count_on

    def seconds(self) -> float:
        return time.perf_counter() - self.started
