"""What a picture will take to decode, estimated from its structure: light ones need not wait behind heavy ones.

The factors were fitted to CPU seconds of `canonicalise` at side 224 on one core of an AMD EPYC, for photo-like pictures
of 1 to 100 megapixels of every kind. Estimates were within a half of what was measured, most within a tenth (decision
21).
"""

from adapters.images.decode import check_size, read_structure, reduced, reduction
from adapters.images.kinds import Kind
from adapters.images.structure import Structure
from robustify.errors import UnreadableImageError

AT_LEAST = 0.005
DECODED = {Kind.JPEG: 0.0165, Kind.PNG: 0.023, Kind.WEBP: 0.027}
"""Seconds for a million decoded pixels, with all that happens to them afterwards."""
ALPHA, PROFILE = 0.014, 0.014
"""More seconds for a million decoded pixels."""
STORED = 0.0005
"""For a million pixels of a JPEG that are decoded at a reduced size."""
CODED = {Kind.JPEG: 0.0125, Kind.PNG: 0.0075, Kind.WEBP: 0.012}
"""Seconds for a million bytes of the file."""
COEFFICIENTS = 1.7e-4
"""For a million bytes of coefficients that a scan of a progressive JPEG goes over."""
MILLION = 1e6


def decoding_cost(data: bytes) -> float:
    """Rough seconds of one core, from the structure alone; 0 for what will be refused at once. Raises nothing."""
    try:
        structure = read_structure(data)
        reduced_by = reduction(structure)
        check_size(structure, reduced_by)
    except UnreadableImageError:
        return 0.0
    width, height = reduced(structure, reduced_by)
    seconds = width * height * seconds_per_million_pixels(structure) + len(data) * CODED[structure.kind]
    if structure.kind is Kind.JPEG:
        seconds += structure.pixels * STORED + structure.scans * structure.coefficient_bytes * COEFFICIENTS
    return AT_LEAST + seconds / MILLION


def seconds_per_million_pixels(structure: Structure) -> float:
    more = ((structure.has_alpha, ALPHA), (structure.profile is not None, PROFILE))
    return DECODED[structure.kind] + sum(seconds for applies, seconds in more if applies)
