"""Whether a certificate is about the file that is given."""

import math
from collections.abc import Callable

from adapters.certificates.check import Check
from adapters.contract.certificate import AnyCertificate
from adapters.images import CanonicalImage, Preprocessing, canonicalise_for
from adapters.store.tensors import tensor_digest
from robustify.errors import UnreadableImageError
from robustify.types import Noise

Decode = Callable[[Noise, bytes, int, Preprocessing], CanonicalImage]
"""A file to its canonical tensor of so many pixels a side; raises UnreadableImageError."""
IMAGE, SOURCE = "image", "source"
OF_VERSION = {
    Preprocessing.WITHOUT_PROFILES: ", as preprocessing of version 1 makes it: a colour profile counts for nothing",
    Preprocessing.SRGB: "",
}
NORM_TOLERANCE = 1e-9
"""Relative, of a norm that is computed again: what another linear algebra library may round otherwise."""


def file_checks(certificate: AnyCertificate, file: bytes, decode: Decode = canonicalise_for) -> tuple[Check, Check]:
    """That the file has the canonical tensor of the certificate, and that both radii hold for it."""
    named = certificate.image
    try:
        if named.height != named.width:
            raise UnreadableImageError("This release makes square tensors only.")
        version = preprocessing_of(certificate)
        image = decode(certificate.noise, file, named.height, version)
    except UnreadableImageError as error:
        return Check(IMAGE, False, str(error)), Check(SOURCE, False, "The image cannot be read.")
    same_tensor = tensor_digest(image.tensor) == named.sha256
    told = f"The file {'has' if same_tensor else 'does not have'} this canonical tensor{OF_VERSION[version]}."
    tensor = Check(IMAGE, same_tensor, told)
    return tensor, check_source(certificate, image, same_tensor)


def check_source(certificate: AnyCertificate, image: CanonicalImage, same_tensor: bool) -> Check:
    """The norm is that of this very file; stored outcomes answer for every other file of the same tensor."""
    named = certificate.image
    if image.source_sha256 == named.source_sha256:
        passed = math.isclose(image.source_norm, named.source_norm, rel_tol=NORM_TOLERANCE)
        detail = "" if passed else f", but its norm is {image.source_norm:.6f} and not {named.source_norm:.6f}"
        return Check(SOURCE, passed, f"It is the very file that was sent{detail}.")
    if same_tensor and image.source_norm <= named.source_norm:
        return Check(SOURCE, True, "It is another file of the same tensor, for whose pixels both radii hold.")
    return Check(SOURCE, False, "It is another file than the one that was sent.")


def preprocessing_of(certificate: AnyCertificate) -> Preprocessing:
    """How its engine makes a tensor of a file. UnreadableImageError where this release does not know that way."""
    stated = str(certificate.model.engine.get("preprocessing")).partition("/")[0]
    if stated not in set(Preprocessing):
        raise UnreadableImageError(
            f"This release knows preprocessing of versions {', '.join(Preprocessing)}, and the engine states another: "
            "check the image with the release that made the certificate."
        )
    return Preprocessing(stated)
