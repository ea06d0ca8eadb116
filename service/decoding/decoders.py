"""Pictures to canonical tensors, in processes that can be ended: light ones and heavy ones in lines of their own."""

import logging
import signal
import weakref

import anyio
import anyio.to_thread
from prometheus_client import Histogram

from adapters.contract.access import KEYLESS
from adapters.images import USUAL, CanonicalImage, Preprocessing, decoding_cost
from robustify.errors import UnreadableImageError, UnsupportedImageError
from robustify.types import Noise
from service.decoding.messages import Asked, Decoded, Failed, Refused
from service.decoding.process import Decoder, DecoderEndedError
from service.errors import DECODER_ENDED, ProblemError
from service.limits import (
    DECODING_HEAVY,
    DECODING_LIGHT,
    DECODING_SECONDS,
    HEAVY_SECONDS,
    LIGHT_DECODING_SECONDS,
    LineBounds,
)
from service.lines import Line

log = logging.getLogger(__name__)

TOO_SLOW = (
    f"The image takes longer than {DECODING_SECONDS:g} s to decode: scale it down, or save it again as a baseline JPEG "
    "or PNG."
)
BREAKS_DECODER = "The image cannot be decoded, it makes the decoder fail: save it again as a baseline JPEG or PNG."


DECODE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, DECODING_SECONDS)


class Decoders:
    """Decoders that wait for pictures; one that is ended is replaced when the next picture comes.

    Use it in one event loop, whose thread must live as long as the decoders.
    """

    def __init__(self, light: LineBounds = DECODING_LIGHT, heavy: LineBounds = DECODING_HEAVY) -> None:
        self.light_line, self.heavy_line = Line(light), Line(heavy)
        self._most = light.at_work + heavy.at_work
        self.seconds = Histogram(
            "robustify_decode_seconds", "How long pictures were decoded.", buckets=DECODE_BUCKETS, registry=None
        )
        self._idle: list[Decoder] = []
        self._threads = anyio.CapacityLimiter(self._most)
        # Also where nobody closes it, which is so where the application runs without its lifespan.
        self._finalizer = weakref.finalize(self, end_all, self._idle)

    def start(self) -> None:
        """Starts as many as may be at work, so that the first pictures need not wait for it."""
        self._idle += [Decoder() for _ in range(self._most - len(self._idle))]

    def close(self) -> None:
        """Ends those that are idle; those at work end with the requests that wait for them."""
        end_all(self._idle)

    async def decode(
        self, noise: Noise, data: bytes, side: int, owner: str = KEYLESS, preprocessing: Preprocessing = USUAL
    ) -> CanonicalImage:
        """The canonical tensor of a file. Raises UnreadableImageError, and a problem where too many wait."""
        asked = Asked(noise=noise, side=side, mode=preprocessing.mode, version=preprocessing.version)
        if await anyio.to_thread.run_sync(decoding_cost, data) < HEAVY_SECONDS:
            async with self.light_line.place(owner):
                try:
                    return await self._decode(asked, data, LIGHT_DECODING_SECONDS)
                except TimeoutError:
                    log.info("a picture of %d bytes takes longer to decode than its structure says", len(data))
        async with self.heavy_line.place(owner):
            try:
                return await self._decode(asked, data, DECODING_SECONDS)
            except TimeoutError:
                raise UnreadableImageError(TOO_SLOW) from None

    async def _decode(self, asked: Asked, data: bytes, seconds: float) -> CanonicalImage:
        """By a decoder that is ended when the time is over (TimeoutError) or nobody waits for it any more."""
        decoder = self._take()
        try:
            with self.seconds.time(), anyio.fail_after(seconds):
                answer, tensor = await anyio.to_thread.run_sync(
                    decoder.ask, asked, data, limiter=self._threads, abandon_on_cancel=True
                )
        except DecoderEndedError as error:
            raise failure_of(error.returncode) from error
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(decoder.end, limiter=self._threads)
            raise
        self._idle.append(decoder)
        return image_of(answer, tensor)

    def _take(self) -> Decoder:
        while self._idle:
            decoder = self._idle.pop()
            if decoder.is_alive:
                return decoder
            decoder.end()
        return Decoder()


def end_all(decoders: list[Decoder]) -> None:
    while decoders:
        decoders.pop().end()


def image_of(answer: Decoded | Refused | Failed, tensor: bytes) -> CanonicalImage:
    match answer:
        case Decoded():
            return answer.image(tensor)
        case Refused(is_unsupported=True):
            raise UnsupportedImageError(answer.message)
        case Refused():
            raise UnreadableImageError(answer.message)
        case Failed():
            log.warning("a decoder failed with %s", answer.error)
            raise UnreadableImageError(BREAKS_DECODER)


def failure_of(returncode: int) -> Exception:
    """What the end of a decoder says of the picture: a signal that it brought on itself, or one from outside."""
    if returncode == -signal.SIGXCPU:
        return UnreadableImageError(TOO_SLOW)
    if returncode in (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGILL):
        return UnreadableImageError(BREAKS_DECODER)
    return ProblemError(DECODER_ENDED)
