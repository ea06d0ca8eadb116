"""`python -m service.decoding.child PARENT`: a decoder, a process that decodes pictures and may be ended at any time.

It has the bytes of pictures and nothing else: no settings, no key, no address of a queue, no file that it could write.
"""

import os
import resource
import socket
import sys

from adapters.child_process import end_with
from adapters.images import canonicalise_for
from robustify.errors import UnreadableImageError, UnsupportedImageError
from service.decoding.messages import Asked, Decoded, Failed, Refused, receive, send
from service.limits import DECODER_MEMORY_BYTES, DECODING_SECONDS

STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR = range(3)
MOST_BYTES = 1 << 30
"""Of a file; the service limits it long before."""
TOO_MUCH_MEMORY = (
    f"The image takes more than {DECODER_MEMORY_BYTES >> 20} MiB of memory to decode: scale it down, and save it again "
    "as a baseline JPEG or PNG."
)


def main() -> None:
    end_with(int(sys.argv[1]))
    limit_resources()
    with socket.socket(fileno=os.dup(STANDARD_INPUT)) as channel:
        be_quiet()
        try:
            while True:
                decode_next(channel)
        except (EOFError, OSError):  # The service has gone.
            return


def limit_resources() -> None:
    """What decoding takes of the machine at most; the time is limited anew for each picture."""
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (DECODER_MEMORY_BYTES, DECODER_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def be_quiet() -> None:
    """Decoders print what strangers choose: nothing of it reaches the log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR):
        os.dup2(nothing, stream)


def decode_next(channel: socket.socket) -> None:
    header, data = receive(channel, MOST_BYTES)
    asked = Asked.model_validate_json(header)
    limit_seconds()
    try:
        image = canonicalise_for(asked.noise, data, asked.side, asked.preprocessing)
    except UnreadableImageError as error:
        send(channel, Refused(is_unsupported=isinstance(error, UnsupportedImageError), message=str(error)))
    except MemoryError:
        send(channel, Refused(is_unsupported=False, message=TOO_MUCH_MEMORY))
    except Exception as error:
        send(channel, Failed(error=type(error).__name__))
    else:
        send(channel, Decoded.of(image), image.tensor.tobytes())


def limit_seconds() -> None:
    """The service ends a decoder that takes too long; this holds where the service has gone meanwhile."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + DECODING_SECONDS) + 2, hard))


if __name__ == "__main__":
    main()
