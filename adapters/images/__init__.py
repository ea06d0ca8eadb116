"""From the bytes of an uploaded file to the canonical tensor, in which a radius holds; and what that will cost."""

from adapters.images.canonical import CanonicalImage, canonicalise, canonicalise_for
from adapters.images.cost import decoding_cost
from adapters.images.preprocessing import (
    CURRENT,
    USUAL,
    Preprocessing,
    PreprocessingVersion,
    ResizeMode,
    read_preprocessing,
)
from adapters.images.refusals import MAX_PIXELS, MAX_REDUCED_PIXELS, MAX_REDUCED_SIDE, MAX_SCANS, MAX_SIDE, MIN_SIDE
from adapters.images.resize import operator_norm, resize_matrix
from adapters.images.windows import resize_windows

__all__ = [
    "CURRENT",
    "MAX_PIXELS",
    "MAX_REDUCED_PIXELS",
    "MAX_REDUCED_SIDE",
    "MAX_SCANS",
    "MAX_SIDE",
    "MIN_SIDE",
    "USUAL",
    "CanonicalImage",
    "Preprocessing",
    "PreprocessingVersion",
    "ResizeMode",
    "canonicalise",
    "canonicalise_for",
    "decoding_cost",
    "operator_norm",
    "read_preprocessing",
    "resize_matrix",
    "resize_windows",
]
