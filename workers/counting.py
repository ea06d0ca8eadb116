"""The models of one process and the votes that they count; the one place that makes a `NoisyVotes` of them."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from adapters.certificates.issue import Issuer
from adapters.certificates.key_files import signing_key
from adapters.certificates.vrf import NoiseKey, seed_of
from adapters.contract.certificate_parts import Hardware
from adapters.contract.jobs import JobRequest, PreviewRequest
from adapters.contract.results import CertifyResult, PredictResult, TogetherResult
from adapters.profiles.fingerprint import engine_digest, engine_parts, function_digest
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.counting import VoteCounter
from robustify.errors import ModelFilesError
from robustify.smoothing.lattice import SeededLatticeNoise, to_levels
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples, LatticeSamples, SampleSource
from robustify.smoothing.seeds import seed_at
from robustify.smoothing.votes import BaseClassifier, NoisyVotes, VotesAtEachSigma
from robustify.types import Noise, Phase, Task

BeforeBatch = Callable[[int], None]
"""Called with the number of samples done; what it raises stops the count."""


class BaseClassifiers(Protocol):
    """The resident models of a profile: f of Eq. 4 for a task and sigma."""

    def base_classifier(self, task: Task, sigma: float) -> BaseClassifier: ...


@dataclass(frozen=True)
class VoteMaker:
    """The models in memory, and what they are: they count the votes of any noise."""

    profile: Profile
    engine: str
    """Computed when they were loaded: the files may have changed since."""
    classifiers: BaseClassifiers
    settings: Settings

    def votes(
        self,
        task: Task,
        sigma: float,
        samples: SampleSource,
        phase: Phase,
        before_batch: BeforeBatch = lambda done: None,
    ) -> NoisyVotes:
        """The VoteCounter of the noisy copies of an image."""
        return NoisyVotes(
            base_classifier=self.classifiers.base_classifier(task, sigma),
            samples=samples,
            phase=phase,
            classes=len(task.labels),
            sizes=task.set_sizes,
            batch_size=self.profile.samples_per_batch(self.settings),
            device=torch.device(self.settings.device),
            before_batch=outside_inference(before_batch),
        )


@dataclass(frozen=True)
class LoadedModel(VoteMaker):
    """A VoteMaker with the key of the noise: it answers requests."""

    noise_key: NoiseKey

    def votes_of(
        self, request: JobRequest, image: np.ndarray, phase: Phase, before_batch: BeforeBatch = lambda done: None
    ) -> VoteCounter:
        """That of a request. `before_batch` is called with the number of noisy copies done, of which a sample has one
        at each sigma."""
        seed, task = self.seed(request), request.label_task
        if not request.sigmas:
            samples = samples_of(image, request.sigma, seed, request.noise)
            return self.votes(task, request.sigma, samples, phase, before_batch)

        def count_at(place: int, before: BeforeBatch) -> VoteCounter:
            sigma = request.sigmas[place]
            samples = samples_of(image, sigma, seed_at(seed, place), request.noise)
            return self.votes(task, sigma, samples, phase, before)

        return VotesAtEachSigma(count_at, request.copies, before_batch)

    def fingerprint_of(self, request: JobRequest | PreviewRequest) -> str:
        """The fingerprint of the function that `votes_of` counts the votes of, or that a preview looks through,
        whatever the request says."""
        if isinstance(request, PreviewRequest):
            return function_digest(self.engine, request.label_task, request.sigma)
        return function_digest(self.engine, request.label_task, request.sigma, request.noise, request.sigmas)

    def computes(self, request: JobRequest | PreviewRequest) -> bool:
        """Whether that function is the one that the request was submitted for."""
        return (request.profile, request.fingerprint) == (self.profile.name, self.fingerprint_of(request))

    @cached_property
    def issuer(self) -> Issuer:
        """Signs certificates; makes the key if there is none. Its engine is what the files are at first use."""
        engine = engine_parts(self.profile, self.settings)
        hardware = hardware_of(torch.device(self.settings.device))
        return Issuer(engine, hardware, self.noise_key, signing_key(self.settings), self.profile.licences)

    def seed(self, request: JobRequest) -> bytes:
        """The seed of all noise that the request meets (32 bytes)."""
        return seed_of(self.noise_key.proof(request.question.text))

    def proven(self, request: JobRequest, result: PredictResult) -> PredictResult:
        """The result of a predict job with its question and the proof of its noise."""
        randomness = self.issuer.randomness(request)
        return result.model_copy(update={"question": request.question, "randomness": randomness})

    def certified(self, request: JobRequest, result: CertifyResult) -> CertifyResult:
        """The result of a certify job with its signed certificate."""
        return self.issuer.certified(request, result, time.time())

    def certified_together(self, request: JobRequest, result: TogetherResult) -> TogetherResult:
        """Likewise, of several label sets or sigmas."""
        return self.issuer.certified_together(request, result, time.time())

    @property
    def is_current(self) -> bool:
        """Whether the files are still those that were loaded, as far as they can be read."""
        try:
            return engine_digest(self.profile, self.settings) == self.engine
        except (ModelFilesError, OSError):
            return True


def outside_inference(before_batch: BeforeBatch) -> BeforeBatch:
    """What is called between two batches may load the models of another task, which must be usable afterwards."""

    def called(done: int) -> None:
        with torch.inference_mode(False):
            before_batch(done)

    return called


def hardware_of(device: torch.device) -> Hardware:
    """What of this machine may change the last bits of logits."""
    if device.type == "cuda":
        processor = torch.cuda.get_device_name(device)
    else:
        processor = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return Hardware(processor=processor, threads=torch.get_num_threads())


def samples_of(image: np.ndarray, sigma: float, seed: bytes, noise: Noise = Noise.GAUSSIAN) -> SampleSource:
    """Noisy copies of an image, float32 (3, H, W) in [0, 1]; `seed` decides their noise (32 bytes)."""
    if noise is Noise.LATTICE:
        return LatticeSamples(to_levels(image), SeededLatticeNoise(seed, sigma))
    return GaussianSamples(image, sigma, SeededNoise(seed))
