"""How much a client may send, and how long things may take."""

from dataclasses import dataclass

from adapters.settings import MEBIBYTE, Settings

MAX_FORM_FIELDS = 1100
MAX_FORM_FILES = 8
MAX_BATCH_IMAGES = 200
JSON_PART_OF_A_BATCH = 4
"""A batch in JSON may have one in so many of the bytes of a form."""
COPIES_OF_A_BATCH = 4
"""In JSON: in pieces, whole, as text, and as the texts in it."""
MAX_FORM_FIELD_BYTES = 64 << 10
MAX_JSON_NAMES = 100
FIELDS_BYTES = MEBIBYTE
"""What a body may have besides the image."""
BODY_SECONDS = 60
"""A body that has not come by then is given up."""
DRAIN_SECONDS = 0.5
"""So long a refused body is read and thrown away: a client that is cut off while it sends would not see why."""

PREDICT_WAIT_SECONDS = 10
CERTIFY_WAIT_SECONDS = 0
ADAPT_WAIT_SECONDS = 0
REGISTER_WAIT_SECONDS = 10
"""For an adaptation that adapts nothing: the labels are stored as a task."""
READ_WAIT_SECONDS = 0
MAX_WAIT_SECONDS = 60


@dataclass(frozen=True)
class LineBounds:
    """Of a line: how many may be at work and how many wait, and the seconds after which who waits is sent away."""

    at_work: int
    waiting: int
    seconds: float = 10

    @property
    def share(self) -> int:
        """The places that one key may have."""
        return max(1, (self.at_work + self.waiting) // 2)


DECODING_LIGHT = LineBounds(at_work=2, waiting=30)
DECODING_HEAVY = LineBounds(at_work=1, waiting=4)
CHECKING = LineBounds(at_work=4, waiting=20)
"""Of submissions whose fields are checked: milliseconds each, so that who is let in is answered soon; a surplus is sent
away before anything is decoded for it."""
ADMITTING = LineBounds(at_work=8, waiting=60)
"""Of submissions that are decoded already, and go to the board and to disk."""
PARSING = LineBounds(at_work=2, waiting=20)
VERIFYING = LineBounds(at_work=1, waiting=10)
PLANNING = LineBounds(at_work=1, waiting=4)
BATCHING = LineBounds(at_work=4, waiting=4)
"""Of batches that are being read or decoded: each takes space on disk, and one picture at a time of a decoder."""

HEAVY_SECONDS = 0.3
"""A picture that is expected to take so long to decode stands in a line of its own."""
LIGHT_DECODING_SECONDS = 3.0
"""One that takes so long although it was expected to be light begins again in the other line."""
DECODING_SECONDS = 10.0
"""Then a decoder is ended. Usual pictures take some hundredths of a second, the largest one or two seconds."""
DECODER_MEMORY_BYTES = 1536 * MEBIBYTE
"""Address space of a decoder; the largest pictures take 0.5 GB."""

LARGE_JSON_BYTES = 64 << 10
"""A JSON body over this stands in a line to be parsed."""
FEW_LABELS = 50
"""More stand in a line to be checked: each is read as a text encoder would read it."""
MAX_JSON_PARTS = 300_000
"""Lists, objects and what stands in them: each may take 25 times the memory of its text."""
COPIES_OF_A_BODY = 2
"""A form is held as it was sent and as the image in it, a JSON body in pieces and whole; more only in a line."""


@dataclass(frozen=True)
class UploadLimits:
    """The most bytes that the image file may have, and the body in which it comes."""

    image: int
    body: int

    @property
    def rule(self) -> str:
        """What the description of the API says, and a refusal."""
        return f"The image file may have at most {self.image} bytes, and the whole body {self.body}."

    @property
    def refusal(self) -> str:
        return f"{self.rule} Scale the image down or compress it."


@dataclass(frozen=True)
class FieldsLimit:
    """The most bytes of a JSON body that has no image."""

    body: int = 2 * FIELDS_BYTES

    @property
    def refusal(self) -> str:
        return f"The body may have at most {self.body} bytes: send the documented fields only."


BodyLimits = UploadLimits | FieldsLimit


def form_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(settings.max_upload_bytes, settings.max_upload_bytes + FIELDS_BYTES)


def json_limits(settings: Settings) -> UploadLimits:
    """Here the image is in base64."""
    return UploadLimits(settings.max_upload_bytes, base64_length(settings.max_upload_bytes) + FIELDS_BYTES)


def base64_length(size: int) -> int:
    """Characters of so many bytes in base64, padding included."""
    return -(-size // 3) * 4
