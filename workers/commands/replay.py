"""Counts the votes of a certificate again, from its seed: on a machine that holds the same models."""

from collections.abc import Callable

import numpy as np

from adapters.canonical_json import canonical_digest
from adapters.certificates.checks import Check
from adapters.contract.certificate import Certificate
from adapters.images import canonicalise_for
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_parts
from adapters.profiles.profile import Profile
from adapters.profiles.shipped import find_profile, located
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.errors import InvalidInputError, StoredImageError
from robustify.types import Phase
from workers.counting import LoadedModel, samples_of
from workers.server_client import Progress

NAME = "replay"


def replayed(
    certificate: Certificate,
    seed: bytes,
    image: bytes | None,
    make_settings: Callable[..., Settings],
    on_progress: Progress,
) -> Check:
    """Whether all votes are those of the certificate; InvalidInputError where there is no image to count them on."""
    settings = settings_of(certificate, make_settings)
    profile = located(find_profile(certificate.model.profile), settings)
    if differing := differing_parts(certificate, profile, settings):
        return Check(NAME, False, f"The models or settings of this machine differ in: {', '.join(differing)}.")
    tensor = tensor_of(certificate, image, profile, settings)
    counts = recount(certificate, seed, tensor, profile, settings, on_progress)
    if counts == (certificate.selection_votes, certificate.votes):
        return Check(NAME, True, "All votes of both phases are the same when they are counted again.")
    phases = zip(("selection", "estimation"), counts, (certificate.selection_votes, certificate.votes), strict=True)
    wrong = " and ".join(phase for phase, found, stated in phases if found != stated)
    return Check(NAME, False, f"Counted again, the votes of the {wrong} phase are others.")


def settings_of(certificate: Certificate, make_settings: Callable[..., Settings]) -> Settings:
    """Those of this machine, with what of the certificate's engine a setting can choose, but for the device."""
    chosen = {name: value for name, value in certificate.model.engine.items() if name in Settings.model_fields}
    return make_settings(profile=certificate.model.profile, **{**chosen, "device": None})


def differing_parts(certificate: Certificate, profile: Profile, settings: Settings) -> list[str]:
    own, stated = engine_parts(profile, settings), certificate.model.engine
    return sorted(name for name in {*own, *stated} if own.get(name) != stated.get(name))


def tensor_of(certificate: Certificate, image: bytes | None, profile: Profile, settings: Settings) -> np.ndarray:
    """(3, H, W): of the file, whose digest was checked before, or else as it is stored."""
    if image is not None:
        return canonicalise_for(certificate.noise, image, profile.side).tensor
    try:
        return ImageStore(settings.state.images).get(certificate.image.sha256)
    except StoredImageError as error:
        raise InvalidInputError("the image is not in this state folder: give --image", field="image") from error


def recount(
    certificate: Certificate,
    seed: bytes,
    tensor: np.ndarray,
    profile: Profile,
    settings: Settings,
    on_progress: Progress,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The votes of selection and estimation."""
    engine = canonical_digest(engine_parts(profile, settings))
    model = LoadedModel(profile, engine, load_models(profile, settings), settings, noise_secret=b"")
    smoothing = certificate.smoothing
    noisy = samples_of(tensor, smoothing.sigma, seed, certificate.noise)

    def votes(phase: Phase, samples: int, done_before: int) -> tuple[int, ...]:
        def on_batch(done: int) -> None:
            on_progress(done_before + done, smoothing.samples_used)

        return tuple(model.votes(certificate.task, smoothing.sigma, noisy, phase, on_batch)(0, samples))

    n0 = certificate.smoothing.n0
    return votes(Phase.SELECT, n0, 0), votes(Phase.ESTIMATE, certificate.estimation_samples, n0)
