"""What the structure of a file says before any pixel is decoded."""

from dataclasses import dataclass

from adapters.images.kinds import Kind

Span = tuple[int, int]
"""From this byte to before that one."""


@dataclass(frozen=True)
class Structure:
    """`spans` are the parts of the file that its pixels need: a decoder is shown nothing else.

    Metadata are no work for a decoder: limits of its own refuse pictures for them, and some cost it minutes.
    """

    kind: Kind
    width: int
    height: int
    """Both as stored: before EXIF orientation, and before any reduction."""
    spans: tuple[Span, ...]
    profile: bytes | None = None
    """The ICC profile, as far as it can be read."""
    exif: bytes = b""
    """A TIFF structure, which nothing has checked."""
    is_whole: bool = True
    """Whether the file ends where its structure does; not known of a JPEG before it is read to its end."""
    scans: int = 1
    """Of a JPEG: passes over the whole image."""
    coefficient_bytes: int = 0
    """Of a JPEG: the memory that it takes until its last scan is read."""
    has_alpha: bool = False
    """Whether it may have transparent pixels."""

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def stripped(self, data: bytes) -> bytes:
        """The file without what its pixels do not need."""
        view = memoryview(data)
        return b"".join(view[start:end] for start, end in self.spans)
