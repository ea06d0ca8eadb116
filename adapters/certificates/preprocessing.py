"""How the engine of a certificate makes a tensor of a file, as far as this release knows that way."""

from adapters.contract.certificate import AnyCertificate
from adapters.images import Preprocessing, PreprocessingVersion, ResizeMode, read_preprocessing
from adapters.profiles.fingerprint import EngineParts
from robustify.errors import UnreadableImageError

UNKNOWN = (
    f"This release knows preprocessing of versions {', '.join(PreprocessingVersion)} and of modes "
    f"{', '.join(ResizeMode)}, and the engine states another: check the image with the release that made the "
    "certificate."
)


def preprocessing_of(certificate: AnyCertificate) -> Preprocessing:
    """Raises UnreadableImageError where this release does not know that way."""
    try:
        return read_preprocessing(stated_by(certificate.model.engine))
    except ValueError:
        raise UnreadableImageError(UNKNOWN) from None


def resize_mode_of(engine: EngineParts) -> ResizeMode:
    """That of whatever version; the usual one where none is stated that this release knows."""
    mode = stated_by(engine).rpartition("/")[2]
    return ResizeMode(mode) if mode in set(ResizeMode) else ResizeMode.SHORTER_SIDE


def stated_by(engine: EngineParts) -> str:
    return str(engine.get("preprocessing"))
