"""From the bytes of an uploaded file to the canonical tensor, in which a radius holds; and what that will cost."""

from adapters.images.canonical import CURRENT, CanonicalImage, Preprocessing, canonicalise, canonicalise_for
from adapters.images.cost import decoding_cost
from adapters.images.refusals import MAX_PIXELS, MAX_REDUCED_PIXELS, MAX_REDUCED_SIDE, MAX_SCANS, MAX_SIDE, MIN_SIDE
from adapters.images.resize import crop_windows, operator_norm, resize_matrix

__all__ = [
    "CURRENT",
    "MAX_PIXELS",
    "MAX_REDUCED_PIXELS",
    "MAX_REDUCED_SIDE",
    "MAX_SCANS",
    "MAX_SIDE",
    "MIN_SIDE",
    "CanonicalImage",
    "Preprocessing",
    "canonicalise",
    "canonicalise_for",
    "crop_windows",
    "decoding_cost",
    "operator_norm",
    "resize_matrix",
]
