"""From what users call an image to the file that is sent: a path, bytes, a picture of Pillow or an array of numpy.

Files go as they are. Pictures and arrays become PNG, which loses nothing of 8 bits; floats are rounded to 8 bits first.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from robustify_client.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

# Any: numpy's own way to say "of any type": which types are taken is looked at when there is an array.
ImageLike = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, "Image", "np.ndarray[Any, Any]"]
MOST_BYTES = 64 << 20
"""Of one image: six times what a service takes unless its operator says otherwise."""
SAVED_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
CHANNELS = (1, 3, 4)
NEEDS_PILLOW = "arrays are sent as PNG, which Pillow writes: pip install 'robustify-client[images]'"
TAKEN = "give a path, the bytes of a file, a picture of Pillow or an array of numpy"
FIELD = "image"


@dataclass(frozen=True)
class ImageFile:
    """A file as it is sent; `name` is that of the file it came from, without its folder."""

    name: str
    data: bytes = field(repr=False)


def image_file(image: ImageLike) -> ImageFile:
    """The file of an image; UsageError says what was wrong with it, and what would do."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return checked(ImageFile(FIELD, bytes(image)))
    if isinstance(image, (str, os.PathLike)):
        return checked(file_at(image))
    if (pillow := sys.modules.get("PIL.Image")) is not None and isinstance(image, pillow.Image):
        return checked(ImageFile(f"{FIELD}.png", png_of(image)))
    if (numpy := sys.modules.get("numpy")) is not None and isinstance(image, numpy.ndarray):
        return checked(ImageFile(f"{FIELD}.png", png_of_array(image)))
    raise UsageError(f"{type(image).__name__} is no image: {TAKEN}{hint_of(image)}", field=FIELD)


def checked(image: ImageFile) -> ImageFile:
    if not image.data:
        raise UsageError(f"{image.name} is empty: {TAKEN}", field=FIELD)
    if len(image.data) > MOST_BYTES:
        raise UsageError(f"{image.name} has more than {MOST_BYTES >> 20} MiB: scale it down", field=FIELD)
    return image


def file_at(path: str | os.PathLike[str]) -> ImageFile:
    """A file from disk, of which no more is read than may be sent. Pipes and devices, which have no end, are none."""
    text = os.fspath(path)
    if text.startswith(("http://", "https://", "data:")):
        raise UsageError("images are not fetched from addresses: download it, and give its path", field=FIELD)
    shown = repr(text[:200])
    try:
        # Looked at before it is opened: to open a pipe that nobody writes to would never end.
        is_file = stat.S_ISREG(os.stat(text).st_mode)
        data = first_bytes(text) if is_file else b""
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown} cannot be read ({reason_of(error)}): {TAKEN}", field=FIELD) from error
    if not is_file:
        raise UsageError(f"{shown} is no file: {TAKEN}", field=FIELD)
    return ImageFile(Path(text).name, data)


def first_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MOST_BYTES + 1)


def reason_of(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def png_of(image: Image) -> bytes:
    """A picture of Pillow as viewers show it: turned as its EXIF says, with its colour profile."""
    from PIL import ImageOps

    if image.mode not in SAVED_MODES:
        raise UsageError(f"a picture of mode {image.mode} has no 8 bits of RGB: image.convert('RGB')", field=FIELD)
    buffer = io.BytesIO()
    ImageOps.exif_transpose(image).save(buffer, "PNG", icc_profile=image.info.get("icc_profile"))
    return buffer.getvalue()


def png_of_array(array: np.ndarray[Any, Any]) -> bytes:
    """An array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, or of floats in [0, 1].

    Any: the type of its numbers is looked at here.
    """
    check_layout(array.shape)
    levels = grey_levels(array)
    try:
        from PIL import Image
    except ImportError:
        raise UsageError(NEEDS_PILLOW, field=FIELD) from None
    return png_of(Image.fromarray(levels[:, :, 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels))


def check_layout(shape: tuple[int, ...]) -> None:
    """Raises UsageError unless it is height, width and, last, channels."""
    found = " x ".join(map(str, shape)) or "no dimension"
    if len(shape) == 4:
        raise UsageError(f"{found} are several images: give them to map() or batch()", field=FIELD)
    if len(shape) == 3 and shape[2] not in CHANNELS and shape[0] in CHANNELS:
        raise UsageError(
            f"{found} has its channels first: the last dimension has them, numpy.moveaxis(image, 0, -1)", field=FIELD
        )
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in CHANNELS) or 0 in shape:
        raise UsageError(f"{found} is no image: height, width, and 1, 3 or 4 channels", field=FIELD)


def grey_levels(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array in 8 bits; floats are rounded to the nearest level. Any: as above."""
    if array.dtype == "uint8":
        return array
    if array.dtype.kind != "f":
        raise UsageError(f"{array.dtype} says no range: uint8 from 0 to 255, or floats from 0 to 1", field=FIELD)
    # A comparison with NaN is false, so that it is refused as what is out of range.
    if not bool(((array >= 0) & (array <= 1)).all()):
        raise UsageError(
            "floats are from 0 to 1, and none is NaN: divide those of 0 to 255 by 255, and clip what was computed",
            field=FIELD,
        )
    levels: np.ndarray[Any, Any] = (array.astype("float64") * 255.0).round().astype("uint8")
    return levels


def hint_of(image: object) -> str:
    """What would make it one, of what is often given."""
    if hasattr(image, "detach"):
        return "; a tensor of torch is one of numpy by image.permute(1, 2, 0).numpy()"
    if isinstance(image, Iterable):
        return "; many images are for map() or batch()"
    return ""
