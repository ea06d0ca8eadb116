"""Counts the votes of a certificate again, from the proof of its noise: on a machine that holds the same models."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from adapters.certificates.check import Check
from adapters.certificates.checks import claim_places
from adapters.certificates.count_checks import recomputed_claim
from adapters.certificates.vrf import seed_of
from adapters.contract.certificate import Certificate, Replayable, Together
from adapters.images import canonicalise_for
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest, engine_parts
from adapters.profiles.library import find_profile, located
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.places import places_of
from robustify.errors import InvalidInputError, StoredImageError
from robustify.smoothing.decisions import select
from robustify.smoothing.rules import Outcome
from robustify.smoothing.seeds import seed_at
from robustify.smoothing.statistics import rounded_down
from robustify.smoothing.votes import NO_VOTE, NoisyVotes, logits_of_sets, tally, votes_of_rows
from robustify.types import Phase
from workers.counting import VoteMaker, samples_of
from workers.server_client import Progress

NAME = "replay"
SAME = "All votes of both phases are the same when they are counted again."
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
    certificate: Replayable, image: bytes | None, make_settings: Callable[..., Settings], on_progress: Progress
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
    claims = certificate.each if isinstance(certificate, Together) else (certificate,)
    selections, estimations = recount(certificate, tensor, profile, settings, on_progress)
    margin = NEAR_TIES[profile.number_format(settings)]
    found = zip(claims, selections, estimations, strict=True)
    return of_all([compared(*of_claim, margin) for of_claim in found], claim_places(certificate))


def of_all(found: Sequence[Check], places: Sequence[str]) -> Check:
    """What was found of each claim, as one: of the first that failed, or else that had other votes."""
    failed = [number for number, check in enumerate(found) if not check.passed]
    differing = [number for number, check in enumerate(found) if check.detail != SAME]
    first = next(iter([*failed, *differing]), None)
    if first is None or len(found) == 1:
        return found[0]
    return Check(NAME, not failed, f"{places[first]}: {found[first].detail}")


def compared(certificate: Certificate, selection: Recounted, estimation: Recounted, margin: float) -> Check:
    """What the votes say that were counted again, where two logits no further apart than `margin` are a near tie."""
    phases = (
        ("selection", selection, certificate.selection_votes),
        ("estimation", estimation, certificate.votes),
    )
    others = {name: found.differing(stated) for name, found, stated in phases}
    if not any(others.values()):
        return Check(NAME, True, SAME)
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


def settings_of(certificate: Replayable, make_settings: Callable[..., Settings]) -> Settings:
    """Those of this machine, with the numbers of the certificate's engine that are `CHOSEN`. Whoever wrote it chooses
    no address, no folder and no device: what differs there is named."""
    engine = certificate.model.engine
    chosen = {name: value for name, value in engine.items() if name in CHOSEN}
    settings = make_settings(profile=certificate.model.profile, cuda_graphs=False, **chosen)
    if engine.get("cuda_graphs") is True and settings.device.startswith("cuda"):
        return settings.model_copy(update={"cuda_graphs": True})
    return settings


def differing_parts(certificate: Replayable, profile: Profile, settings: Settings) -> list[str]:
    own, stated = engine_parts(profile, settings), certificate.model.engine
    return sorted(name for name in {*own, *stated} if own.get(name) != stated.get(name))


def tensor_of(certificate: Replayable, image: bytes | None, profile: Profile, settings: Settings) -> np.ndarray:
    """(3, H, W): of the file, whose digest was checked before, or else as it is stored."""
    if image is not None:
        return canonicalise_for(certificate.noise, image, profile.side, profile.preprocessing).tensor
    try:
        return places_of(settings).images.get(certificate.image.sha256)
    except StoredImageError as error:
        raise InvalidInputError("the image is not in this state folder: give --image", field="image") from error


def recount(
    certificate: Replayable, tensor: np.ndarray, profile: Profile, settings: Settings, on_progress: Progress
) -> tuple[Sequence[Recounted], Sequence[Recounted]]:
    """The votes of selection and estimation, of each label set or sigma."""
    maker = VoteMaker(profile, engine_digest(profile, settings), load_models(profile, settings), settings)
    noises = noises_of(certificate)
    used, before = certificate.smoothing.samples_used, certificate.selection_samples

    def counted(phase: Phase, samples: int, place: int, done_before: int) -> Sequence[Recounted]:
        sigma, seed = noises[place]
        done_before += place * used

        def on_batch(done: int) -> None:
            on_progress(done_before + done, len(noises) * used)

        noisy = samples_of(tensor, sigma, seed, certificate.noise)
        return recounted(maker.votes(certificate.task, sigma, noisy, phase, on_batch), samples)

    selections: list[Recounted] = []
    estimations: list[Recounted] = []
    for place in range(len(noises)):
        selections += counted(Phase.SELECT, before, place, 0)
        estimations += counted(Phase.ESTIMATE, certificate.estimation_samples, place, before)
    return selections, estimations


def noises_of(certificate: Replayable) -> Sequence[tuple[float, bytes]]:
    """sigma and seed of the noise; of several sigmas those of each."""
    seed = seed_of(bytes.fromhex(certificate.randomness.proof))
    if not certificate.sigmas:
        return [(certificate.smoothing.sigma, seed)]
    return [(sigma, seed_at(seed, place)) for place, sigma in enumerate(certificate.sigmas)]


@torch.inference_mode()
def recounted(count: NoisyVotes, samples: int) -> Sequence[Recounted]:
    """The votes of the first so many samples in each set, and their margins; one without a finite margin has none."""
    found: list[list[Recounted]] = [[] for _ in count.all_sizes]
    for logits in count.logits(0, samples):
        for of_set, part in zip(found, logits_of_sets(logits, count.all_sizes), strict=True):
            of_set.append(recounted_batch(part))
    return [added(batches) for batches in found]


def recounted_batch(logits: torch.Tensor) -> Recounted:
    """Of logits (B, K)."""
    classes = logits.shape[1]
    best = logits[votes_of_rows(logits) != NO_VOTE].float().topk(min(2, classes), dim=1).values
    votes = tuple(int(vote) for vote in tally(logits, classes))
    return Recounted(votes, (best[:, 0] - best[:, -1]).cpu().numpy())


def added(batches: Sequence[Recounted]) -> Recounted:
    votes = tuple(map(sum, zip(*(batch.votes for batch in batches), strict=True)))
    return Recounted(votes, np.concatenate([batch.margins for batch in batches]))
