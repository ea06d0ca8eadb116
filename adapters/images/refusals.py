"""What a picture may be, and the fixed texts that are told of one that is not taken.

What a decoder says of a bad file may hold addresses: it is never passed on.
"""

MAX_PIXELS = 25_000_000
"""Of what is decoded."""
MAX_SIDE = 8192
"""Of what is decoded."""
MAX_REDUCED_PIXELS = 100_000_000
"""Of a JPEG, which is decoded at a reduced size where it has more than `MAX_PIXELS`."""
MAX_REDUCED_SIDE = 16_384
"""Of such a JPEG."""
MIN_SIDE = 2
MAX_SCANS = 64
"""Each scan of a progressive JPEG costs a pass over the whole image but only a few bytes; usual files have ten."""
MAX_COEFFICIENT_BYTES = 400 * 2**20
"""A JPEG with several scans is kept whole, as coefficients, until the last one is read."""
MAX_PARTS = 16_384
"""Segments of a JPEG, chunks of a PNG or WebP: each costs a step of Python, and a few bytes."""
MAX_TABLE_BYTES = 65_536
"""What stands in front of the first scan of a JPEG, but for metadata: usual files have one kilobyte."""
MAX_PROFILE_BYTES = 2**20
"""A larger colour profile is ignored."""

NOT_AN_IMAGE = "The file is not a JPEG, PNG or WebP image: send one of these."
EMPTY = "The file is empty: send a JPEG, PNG or WebP image."
ANIMATED = "The image has more than one frame: send a single still frame."
NOT_8_BITS = "The image does not have 8 bits per channel: convert it to 8 bits."
CMYK = "The image has CMYK colours: convert it to RGB."
RARE_JPEG = "The JPEG is lossless, hierarchical, arithmetic-coded or of two channels: save it as a usual baseline JPEG."
TRUNCATED = "The image is truncated: it ends before its picture does. Send the complete file."
DAMAGED_HEADER = "The header of the image is damaged: send the file as it was made, or save it again."
DAMAGED = "The picture data of the image are damaged: send the file as it was made, or save it again."
TOO_LARGE = (
    f"The image has over {MAX_PIXELS // 10**6} megapixels or a side over {MAX_SIDE} pixels: scale it down. "
    f"Only a JPEG may be larger, of up to {MAX_REDUCED_PIXELS // 10**6} megapixels."
)
TOO_LARGE_JPEG = (
    f"The JPEG has over {MAX_REDUCED_PIXELS // 10**6} megapixels or a side over {MAX_REDUCED_SIDE} pixels: "
    "scale it down."
)
TOO_LARGE_PROGRESSIVE = (
    f"The JPEG has over {MAX_PIXELS // 10**6} megapixels and is progressive, which takes too much memory or time: "
    "save it as a baseline JPEG, or scale it down."
)
TOO_SMALL = f"The image is smaller than {MIN_SIDE} x {MIN_SIDE} pixels: send a larger one."
TOO_THIN = f"The JPEG is long and thin: reduced to sides of {MAX_SIDE} pixels it vanishes. Cut out a part of it."
TOO_MANY_SCANS = f"The JPEG has over {MAX_SCANS} scans: save it again as a baseline JPEG."
TOO_MANY_PARTS = f"The file consists of over {MAX_PARTS} segments or chunks: save it again."
