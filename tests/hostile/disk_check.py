"""A queue server that has to start again on a full disk."""

from tests.hostile.asking import expect
from tests.hostile.check import Check
from tests.hostile.instance import HERE, Instance, Stack
from tests.small_disk import run_on_small_disk

SCRIPT = """
import signal, sys, time
from pathlib import Path
from tests.hostile.instance import Stack, launched, send
from tests.small_disk import fill

disk, checkout = Path(sys.argv[1]), Path(sys.argv[2])
with launched(Stack(settings={"MIN_FREE_BYTES": "0"}), disk, checkout) as instance:
    instance.wait_until_ready()
    filler = fill(disk)
    send(instance.pid_of("queue"), signal.SIGKILL)
    time.sleep(10)
    print("alive" if instance.process.poll() is None else "up has ended", end=" on the full disk, ")
    filler.unlink()
    instance.wait_until_ready()
    print("ready when there is room")
"""


def full_disk(instance: Instance) -> str:
    folder = instance.state.parent / "disk"
    folder.mkdir()
    ended = run_on_small_disk(folder, "8m", SCRIPT, str(instance.checkout), cwd=HERE)
    said = ended.stdout.strip() or f"failed with {ended.returncode}"
    return expect(ended.returncode == 0 and said.startswith("alive"), said)


CHECKS = (
    Check("queue server on a full disk", "`up` lives on when the server is killed there, and all recovers", full_disk,
          Stack(shared=False), slow=True),
)  # fmt: skip
