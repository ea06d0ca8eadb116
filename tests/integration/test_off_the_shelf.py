"""An ImageNet classifier as it is sold, with its real weights, behind FFDNet and behind no denoiser, over HTTP."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest

from adapters.settings import Settings
from tests.running_instance import running

FreePort = Callable[[], int]
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
"""A portrait of an admiral in uniform, which matplotlib brings."""
LABELS = ["military uniform", "tench", "banana", "bow tie"]
CASES = [("imagenet-lite0-ffdnet", "0.25", True), ("imagenet-lite0-plain", "0.1", True)]
CASES += [("imagenet-lite0-plain", "0.25", False)]


@pytest.mark.parametrize(("profile", "sigma", "is_named"), CASES)
def test_prediction(profile: str, sigma: str, is_named: bool, tmp_path: Path, free_port: FreePort) -> None:
    """It goes by ImageNet's names; what it is called under much noise is right behind the denoiser alone."""
    settings = Settings(profile=profile, state_dir=tmp_path, port=free_port(), threads=1)
    with running(settings) as client:
        answer = client.post(
            "/predict",
            files={"image": HOPPER.read_bytes()},
            data={"labels": LABELS, "sigma": sigma, "n": "30", "test": "fixed"},
            headers={"Prefer": "wait=60"},
        ).json()

    assert answer["status"] == "succeeded", answer
    assert (answer["result"]["label"] == LABELS[0]) is is_named
