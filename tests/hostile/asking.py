"""What the checks send: requests, floods of them, and bytes that are no request."""

import base64
import io
import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx
import numpy as np
from PIL import Image

from tests.hostile.instance import Instance
from tests.pictures import encoded

LABELS = ("left", "right")
PATIENCE_SECONDS = 120
T = TypeVar("T")


class WrongError(Exception):
    """The service did what it must not; the message is what was measured."""


def picture(seed: int | None = None) -> bytes:
    """A small PNG that nobody has sent before, or the one of this seed."""
    generator = np.random.default_rng(random.getrandbits(64) if seed is None else seed)
    return encoded(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8))


def slow_picture() -> bytes:
    """Small, and takes most of a second to decode: a progressive JPEG of one colour and many pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (5000, 5000), (9, 99, 200)).save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


def predict(
    instance: Instance, image: bytes | None = None, wait: float = 10, kind: str = "predict", **fields: object
) -> httpx.Response:
    return httpx.post(
        f"{instance.address}/{kind}",
        files={"image": picture() if image is None else image},
        data={"labels": list(LABELS), **fields},
        headers={"Prefer": f"wait={wait:g}"},
        timeout=PATIENCE_SECONDS,
    )


def certify(instance: Instance, wait: float = 0, **fields: object) -> httpx.Response:
    return predict(instance, None, wait, "certify", **fields)


def at_once(number: int, ask: Callable[[int], T]) -> Sequence[T]:
    """So many clients side by side."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(ask, range(number)))


def in_base64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def raw(instance: Instance, request: bytes) -> bytes:
    """What comes back on a connection of one's own, until it is closed or nothing comes for a while."""
    with socket.create_connection((instance.host, instance.port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while portion := connection.recv(1 << 16):
                answer += portion
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


def form(parts: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, dict[str, str]]:
    """A multipart body of parts, each with its own Content-Disposition line, and the headers that go with it."""
    boundary = os.urandom(8).hex()
    body = b"".join(
        b"--" + boundary.encode() + b"\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    started = time.monotonic()
    result = work()
    return time.monotonic() - started, result


def expect(holds: bool, measured: str) -> str:
    """The figure, or WrongError with it."""
    if not holds:
        raise WrongError(measured)
    return measured


def statuses(answers: Sequence[httpx.Response]) -> str:
    """How often each status came."""
    codes = [answer.status_code for answer in answers]
    return ", ".join(f"{codes.count(code)} x {code}" for code in sorted(set(codes)))


def are_refused_well(answers: Sequence[httpx.Response]) -> bool:
    """Every refusal for want of room says when to come again."""
    return all("retry-after" in answer.headers for answer in answers if answer.status_code in (429, 503))
