"""The public keys of a service. Not every process may read the noise key: its public half is stored for the others."""

from contextlib import suppress

from adapters.canonical_json import canonical_bytes
from adapters.certificates.key_files import has_noise_key, noise_private_key, signing_key
from adapters.certificates.keys import public_key_of
from adapters.certificates.vrf import NoiseKey
from adapters.contract.keys import PublicKeys, PublicNoiseKeyDocument
from adapters.durable_files import write_durably
from adapters.settings import Settings
from adapters.store.places import places_of
from robustify.errors import RobustifyError, StoreUnavailableError

NO_NOISE_KEY = "no worker has started here yet, and made the public half of the noise key known"


def noise_key(settings: Settings) -> NoiseKey:
    """The private key, made if there is none; its public half is written beside it for processes without it."""
    key, path = NoiseKey(noise_private_key(settings)), settings.state.public_noise_key
    text = canonical_bytes(public_half(key).model_dump(mode="json"))
    if not path.is_file() or path.read_bytes() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, text)
        path.chmod(0o644)
    if settings.store is not None:
        tell_other_hosts(settings, path.name, text)
    return key


def tell_other_hosts(settings: Settings, name: str, text: bytes) -> None:
    """A store that is away is told later: whoever works needs it anyway."""
    stored = places_of(settings).objects
    with suppress(StoreUnavailableError):
        if stored.read(name) != text:
            stored.write(name, text)


def public_half(key: NoiseKey) -> PublicNoiseKeyDocument:
    """What others check proofs with."""
    return PublicNoiseKeyDocument(modulus=key.public.modulus, roots=tuple(root.hex() for root in key.roots))


def public_keys(settings: Settings) -> PublicKeys:
    """Both. Raises RobustifyError while that of the noise is not known here: it is made by who draws it."""
    known = known_noise_key(settings)
    if known is None:
        raise RobustifyError(NO_NOISE_KEY)
    return PublicKeys(public_key=public_key_of(signing_key(settings)), noise_key=known)


def known_noise_key(settings: Settings) -> PublicNoiseKeyDocument | None:
    """Never makes a key: where the API does not hold the private one, it would be another than the workers'."""
    path = settings.state.public_noise_key
    if path.is_file():
        return PublicNoiseKeyDocument.model_validate_json(path.read_bytes())
    if has_noise_key(settings):
        return public_half(noise_key(settings))
    told = None if settings.store is None else places_of(settings).objects.read(path.name)
    return None if told is None else PublicNoiseKeyDocument.model_validate_json(told)
