"""Pictures that people really have."""

import io
import os
import struct
import zlib

import numpy as np
from PIL import Image

from tests.hostile.asking import expect, predict
from tests.hostile.check import Check
from tests.hostile.instance import Instance
from tests.hostile.load_checks import told
from tests.icc_profiles import SWAPPED, rgb_profile
from tests.pictures import PNG_HEADER_END, chunk, encoded, pixels, with_chunks

TAKEN = (200, 202)
PHONE = (8160, 6144)
"""50 megapixels."""


def motion_photo(instance: Instance) -> str:
    jpeg = encoded(pixels(64, 64), "JPEG") + os.urandom(6 << 20)
    return taken(instance, jpeg)


def large_text(instance: Instance) -> str:
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * (2 << 20))
    return taken(instance, with_chunks(encoded(pixels(32, 32)), chunk(b"iTXt", text)))


def large_profile(instance: Instance) -> str:
    profile = b"big\0\0" + zlib.compress(os.urandom(1 << 20) + bytes(2 << 20))
    return taken(instance, with_chunks(encoded(pixels(32, 32)), chunk(b"iCCP", profile)))


def phone_picture(instance: Instance) -> str:
    buffer = io.BytesIO()
    small = Image.effect_noise((PHONE[0] // 16, PHONE[1] // 16), 60)
    small.resize(PHONE).convert("RGB").save(buffer, "JPEG", quality=60)
    return taken(instance, buffer.getvalue())


def truncated_webp(instance: Instance) -> str:
    return unreadable(instance, encoded(pixels(64, 64), "WEBP")[:-40])


def damaged_header(instance: Instance) -> str:
    png = bytearray(encoded(pixels(32, 32)))
    png[PNG_HEADER_END - 1] ^= 0xFF
    return unreadable(instance, bytes(png))


def heic(instance: Instance) -> str:
    file = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + os.urandom(1000)
    response = predict(instance, file)
    right = response.status_code == 415 and "HEIC" in response.text
    return expect(right, f"{response.status_code}: {told(response)}")


def colours(instance: Instance) -> str:
    """Red and blue are exchanged by the profile: the tensor must be another."""
    image = Image.fromarray(np.full((32, 32, 3), (200, 100, 20), dtype=np.uint8))
    files = encoded(image), encoded(image, icc_profile=rgb_profile(SWAPPED))
    plain, swapped = (predict(instance, file, wait=20).json()["result"] for file in files)
    return expect(plain["input"]["sha256"] != swapped["input"]["sha256"], "another tensor with another profile")


def taken(instance: Instance, image: bytes) -> str:
    response = predict(instance, image, wait=20)
    return expect(response.status_code in TAKEN, f"{response.status_code} {told(response)}".removesuffix(" None"))


def unreadable(instance: Instance, image: bytes) -> str:
    """Refused with the true reason: not told to be of another kind."""
    response = predict(instance, image)
    right = response.status_code == 422 or response.status_code in TAKEN
    return expect(right, f"{response.status_code}: {told(response)}")


CHECKS = (
    Check("motion photo", "a JPEG with 6 MiB behind it is taken", motion_photo, own=False),
    Check("large text chunk", "a PNG with a large iTXt is taken", large_text, own=False),
    Check("large ICC profile", "a PNG with a large profile is taken", large_profile, own=False),
    Check("50 megapixels", "a phone's JPEG is taken", phone_picture, own=False, slow=True),
    Check("truncated WebP", "422 that says what is wrong, not another kind", truncated_webp, own=False),
    Check("damaged PNG header", "422 that says what is wrong, not another kind", damaged_header, own=False),
    Check("HEIC", "415 that calls it by its name", heic, own=False),
    Check("ICC profile", "colours are converted to sRGB", colours, own=False),
)  # fmt: skip
