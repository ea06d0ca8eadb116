"""The ways in which a file becomes a canonical tensor, and how an engine states its own."""

from dataclasses import dataclass
from enum import StrEnum


class PreprocessingVersion(StrEnum):
    """A new one whenever one file gets another tensor."""

    WITHOUT_PROFILES = "1"
    """Colours as they are stored: of certificates of before decision 21, which can still be checked."""
    SRGB = "2"


class ResizeMode(StrEnum):
    """How a picture of any height and width becomes a square of `side` pixels, which is linear but for `PAD`'s grey."""

    SHORTER_SIDE = "shorter-side"
    """The shorter side becomes `side`, and the centre is cut out."""
    RESIZE_256_CROP_224 = "resize-256-crop-224"
    """As the paper's code: the shorter side becomes 256/224 of `side`, and the centre is cut out."""
    SQUASH = "squash"
    """Both sides become `side`, whatever the aspect."""
    PAD = "pad"
    """The longer side becomes `side`, in the middle of grey: 0.5, a constant, which no pixel of the file moves."""

    @property
    def keeps_squares(self) -> bool:
        """Whether a picture of `side` x `side` pixels is taken as it is."""
        return self is not ResizeMode.RESIZE_256_CROP_224


CURRENT = PreprocessingVersion.SRGB


@dataclass(frozen=True)
class Preprocessing:
    """How a file becomes a tensor."""

    mode: ResizeMode = ResizeMode.SHORTER_SIDE
    version: PreprocessingVersion = CURRENT

    def stated(self, side: int) -> str:
        """As engines state it: VERSION/SIDE, and the mode where it is not the usual one."""
        usual = f"{self.version}/{side}"
        return usual if self.mode is ResizeMode.SHORTER_SIDE else f"{usual}/{self.mode}"


USUAL = Preprocessing()


def read_preprocessing(stated: str) -> Preprocessing:
    """What `stated` was made of. ValueError where this release does not know it."""
    version, _, *named = stated.split("/")
    (mode,) = named or (ResizeMode.SHORTER_SIDE,)
    return Preprocessing(ResizeMode(mode), PreprocessingVersion(version))
