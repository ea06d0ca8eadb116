"""The whole service when its disk fills up, and when there is room again."""

from collections.abc import Callable
from pathlib import Path

from tests.small_disk import run_on_small_disk

REPOSITORY = Path(__file__).parents[2]
UP = """
import os, signal, subprocess, sys, time
from pathlib import Path
import httpx, redis
from tests.small_disk import fill

disk, port = Path(sys.argv[1]), sys.argv[2]
state = disk / "state"
robustify = str(Path(sys.executable).with_name("robustify"))
environment = {**os.environ, "ROBUSTIFY_STATE_DIR": str(state), "ROBUSTIFY_MIN_FREE_BYTES": "0"}

def wait_for(status):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and up.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == status:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit(f"never {status}; up: {up.poll()}")

def damage():
    # As a power cut would, before `up` has started the server again.
    up.send_signal(signal.SIGSTOP)
    with redis.Redis(unix_socket_path=str(state / "queue" / "queue.sock")) as client:
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    with open(state / "queue" / "appendonlydir" / "appendonly.aof.1.incr.aof", "r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(bytes(10))
    up.send_signal(signal.SIGCONT)

up = subprocess.Popen([robustify, "up", "--profile", "oracle-linear", "--port", port], env=environment)
try:
    wait_for(200)
    filler = fill(disk)
    wait_for(503)
    damage()  # There is no room for a copy of what is to be cut off.
    time.sleep(10)
    wait_for(503)
    filler.unlink()
    wait_for(200)
    up.terminate()
    sys.exit(up.wait(60))
finally:
    up.kill()
"""


def test_disk_that_fills_up(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """`up` lives on with a queue server that cannot even start, the API answers 503, and all recovers by itself."""
    ended = run_on_small_disk(tmp_path, "8m", UP, str(free_port()), cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stderr
    assert "the disk of the state folder is full: make room on it" in ended.stderr
    assert "was damaged, as a power cut leaves it" in ended.stderr
    assert "Traceback" not in ended.stderr
    told = [line for line in ended.stderr.splitlines() if "does not run and is started again" in line]
    assert 1 <= len(told) <= 4
    assert len(ended.stderr.splitlines()) < 60
