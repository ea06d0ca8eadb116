"""Whether a certificate is about the file that is given."""

import math
from collections.abc import Callable

from adapters.certificates.check import Check
from adapters.certificates.preprocessing import preprocessing_of
from adapters.contract.certificate import AnyCertificate
from adapters.images import CanonicalImage, Preprocessing, PreprocessingVersion, ResizeMode, canonicalise_for
from adapters.store.tensors import tensor_digest
from robustify.errors import UnreadableImageError
from robustify.types import Noise

Decode = Callable[[Noise, bytes, int, Preprocessing], CanonicalImage]
"""A file to its canonical tensor of so many pixels a side; raises UnreadableImageError."""
IMAGE, SOURCE = "image", "source"
OF_VERSION = {
    PreprocessingVersion.WITHOUT_PROFILES: ", as preprocessing of version 1 makes it: a colour profile counts for "
    "nothing",
    PreprocessingVersion.SRGB: "",
}
OF_MODE = {
    ResizeMode.SHORTER_SIDE: "",
    ResizeMode.RESIZE_256_CROP_224: " Its shorter side is resized to 256/224 of the tensor's, and the centre cut out.",
    ResizeMode.SQUASH: " Both of its sides are resized, whatever the aspect.",
    ResizeMode.PAD: " Its longer side is resized, and the rest is grey.",
}
NORM_TOLERANCE = 1e-9
"""Relative, of a norm that is computed again: what another linear algebra library may round otherwise."""


def file_checks(certificate: AnyCertificate, file: bytes, decode: Decode = canonicalise_for) -> tuple[Check, Check]:
    """That the file has the canonical tensor of the certificate, and that both radii hold for it."""
    named = certificate.image
    try:
        if named.height != named.width:
            raise UnreadableImageError("This release makes square tensors only.")
        preprocessing = preprocessing_of(certificate)
        image = decode(certificate.noise, file, named.height, preprocessing)
    except UnreadableImageError as error:
        return Check(IMAGE, False, str(error)), Check(SOURCE, False, "The image cannot be read.")
    same_tensor = tensor_digest(image.tensor) == named.sha256
    told = f"The file {'has' if same_tensor else 'does not have'} this canonical tensor"
    tensor = Check(IMAGE, same_tensor, f"{told}{OF_VERSION[preprocessing.version]}.{OF_MODE[preprocessing.mode]}")
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
