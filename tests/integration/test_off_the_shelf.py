"""An ImageNet classifier as it is sold, with its real weights, behind FFDNet and behind no denoiser, over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import httpx
import matplotlib
import pytest

from adapters.settings import Settings
from tests.running_instance import running

FreePort = Callable[[], int]
ClientOf = Callable[[str], httpx.Client]
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
"""A portrait of an admiral in uniform, which matplotlib brings."""
LABELS = ["military uniform", "tench", "banana", "bow tie"]
CASES = [("imagenet-lite0-ffdnet", "0.25", True), ("imagenet-lite0-plain", "0.1", True)]
CASES += [("imagenet-lite0-plain", "0.25", False)]


@pytest.fixture(scope="module")
def client_of(tmp_path_factory: pytest.TempPathFactory, free_port: FreePort) -> Iterator[ClientOf]:
    """A client of an instance with a profile, which the tests of the profile share."""
    with ExitStack() as stack:

        def start(profile: str) -> httpx.Client:
            state = tmp_path_factory.mktemp("state")
            settings = Settings(profile=profile, state_dir=state, port=free_port(), threads=1)
            return stack.enter_context(running(settings))

        yield cache(start)


@pytest.mark.parametrize(("profile", "sigma", "is_named"), CASES)
def test_prediction(profile: str, sigma: str, is_named: bool, client_of: ClientOf) -> None:
    """It goes by ImageNet's names; what it is called under much noise is right behind the denoiser alone."""
    response = client_of(profile).post(
        "/predict",
        files={"image": HOPPER.read_bytes()},
        data={"labels": LABELS, "sigma": sigma, "n": "30", "test": "fixed"},
        headers={"Prefer": "wait=60"},
    )
    answer = response.json()

    assert answer["status"] == "succeeded", answer
    assert (answer["result"]["label"] == LABELS[0]) is is_named
