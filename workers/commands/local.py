"""`robustify predict` and `certify` without a server: the same counting and the same documents as a worker's."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from adapters.certificates.public_keys import noise_key
from adapters.contract.adapt import AdaptParameters, adapt_request, checked_adaptation
from adapters.contract.adapt_cost import checked_cost
from adapters.contract.answer import certify_result, certify_rule_of, predict_result, predict_rule_of
from adapters.contract.jobs import JobRequest
from adapters.contract.results import AdaptResult, CertifyResult, PredictResult
from adapters.models.catalogue import load_models
from adapters.models.process import set_up
from adapters.models.training.own_references import OwnReferences, Wanted, find_pictures, read_own_references
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.queue.keys import new_job_id
from adapters.settings import Settings
from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import certify, predict
from robustify.smoothing.looks import Tally
from robustify.types import Phase
from workers.adaptation.runner import adapt, adapt_result
from workers.adaptation.stages import Progress as Step
from workers.counting import LoadedModel
from workers.server_client import Progress


class LocalAnswer:
    """Counts the votes of one request in this process."""

    def __init__(self, request: JobRequest, image: np.ndarray, settings: Settings, on_progress: Progress) -> None:
        self.request, self.image, self.on_progress = request, image, on_progress
        profile = served_profile(settings)
        models = load_models(profile, settings)
        self.model = LoadedModel(profile, request.engine, models, settings, noise_key(settings))
        self.total = sum(phase.samples for phase in request.phases)
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


def adapt_locally(fields: Mapping[str, object], settings: Settings, on_progress: Progress) -> AdaptResult:
    """Adapts to the labels of the fields, and publishes the task in the state folder; returns the result document."""
    profile = served_profile(settings)
    return run_adaptation(checked_adaptation(fields, False, profile), profile, settings, on_progress)


def adapt_to_pictures(
    fields: Mapping[str, object], folder: Path, settings: Settings, on_progress: Progress, say: Callable[[str], None]
) -> AdaptResult:
    """The same with references of the user's; without labels in the fields, the folders in it name them."""
    profile = served_profile(settings)
    labels = fields.get("labels")
    pictures = find_pictures(folder, [*map(str, labels)] if isinstance(labels, list) else None)
    asked = checked_adaptation({**fields, "labels": [*pictures.labels]}, False, profile, synthesizes=False)
    wanted = Wanted(asked.shots, asked.held_back, profile.adaptation.held_back, asked.seed)
    own = read_own_references(pictures, profile, wanted, settings.max_upload_bytes)
    say(own.summary)
    sized = asked.model_copy(update={"shots": own.shots, "held_back": own.held_back})
    return run_adaptation(sized, profile, settings, on_progress, own)


def run_adaptation(
    parameters: AdaptParameters,
    profile: Profile,
    settings: Settings,
    on_progress: Progress,
    own: OwnReferences | None = None,
) -> AdaptResult:
    request = adapt_request(parameters, profile, settings)
    checked_cost(request, profile, settings, synthesizes=own is None)
    set_up(profile, settings)
    started = time.perf_counter()

    def tell(progress: Step) -> None:
        on_progress(progress.done, progress.total)

    made = adapt(request, profile, settings, new_job_id(), tell, own)
    return adapt_result(request, made, time.perf_counter() - started)
