"""`python -m benchmarks.gpu` on a CPU with tiny models: every part of it runs, and what it prints last is JSON."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.child_process import die_with_parent

REPOSITORY = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--tiny", "--minutes", "60")
SPEEDS = ("official", "float32", "bfloat16")


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """It is gone in the end, whatever the test found, and if the test itself is killed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROBUSTIFY_")}
    command = [*COMMAND, "--folder", str(folder)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=kept, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent()
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def document(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the first run, used by the second."""
    return tmp_path_factory.mktemp("gpu")


def test_benchmark_when_all_of_it_runs(models: Path) -> None:
    """No part is missing, a CPU agrees with itself, and each thing that a GPU must show has its figure."""
    with started(models) as process:
        output, _ = process.communicate(timeout=1800)
    found = document(output)

    assert (process.returncode, found["missing"]) == (0, {})
    assert (found["votes_agree float32"], found["votes_repeat"]) == (1, 1)
    assert found["logit_error float32"] < 1e-4
    assert found["votes_agree bfloat16"] > 0.8
    assert 0 < found["logit_error bfloat16"] < 0.1
    speeds = [found[f"samples_per_second {way}"] for way in SPEEDS]
    assert min(speeds) > 0
    assert found["ratio"] == pytest.approx(found["samples_per_second"] / speeds[0])
    assert found["of_product_peak"] > 0
    for name in ("predict_p95_seconds", "certify_seconds", "http_predict_p95_seconds", "http_certify_seconds"):
        assert found[name] > 0
    for part in ("personalization", "fine_tuning"):
        assert found[f"{part} step_seconds"] > 0
        assert found[f"{part} peak_bytes"] > 0


def test_benchmark_when_it_is_stopped(models: Path) -> None:
    """SIGTERM ends it with the exit code of shells; its last line is what it had found by then."""
    with started(models) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=120)
    found = document("".join([*lines, output]))

    assert process.returncode == 143
    assert found["votes_agree float32"] == 1
    assert "http_certify_seconds" not in found
