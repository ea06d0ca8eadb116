"""Colours as sRGB, by the ICC profile that a file has (decision 21); littleCMS does it, as Pillow calls it.

What viewers would ignore is ignored: a profile that is broken, of other colours than the picture's, or too large.
"""

import io

import numpy as np
from PIL import Image, ImageCms

from adapters.images.refusals import MAX_PROFILE_BYTES

HEADER_BYTES = 128
DEVICE_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Profiles that say what numbers look like; the others tie two of them together, or name colours."""
GREY, RGB = b"GRAY", b"RGB "
NEAR_SRGB = 2
"""In grey levels of 255: profiles of sRGB by many makers differ from one another by as much, in rounding."""
PROBE_LEVELS = 16
ALPHA_AS_IT_IS = list(range(256))


def to_srgb(image: Image.Image, profile: bytes | None, is_grey: bool) -> Image.Image:
    """An RGB or RGBA image, which may be changed in place; its alpha stays. `is_grey`: it was stored as one channel."""
    if profile is None or not is_usable(profile, is_grey):
        return image
    try:
        probing, converting = (transform_of(profile, mode) for mode in ("RGB", image.mode))
    except (OSError, ValueError):
        # What littleCMS finds broken behind a sound header.
        return image
    if colours_of(profile) == GREY:
        return image.point(grey_table(probing) + ALPHA_AS_IT_IS * (image.mode == "RGBA"))
    return image if changes_nothing(probing) else converting.apply_in_place(image)


def is_usable(profile: bytes, is_grey: bool) -> bool:
    """Whether its header says that it tells what these channels look like. A grey picture may have a profile of RGB."""
    return (
        HEADER_BYTES < len(profile) <= MAX_PROFILE_BYTES
        and int.from_bytes(profile[:4]) <= len(profile)
        and profile[36:40] == b"acsp"
        and profile[12:16] in DEVICE_CLASSES
        and (colours_of(profile) == RGB or (is_grey and colours_of(profile) == GREY))
    )


def colours_of(profile: bytes) -> bytes:
    return profile[16:20]


def transform_of(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """Of pixels of this mode, or of grey ones if the profile is of grey; 8 bits to 8 bits: Pillow's have no float.

    Relative colorimetric with black point compensation, as photo editors convert: colours that sRGB has stay what they
    are, white stays white and black black; only what sRGB lacks moves to its edge.
    """
    is_grey = colours_of(profile) == GREY
    exact = ImageCms.Flags.NOOPTIMIZE if is_grey else ImageCms.Flags.NONE  # It is for 256 levels only.
    return ImageCms.ImageCmsTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        "L" if is_grey else mode,
        "RGB" if is_grey else mode,
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | exact,
    )


def changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether it is one from sRGB, told by what it does and not by its name: most files have such a profile."""
    levels = np.linspace(0, 255, PROBE_LEVELS).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(PROBE_LEVELS, -1, 3)
    converted = np.asarray(transform.apply(Image.fromarray(colours)), dtype=np.int16)
    return int(np.abs(converted - colours).max()) <= NEAR_SRGB


def grey_table(transform: ImageCms.ImageCmsTransform) -> list[int]:
    """What each level of each channel becomes, for three channels that are one."""
    levels = np.arange(256, dtype=np.uint8)
    table = np.asarray(transform.apply(Image.fromarray(levels[None])))[0]
    is_srgb = np.abs(table - levels[:, None].astype(np.int16)).max() <= NEAR_SRGB
    found: list[int] = (np.stack([levels] * 3) if is_srgb else table.T).reshape(-1).tolist()
    return found
