"""Which sigmas are tried on a profile, and what a run over a handful of pictures costs at the most."""

from collections.abc import Sequence

from adapters.profiles.noise_range import check_sigma, largest_sigma
from adapters.profiles.profile import Profile
from robustify.errors import InvalidInputError

USUAL_SIGMAS = (0.12, 0.25, 0.5, 1.0)


def candidates(profile: Profile, asked: Sequence[float] | None) -> tuple[float, ...]:
    """Those that were asked for; else the usual ones that the denoiser can remove, or the profile's own where it can
    remove none of them. The smallest comes first.

    Raises InvalidInputError for one that was asked for and is out of its range.
    """
    if asked:
        for why in filter(None, (why_not(profile, sigma) for sigma in asked)):
            raise InvalidInputError(why, field="sigma")
        return tuple(sorted(set(asked)))
    usual = tuple(sigma for sigma in USUAL_SIGMAS if why_not(profile, sigma) is None)
    return usual or (profile.default_sigma,)


def why_not(profile: Profile, sigma: float) -> str | None:
    """What is wrong with so much noise for the profile's denoiser; None where nothing is."""
    try:
        check_sigma(profile, sigma)
    except InvalidInputError as error:
        return str(error)
    most = largest_sigma(profile)
    if most is not None and sigma > most:
        return f"sigma {sigma:g} is outside the denoiser's schedule, which ends at {most:.3g}: give less"
    return None


def most_samples(pictures: int, sigmas: int, predict_samples: int, certify_samples: int) -> int:
    """Passes through the models: one for each picture without protection, and at each sigma two answers."""
    return pictures * (1 + sigmas * (predict_samples + certify_samples))
