"""`robustify evaluate --server`: what a server makes of the canonical pictures that it is sent."""

from dataclasses import replace

import pytest

from adapters.images import Preprocessing, ResizeMode, canonicalise
from adapters.profiles.library import find_profile
from robustify.errors import InvalidInputError
from tests.pictures import encoded, pixels
from workers.commands.measuring import check_sent
from workers.evaluation.rows import png_of

SERVER = "http://127.0.0.1:1"
SIDE = 32


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_server_when_it_makes_another_tensor(mode: ResizeMode) -> None:
    """It is refused where a server would cut the picture once more, and only there."""
    way = Preprocessing(mode)
    profile = replace(find_profile("mini"), preprocessing=way)
    sent = png_of(canonicalise(encoded(pixels(SIDE, SIDE)), SIDE, way).tensor)
    is_kept = png_of(canonicalise(sent, SIDE, way).tensor) == sent

    check_sent(None, profile)
    if is_kept:
        check_sent(SERVER, profile)
    else:
        with pytest.raises(InvalidInputError, match="resize-256-crop-224 a server would cut pictures twice"):
            check_sent(SERVER, profile)
    assert is_kept == mode.keeps_squares
