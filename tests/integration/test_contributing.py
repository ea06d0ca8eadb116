"""What CONTRIBUTING.md tells a newcomer to type does what it says."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from adapters.contract.jobs import JobRequest
from adapters.queue.board import JobBoard
from adapters.settings import Settings

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)


def block(word: str) -> str:
    """The one block of code that has this word, without the shell around it."""
    (found,) = [text for text in BLOCKS if word in text]
    return re.sub(r"^python - <<'END'\n|^END\n", "", found, flags=re.MULTILINE)


def run(code: str, state: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT), "ROBUSTIFY_STATE_DIR": str(state), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_one_shard_in_a_prompt(tmp_path: Path) -> None:
    """It counts the votes of a hundred samples, most of them for the horse."""
    cat, horse = map(int, re.findall(r"\d+", run(block("votes_of"), tmp_path)))

    assert cat + horse == 100
    assert horse > cat


def test_stuck_job(
    board: JobBoard, queue_settings: Settings, make_request: Callable[..., JobRequest], tmp_path: Path
) -> None:
    """It shows how the job stands and that it waits for votes."""
    job = board.submit(make_request(), 500)
    code = block("board.standing").replace("THE JOB'S ID", job.id)
    code = re.sub(r'redis_url="[^"]*"', f'redis_url="{queue_settings.redis_url}"', code)
    said = run(code, tmp_path)

    assert f"id='{job.id}'" in said
    assert "Wait()" in said
    assert re.search(r"certify'>?: 1\b", said)
