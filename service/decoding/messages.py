"""What the service and a decoder say to each other: a header as one JSON text, then bytes, each behind its length.

Not pickled: a decoder reads what strangers send, and whoever could take one over must not reach the service by it.
"""

import socket
import struct
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from adapters.images import CanonicalImage, Preprocessing, PreprocessingVersion, ResizeMode
from robustify.types import Noise

LENGTHS = struct.Struct(">II")
MAX_HEADER_BYTES = 4096
MAX_TENSOR_BYTES = 16 << 20
"""Of the largest canonical tensor, 1,024 pixels square."""


class Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Asked(Header):
    """What is asked of a decoder; the bytes that follow are the file."""

    noise: Annotated[Noise, Field(strict=False)]
    side: Annotated[int, Field(ge=1)]
    mode: Annotated[ResizeMode, Field(strict=False)]
    version: Annotated[PreprocessingVersion, Field(strict=False)]

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.mode, self.version)


class Decoded(Header):
    """The picture; the bytes that follow are its canonical tensor."""

    kind: Literal["decoded"] = "decoded"
    side: Annotated[int, Field(ge=1)]
    source_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    source_height: Annotated[int, Field(ge=1)]
    source_width: Annotated[int, Field(ge=1)]
    source_norm: Annotated[float, Field(gt=0)]
    reduced_by: Annotated[int, Field(ge=1)]

    @classmethod
    def of(cls, image: CanonicalImage) -> "Decoded":
        return cls(
            side=image.tensor.shape[-1],
            source_sha256=image.source_sha256,
            source_height=image.source_height,
            source_width=image.source_width,
            source_norm=image.source_norm,
            reduced_by=image.reduced_by,
        )

    def image(self, tensor: bytes) -> CanonicalImage:
        """ValueError where the bytes are not those of such a tensor."""
        return CanonicalImage(
            tensor=np.frombuffer(tensor, dtype=np.float32).reshape(3, self.side, self.side),
            source_sha256=self.source_sha256,
            source_height=self.source_height,
            source_width=self.source_width,
            source_norm=self.source_norm,
            reduced_by=self.reduced_by,
        )


class Refused(Header):
    """The picture cannot be used; the message is for the client."""

    kind: Literal["refused"] = "refused"
    is_unsupported: bool
    message: str


class Failed(Header):
    """The decoder failed in a way that nobody planned for; `error` is the name of its exception."""

    kind: Literal["failed"] = "failed"
    error: str


Answer = Annotated[Decoded | Refused | Failed, Field(discriminator="kind")]
ANSWERS: TypeAdapter[Decoded | Refused | Failed] = TypeAdapter(Answer)


def send(channel: socket.socket, header: Header, body: bytes | memoryview = b"") -> None:
    text = header.model_dump_json().encode()
    channel.sendall(LENGTHS.pack(len(text), len(body)) + text)
    channel.sendall(body)


def receive(channel: socket.socket, most_bytes: int) -> tuple[bytes, bytes]:
    """The next header and the bytes that follow it. EOFError when the other side has gone; ValueError for more than
    `most_bytes`."""
    header_bytes, body_bytes = LENGTHS.unpack(exactly(channel, LENGTHS.size))
    if header_bytes > MAX_HEADER_BYTES or body_bytes > most_bytes:
        raise ValueError(f"a message of {header_bytes} and {body_bytes} bytes")
    return bytes(exactly(channel, header_bytes)), bytes(exactly(channel, body_bytes))


def exactly(channel: socket.socket, size: int) -> bytearray:
    """The next so many bytes."""
    buffer = bytearray(size)
    rest = memoryview(buffer)
    while rest:
        count = channel.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return buffer
