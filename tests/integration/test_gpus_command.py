"""`robustify up --gpus` without a GPU, or asked for what cannot be: one line says why, and nothing starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROBUSTIFY = Path(sys.executable).with_name("robustify")


def up(state: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """With every GPU of this machine hidden."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROBUSTIFY_")}
    own = {"ROBUSTIFY_STATE_DIR": str(state), "CUDA_VISIBLE_DEVICES": "", **environment}
    return subprocess.run(
        [str(ROBUSTIFY), "up", "--profile", "oracle-linear", "--port", "0", *arguments],
        env={**kept, **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--gpus", "all"), 1, "error: there is no GPU here that CUDA can use: leave --gpus out"),
        (("--gpus", "0,1"), 1, "error: there is no GPU here"),
        (("--gpus", "two"), 2, "error: --gpus 'two' means nothing: say all, how many"),
        (("--gpus", "1", "--workers", "2"), 2, "error: choose --workers or --gpus"),
    ],
)
def test_up_when_the_gpus_cannot_be_had(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """The line says why; no state folder, no queue server and no key were made before."""
    done = up(tmp_path / "state", *arguments)

    assert done.returncode == code, done.stderr
    assert [line.startswith(said) for line in done.stderr.splitlines()] == [True]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("folded", ["true", "false"])
def test_up_when_graphs_are_asked_for_without_a_gpu(tmp_path: Path, folded: str) -> None:
    """It is refused before any process is started: no certificate may name graphs that there were none of."""
    done = up(tmp_path / "state", ROBUSTIFY_CUDA_GRAPHS="true", ROBUSTIFY_FOLDED=folded)

    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ROBUSTIFY_CUDA_GRAPHS needs an NVIDIA GPU, and ROBUSTIFY_DEVICE is cpu")
    assert len(done.stderr.splitlines()) == 1
