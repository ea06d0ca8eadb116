"""Whether a certificate is about the file that is given."""

import math

from adapters.certificates.check import Check
from adapters.contract.certificate import AnyCertificate
from adapters.images import CanonicalImage, canonicalise_for
from adapters.store.tensors import tensor_digest
from robustify.errors import UnreadableImageError

IMAGE, SOURCE = "image", "source"
NORM_TOLERANCE = 1e-9
"""Relative, of a norm that is computed again: what another linear algebra library may round otherwise."""


def file_checks(certificate: AnyCertificate, file: bytes) -> tuple[Check, Check]:
    """That the file has the canonical tensor of the certificate, and that both radii hold for it."""
    named = certificate.image
    try:
        if named.height != named.width:
            raise UnreadableImageError("This release makes square tensors only.")
        image = canonicalise_for(certificate.noise, file, named.height)
    except UnreadableImageError as error:
        return Check(IMAGE, False, str(error)), Check(SOURCE, False, "The image cannot be read.")
    same_tensor = tensor_digest(image.tensor) == named.sha256
    tensor = Check(IMAGE, same_tensor, f"The file {'has' if same_tensor else 'does not have'} this canonical tensor.")
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
