"""The seed of a certificate, for who holds the secret of its noise."""

from adapters.contract.certificate import Certificate
from adapters.contract.jobs import certificate_id_of
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError
from robustify.smoothing.seeds import certificate_seed, commitment


def seed_of(certificate: Certificate, settings: Settings) -> bytes:
    """The 32 bytes that the certificate commits to; no secret is made for it.

    InvalidInputError where there is no secret, RobustifyError where it is not the one of the certificate.
    """
    if not settings.has_noise_secret:
        raise InvalidInputError(f"there is no secret in {settings.state_dir}: name its state folder, or give --seed")
    identity = certificate_id_of(certificate.image.sha256, certificate.model.fingerprint)
    seed = certificate_seed(settings.noise_secret(), identity)
    if commitment(seed) != certificate.seed_commitment:
        raise RobustifyError("the noise of this certificate was made with another secret than this state folder's")
    return seed
