"""When the votes of a request are looked at: planned at submission, as part of the question."""

import math
from dataclasses import dataclass

from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks
from robustify.smoothing.sequential import EARLY_SHARE
from robustify.smoothing.statistics import fewest_samples_to_predict
from robustify.types import Bound, PredictTest

EARLY_SHARDS = 4
"""A certificate that may stop early is looked at after each batch for so many shards."""
MAX_LOOKS = 40
"""Of a prediction: each is a shard of its own, and takes some milliseconds beside its samples."""


@dataclass(frozen=True)
class CertificateLooks:
    """When the votes of a certificate are looked at; None for once, when all are in."""

    selection_looks: Looks | None
    looks: Looks | None


def certificate_looks(bound: Bound, profile: Profile, settings: Settings) -> CertificateLooks:
    """Algorithm 1 as it stands looks once at both phases. Others look at the selection early too, and at the estimation
    if the bound is one for it."""
    return CertificateLooks(
        selection_looks=None if bound is Bound.CLOPPER_PEARSON else selection_looks(profile, settings),
        looks=anytime_looks(profile, settings) if bound is Bound.ANYTIME else None,
    )


def selection_looks(profile: Profile, settings: Settings) -> Looks:
    """After each batch, which is the least that is computed."""
    return Looks(profile.samples_per_batch(settings))


def anytime_looks(profile: Profile, settings: Settings) -> Looks:
    """At first after each batch; later after each shard, since one look more costs a delivery and saves few samples."""
    batch, shard = profile.samples_per_batch(settings), profile.samples_per_shard(settings)
    if shard <= batch:
        return Looks(shard)
    return Looks(batch, head=EARLY_SHARDS * math.ceil(shard / batch) * batch, stride=shard)


def shard_samples(profile: Profile, settings: Settings, copies: int) -> int:
    """Samples of a shard, each of so many noisy copies: it has as many copies as one of a single sigma, in whole
    batches, of which it has one at least."""
    shard = profile.samples_per_shard(settings)
    if copies == 1:
        return shard
    batch = profile.samples_per_batch(settings)
    return max(1, shard // (copies * batch)) * batch


def sequential_looks(test: str, n: int, alpha: float, batch_size: int) -> Looks | None:
    """After each batch, or more of them where n is large; None where the fixed test is asked for, or n is too small for
    anything else: looking early costs a part of alpha, and must be possible."""
    if test == PredictTest.FIXED or n <= batch_size or n < fewest_samples_to_predict((1 - EARLY_SHARE) * alpha):
        return None
    return Looks(batch_size * math.ceil(n / (batch_size * MAX_LOOKS)))
