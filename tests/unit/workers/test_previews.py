"""What a worker shows of an image: its pictures, its change, and that none of it is an answer."""

import io
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.contract.jobs import InputImage, PreviewRequest
from adapters.contract.preview import ATTACK_STEPS, cost_of
from adapters.contract.records import Direction
from adapters.contract.results import PictureName
from adapters.models.oracles import LinearOracle, exact_margin, linear_weights
from robustify.errors import InvalidInputError
from robustify.interfaces import Classifier
from robustify.pipeline import DenoiseAndClassify
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.seeds import public_seed
from robustify.smoothing.stream import PHASE_CODES, words
from robustify.types import Phase
from workers.previews import PURPOSE, Looking, Preview, make_preview, the_change

SHAPE = (3, 32, 32)
CPU = torch.device("cpu")
SIGMA = 0.25


def image_with(margin: float) -> np.ndarray:
    return (0.5 + margin * linear_weights(SHAPE)).astype(np.float32)


def halving(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """A denoiser that shrinks towards grey."""
    return (x + 0.5) / 2


def looking(
    margin: float = 0.3, before_step: Callable[[int], None] = lambda done: None, classifier: Classifier | None = None,
    **changes: Any,
) -> Looking:  # fmt: skip
    image = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)
    values = {
        "image": image, "labels": ("left", "right"), "template": "{}", "sigma": SIGMA, "profile": "oracle-linear",
        "engine": "e" * 64, "fingerprint": "f" * 64,
    }  # fmt: skip
    request = PreviewRequest.model_validate({**values, **changes})
    models = DenoiseAndClassify(halving, classifier or LinearOracle(CPU), request.sigma)
    return Looking(request, image_with(margin), models, CPU, before_step)


def made(**changes: Any) -> Preview:
    return make_preview(looking(**changes))


def levels(preview: Preview, name: PictureName) -> np.ndarray:
    with Image.open(io.BytesIO(preview.pictures[name])) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (32, 32))
        return np.asarray(picture, dtype=np.float64).transpose(2, 0, 1)


def test_pictures_when_nothing_is_changed() -> None:
    """The image, the copy under this very noise, and what the denoiser makes of it, each rounded to grey levels."""
    preview, look = made(), looking()
    assert list(preview.pictures) == list(PictureName)[:3]
    assert [picture.name for picture in preview.result.pictures] == list(PictureName)[:3]
    noise = SeededNoise(public_seed(PURPOSE, "a" * 64))(Phase.PREVIEW, 0, 1, SHAPE)[0]
    noisy = look.image.astype(np.float64) + SIGMA * noise
    for name, values in (
        (PictureName.CANONICAL, look.image),
        (PictureName.NOISY, noisy),
        (PictureName.DENOISED, (noisy + 0.5) / 2),
    ):
        assert np.abs(levels(preview, name) - 255 * values.clip(0, 1)).max() <= 0.51, name
    assert preview.result.change is None


def test_seen_when_each_picture_is_looked_at() -> None:
    """The label of the image as it is, of the noisy copy, and of its denoised version."""
    preview = made(margin=8.0, draw=3)
    assert preview.result.seen.model_dump() == {"plain": "left", "noisy": "left", "denoised": "left"}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("radius", [0.01, 0.9, 8.0])
def test_change_when_it_is_asked_for(direction: Direction, radius: float) -> None:
    """The picture of the difference says the change up to its rounding, whose length is the radius."""
    preview = made(direction=direction, radius=radius)
    change = preview.result.change
    assert change is not None
    assert (change.radius, change.direction) == (radius, direction)
    assert change.steps == (ATTACK_STEPS if direction is Direction.WORST else 0)
    delta = (levels(preview, PictureName.DIFFERENCE) - 127.5) / change.scale
    assert np.abs(delta).max() == pytest.approx(change.largest, rel=0.01)
    assert np.linalg.norm(delta) == pytest.approx(radius, rel=0.01)


def test_change_when_it_is_added_to_the_image() -> None:
    """The float change has the length to 1e-6, and the changed copy has the noise of the first one."""
    look = looking(direction=Direction.RANDOM, radius=0.7)
    found = the_change(look, 0, 0.7)
    assert float(torch.linalg.vector_norm(found)) == pytest.approx(0.7, abs=1e-6)
    difference = look.noisy(found).double() - look.noisy().double()
    assert float(torch.linalg.vector_norm(difference)) == pytest.approx(0.7, rel=1e-5)


def test_worst_change_when_it_is_larger_than_the_margin() -> None:
    """The label falls, as it does not by a random change of the same length."""
    margin = 1.0
    noise = looking(margin).noisy()[0].numpy()
    radius = 1.2 * abs(exact_margin(noise))
    worst, random = (made(margin=margin, direction=direction, radius=radius).result.change for direction in
                     (Direction.WORST, Direction.RANDOM))  # fmt: skip
    assert worst is not None
    assert random is not None
    assert worst.seen_before != worst.seen_after
    assert random.seen_before == random.seen_after == worst.seen_before


def test_worst_change_when_others_wait() -> None:
    """They are served before every step, none of which is more than one gradient of one copy; the cost is as told."""
    told: list[int] = []
    look = looking(before_step=told.append, direction=Direction.WORST, radius=0.5)
    make_preview(look)
    assert told == [0, *range(2, 2 + 3 * ATTACK_STEPS, 3)]
    assert max(told) < cost_of(look.request) == 33


def test_worst_change_when_the_classifier_has_no_gradients() -> None:
    """It is refused in words for a client, by a worker too."""

    class Opaque(LinearOracle):
        has_gradients = False

    with pytest.raises(InvalidInputError, match="no gradients"):
        made(classifier=Opaque(CPU), direction=Direction.WORST, radius=0.5)
    assert made(classifier=Opaque(CPU), direction=Direction.RANDOM, radius=0.5).result.change is not None


def test_seen_when_logits_are_not_finite() -> None:
    """There is no label, and nothing to attack; the pictures are there."""

    def lost(images: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images), 2), float("nan"))

    assert made(classifier=lost).result.seen.model_dump() == {"plain": None, "noisy": None, "denoised": None}
    with pytest.raises(InvalidInputError, match="no label"):
        made(classifier=lost, direction=Direction.WORST, radius=0.5)


def test_preview_when_it_is_asked_for_again() -> None:
    """The same request has the same pictures; another draw has others."""
    asked = {"direction": Direction.WORST, "radius": 0.5}
    assert made(**asked).pictures == made(**asked).pictures
    assert made(draw=1).pictures[PictureName.NOISY] != made().pictures[PictureName.NOISY]


def test_noise_when_questions_have_theirs() -> None:
    """Under any seed, no sample of a preview begins with a word of what selects, estimates, predicts or attacks."""
    seeds = [public_seed(PURPOSE, str(number)) for number in range(3)] + [bytes([number]) * 32 for number in range(3)]
    previews: set[int] = set()
    others: set[int] = set()
    for seed, phase in product(seeds, PHASE_CODES):
        found = previews if phase == Phase.PREVIEW else others
        found.update(words(seed, phase, 0, 1000, 1).ravel().tolist())
    assert len(previews) == 6000
    assert not previews & others
