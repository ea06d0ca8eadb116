"""`robustify predict` and `certify` without a server: the same counting and the same documents as a worker's."""

import time
from collections.abc import Sequence

import numpy as np

from adapters.certificates.public_keys import noise_key
from adapters.contract.answer import (
    certify_result,
    certify_rule_of,
    predict_result,
    predict_rule_of,
    together_result,
    together_rule_of,
)
from adapters.contract.jobs import JobRequest
from adapters.contract.results import CertifyResult, PredictResult, TogetherResult
from adapters.models.catalogue import load_models
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import certify, predict
from robustify.smoothing.label_sets import certify_label_sets
from robustify.smoothing.looks import Tally
from robustify.types import Phase
from workers.counting import LoadedModel
from workers.server_client import Progress


class LocalAnswer:
    """Counts the votes of one request in this process."""

    def __init__(self, request: JobRequest, image: np.ndarray, settings: Settings, on_progress: Progress) -> None:
        self.request, self.image, self.on_progress = request, image, on_progress
        profile = served_profile(settings)
        models = load_models(profile, settings)
        self.model = LoadedModel(profile, request.engine, models, settings, noise_key(settings))
        self.total = request.copies * sum(phase.samples for phase in request.phases)
        self.started = time.perf_counter()

    def prediction(self) -> PredictResult:
        found = predict(predict_rule_of(self.request), self.counter(Phase.PREDICT, 0))
        result = predict_result(self.request, Tally(found.n, tuple(found.votes)), self.seconds())
        return self.model.proven(self.request, result)

    def certificate(self) -> CertifyResult:
        request = self.request
        counters = self.counter(Phase.SELECT, 0), self.counter(Phase.ESTIMATE, request.n0)
        found = certify(certify_rule_of(request), *counters)
        return self.model.certified(request, certify_result(request, found.selection, found.tally, self.seconds()))

    def certificate_together(self) -> TogetherResult:
        """Of several label sets, or at several sigmas."""
        request = self.request
        counters = self.counter(Phase.SELECT, 0), self.counter(Phase.ESTIMATE, request.n0)
        found = certify_label_sets(together_rule_of(request), *counters)
        result = together_result(request, found.selections, found.tally, self.seconds())
        return self.model.certified_together(request, result)

    def counter(self, phase: Phase, done_before: int) -> VoteCounter:
        """Counts the votes of a phase, and tells the progress in noisy copies."""
        first_sample, copies = 0, self.request.copies

        def on_batch(done: int) -> None:
            self.on_progress(copies * (done_before + first_sample) + done, self.total)

        votes_of = self.model.votes_of(self.request, self.image, phase, on_batch)

        def count_on(first: int, count: int) -> Sequence[int]:
            nonlocal first_sample
            first_sample = first
            return votes_of(first, count)

        return count_on

    def seconds(self) -> float:
        return time.perf_counter() - self.started
