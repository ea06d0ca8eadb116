"""Profile mini-remote before a second running instance of this service."""

from collections.abc import Callable
from pathlib import Path

from adapters.embedded import __file__ as embedded
from adapters.settings import Settings
from tests.running_instance import running

FreePort = Callable[[], int]
HORSE = Path(embedded).parent / "weights" / "examples" / "horse.png"
LABELS = ["airplane", "horse", "ship"]
SAMPLES = 10


def test_a_second_instance_as_the_black_box(tmp_path: Path, free_port: FreePort) -> None:
    """Each noisy sample is denoised here and named by the other's own PREDICT, whose answers are the votes."""
    black_box = Settings(profile="mini", state_dir=tmp_path / "black-box", port=free_port(), threads=1)
    with running(black_box) as other:
        url = str(other.base_url.join("/predict"))
        ours = Settings(
            profile="mini-remote", state_dir=tmp_path / "ours", port=free_port(), threads=1, classifier_url=url
        )
        with running(ours) as client:
            answer = client.post(
                "/predict",
                files={"image": HORSE.read_bytes()},
                data={"labels": LABELS, "n": str(SAMPLES), "alpha": "0.05"},
                headers={"Prefer": "wait=60"},
            ).json()
    assert answer["status"] == "succeeded", answer
    assert answer["result"]["label"] == "horse"
    assert answer["result"]["model"]["profile"] == "mini-remote"
