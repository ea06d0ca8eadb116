"""Counts the votes of a certificate again, from the proof of its noise: on a machine that holds the same models."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from adapters.certificates.check import Check
from adapters.certificates.count_checks import recomputed_claim
from adapters.certificates.vrf import seed_of
from adapters.contract.certificate import Certificate
from adapters.images import canonicalise_for
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest, engine_parts
from adapters.profiles.library import find_profile, located
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.errors import InvalidInputError, StoredImageError
from robustify.smoothing.decisions import select
from robustify.smoothing.rules import Outcome
from robustify.smoothing.statistics import rounded_down
from robustify.smoothing.votes import NO_VOTE, NoisyVotes, tally, votes_of_rows
from robustify.types import Phase
from workers.counting import VoteMaker, samples_of
from workers.server_client import Progress

NAME = "replay"
LARGEST_BATCH = 1024
"""Of samples in one pass through the models: whoever wrote the certificate must not choose the memory that it takes."""
CHOSEN = frozenset({"dtype", "folded", "batch_size", "timestep_rule", "k"})
NEAR_TIES = {"float32": 1e-4, "bfloat16": 0.2}
"""Between the two largest logits: what other hardware or another number of threads may turn, by the number format; some
times what was seen (8.6e-6 and .09)."""


@dataclass(frozen=True)
class Recounted:
    """The votes (K,) of a phase, and how far apart the two largest logits of each sample are (S,)."""

    votes: tuple[int, ...]
    margins: np.ndarray

    def differing(self, stated: Sequence[int]) -> int:
        """The fewest samples that must have voted otherwise."""
        more = sum(max(0, own - other) for own, other in zip(self.votes, stated, strict=True))
        return max(more, more - sum(self.votes) + sum(stated))

    def near_ties(self, margin: float) -> int:
        return int((self.margins <= margin).sum())


def replayed(
    certificate: Certificate, image: bytes | None, make_settings: Callable[..., Settings], on_progress: Progress
) -> Check:
    """Whether all votes are those of the certificate, but for decisions so close that another machine may turn them.

    InvalidInputError where there is no image to count them on.
    """
    settings = settings_of(certificate, make_settings)
    profile = located(find_profile(certificate.model.profile, settings), settings)
    if (batch := profile.samples_per_batch(settings)) > LARGEST_BATCH:
        return Check(NAME, False, f"Its batches have {batch} samples: more than {LARGEST_BATCH} are not counted here.")
    if differing := differing_parts(certificate, profile, settings):
        return Check(NAME, False, f"The models or settings of this machine differ in: {', '.join(differing)}.")
    tensor = tensor_of(certificate, image, profile, settings)
    selection, estimation = recount(certificate, tensor, profile, settings, on_progress)
    return compared(certificate, selection, estimation, NEAR_TIES[profile.number_format(settings)])


def compared(certificate: Certificate, selection: Recounted, estimation: Recounted, margin: float) -> Check:
    """What the votes say that were counted again, where two logits no further apart than `margin` are a near tie."""
    phases = (
        ("selection", selection, certificate.selection_votes),
        ("estimation", estimation, certificate.votes),
    )
    others = {name: found.differing(stated) for name, found, stated in phases}
    if not any(others.values()):
        return Check(NAME, True, "All votes of both phases are the same when they are counted again.")
    told = " and ".join(f"{count} of the {name} phase" for name, count in others.items() if count)
    closest = max(closest_margin(found, others[name]) for name, found, _ in phases if others[name])
    explained = all(found.near_ties(margin) >= others[name] for name, found, _ in phases)
    claim = claim_against(certificate, selection, estimation)
    ties = (
        f"near ties, which other hardware or another number of threads may turn (it was counted on "
        f"{certificate.model.hardware.processor} with {certificate.model.hardware.threads} threads)"
        if explained
        else f"more than the near ties up to {margin:g} explain"
    )
    return Check(
        NAME,
        explained,
        f"Counted again, votes are others: {told}. The closest decisions there have logits up to {closest:.2g} apart: "
        f"{ties}. {claim}",
    )


def closest_margin(found: Recounted, count: int) -> float:
    """How far apart the logits are of the sample that is the last of so many, the closest first; infinitely where no
    sample has a vote."""
    if not len(found.margins):
        return math.inf
    return float(np.sort(found.margins)[min(count, len(found.margins)) - 1])


def claim_against(certificate: Certificate, selection: Recounted, estimation: Recounted) -> str:
    """What is left of the claim when every vote that differs counts against it, as one that did not come back."""
    if certificate.radius is None:
        return "No radius is claimed."
    if select(selection.votes) != certificate.index:
        return "The claim does not hold with them: another class has the most selection votes."
    votes = tuple(map(min, estimation.votes, certificate.votes))
    try:
        left = recomputed_claim(certificate.model_copy(update={"votes": votes}))
    except ValueError:
        return "The claim does not hold with all of them against it."
    if left.outcome is not Outcome.CERTIFIED or left.radius is None:
        return "The claim does not hold with all of them against it."
    if left.radius >= certificate.radius:
        return "The claim holds with all of them against it."
    return f"With all of them against it the radius is {rounded_down(left.radius):.4f}."


def settings_of(certificate: Certificate, make_settings: Callable[..., Settings]) -> Settings:
    """Those of this machine, with the numbers of the certificate's engine that are `CHOSEN`. Whoever wrote it chooses
    no address, no folder and no device: what differs there is named."""
    chosen = {name: value for name, value in certificate.model.engine.items() if name in CHOSEN}
    return make_settings(profile=certificate.model.profile, **chosen)


def differing_parts(certificate: Certificate, profile: Profile, settings: Settings) -> list[str]:
    own, stated = engine_parts(profile, settings), certificate.model.engine
    return sorted(name for name in {*own, *stated} if own.get(name) != stated.get(name))


def tensor_of(certificate: Certificate, image: bytes | None, profile: Profile, settings: Settings) -> np.ndarray:
    """(3, H, W): of the file, whose digest was checked before, or else as it is stored."""
    if image is not None:
        return canonicalise_for(certificate.noise, image, profile.side, profile.preprocessing).tensor
    try:
        return ImageStore(settings.state.images).get(certificate.image.sha256)
    except StoredImageError as error:
        raise InvalidInputError("the image is not in this state folder: give --image", field="image") from error


def recount(
    certificate: Certificate, tensor: np.ndarray, profile: Profile, settings: Settings, on_progress: Progress
) -> tuple[Recounted, Recounted]:
    """The votes of selection and estimation."""
    maker = VoteMaker(profile, engine_digest(profile, settings), load_models(profile, settings), settings)
    smoothing = certificate.smoothing
    seed = seed_of(bytes.fromhex(certificate.randomness.proof))
    noisy = samples_of(tensor, smoothing.sigma, seed, certificate.noise)

    def counted(phase: Phase, samples: int, done_before: int) -> Recounted:
        def on_batch(done: int) -> None:
            on_progress(done_before + done, smoothing.samples_used)

        return recounted(maker.votes(certificate.task, smoothing.sigma, noisy, phase, on_batch), samples)

    before = certificate.selection_samples
    return counted(Phase.SELECT, before, 0), counted(Phase.ESTIMATE, certificate.estimation_samples, before)


@torch.inference_mode()
def recounted(count: NoisyVotes, samples: int) -> Recounted:
    """The votes of the first so many samples, and their margins; one without a finite margin has none."""
    votes = np.zeros(count.classes, dtype=np.int64)
    margins: list[np.ndarray] = []
    for logits in count.logits(0, samples):
        votes += tally(logits, count.classes)
        best = logits[votes_of_rows(logits) != NO_VOTE].float().topk(min(2, count.classes), dim=1).values
        margins.append((best[:, 0] - best[:, -1]).cpu().numpy())
    return Recounted(tuple(int(vote) for vote in votes), np.concatenate(margins))
