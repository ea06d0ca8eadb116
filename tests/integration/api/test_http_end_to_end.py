"""From a file over HTTP through the queue and a real worker to a certificate whose truth is known."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adapters.images import canonicalise
from adapters.models.oracles import exact_margin

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LABELS = ["left", "right"]


def certain_picture(height: int, width: int) -> tuple[bytes, float]:
    """A picture far from the oracle's boundary, and the margin of its canonical tensor."""
    generator = np.random.default_rng(0)
    candidates = [generator.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(40)]
    files = [encoded(pixels) for pixels in candidates]
    margins = [exact_margin(canonicalise(file, 32).tensor) for file in files]
    best = int(np.argmax(np.abs(margins)))
    return files[best], margins[best]


def encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_predict_and_certify(working_api: "Api") -> None:
    """The answers name the right class, and the radius is not beyond the exact one, in either space."""
    picture, margin = certain_picture(48, 40)
    right = 0 if margin > 0 else 1
    predicted = post(working_api, "/predict", picture, n=1000)["result"]
    assert (predicted["outcome"], predicted["index"]) == ("predicted", right)
    assert (predicted["test"], predicted["samples_used"]) == ("sequential", 50)
    fixed = post(working_api, "/predict", picture, n=1000, test="fixed")["result"]
    assert sum(vote["count"] for vote in fixed["votes"]) == fixed["samples_used"] == 1000
    result = post(working_api, "/certify", picture, n=2000, n0=100)["result"]
    assert (result["outcome"], result["label"], result["bound"]) == ("certified", LABELS[right], "multiclass")
    assert 0.5 * abs(margin) < result["radius"] <= abs(margin)
    norm = canonicalise(picture, 32).source_norm
    assert result["radius"] / norm * (1 - 1e-6) < result["radius_source_pixels"] <= result["radius"] / norm


def test_target_radius_on_both_sides_of_the_exact_one(working_api: "Api") -> None:
    """What holds is certified, what does not is not, and neither takes all samples; its progress says so."""
    picture, margin = certain_picture(48, 40)
    for radius, outcome in ((0.6 * abs(margin), "certified"), (1.5 * abs(margin), "not_certified")):
        job = post(working_api, "/certify", picture, n=10_000, target_radius=radius)
        result = job["result"]
        assert (result["outcome"], result["bound"]) == (outcome, "anytime")
        assert result["radius"] == (radius if outcome == "certified" else None)
        assert (job["progress"]["done"], job["progress"]["total"]) == (result["samples_used"], 10_100)
        assert (job["progress"]["votes"], job["advice"] is None) == (None, outcome == "certified")
        assert result["samples_used"] < 10_100


def post(api: "Api", path: str, picture: bytes, **fields: Any) -> dict[str, Any]:
    """The job, done."""
    data = {"labels": LABELS, **fields}
    response = api.client.post(path, files={"image": picture}, data=data, headers={"Prefer": "wait=25"})
    assert response.status_code == 200, response.text
    job: dict[str, Any] = response.json()
    assert job["status"] == "succeeded", job["error"]
    return job
