"""What is kept for ever, and what comes of a disk, a clock, a limit or a signal."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import httpx
import redis

from tests.faults.clocks import Clock, ClockedServer
from tests.hostile.asking import at_once, certify, expect, predict, statuses
from tests.hostile.check import Check
from tests.hostile.instance import Instance, Stack, launched, send

SHORT = Stack(settings={"RETENTION_SECONDS": "2", "OUTCOME_SECONDS": "2", "QUEUE_SECONDS": "10"}, shared=False)
FEW = Stack(settings={"MAX_QUEUED_JOBS": "5"}, shared=False)
NO_ROOM = Stack(settings={"MIN_FREE_BYTES": str(1 << 60)}, shared=False, sign="/healthz")
ALONE = Stack(shared=False)
FEW_FILES = Stack(open_files=160, shared=False)
KEPT_SECONDS = 70.0
"""After that, what had ten seconds to wait and two to live is gone: it is looked for twice a minute."""
LONG = {"n": 100_000}


def refused_images(instance: Instance) -> str:
    worker = instance.pid_of("worker")
    send(worker, signal.SIGSTOP)
    try:
        answers = [answer for number in (10, 40) for answer in at_once(number, lambda _: predict(instance, wait=0))]
        taken, stored = sum(answer.status_code == 202 for answer in answers), instance.images()
    finally:
        send(worker, signal.SIGCONT)
    return expect(stored <= taken < 50, f"{statuses(answers)}; {stored} images stored")


def canceled_images(instance: Instance) -> str:
    jobs = [certify(instance, **LONG).json()["id"] for _ in range(10)]
    for job in jobs:
        instance.client.delete(f"/jobs/{job}")
    wait_while(lambda: instance.images() > 0)
    return expect(instance.images() == 0, f"{instance.images()} of 10 images left")


def outcomes_in_memory(instance: Instance) -> str:
    with redis.Redis(unix_socket_path=str(instance.state / "queue" / "queue.sock")) as queue:
        predict(instance)
        time.sleep(5)
        before = int(queue.dbsize())
        at_once(8, lambda _: [predict(instance) for _ in range(25)])
        wait_while(lambda: int(queue.dbsize()) > before + 10)
        after = int(queue.dbsize())
    return expect(after <= before + 10, f"{before} keys before, {after} after 200 predictions")


def no_room(instance: Instance) -> str:
    response = predict(instance)
    return expect(response.status_code == 503, f"{response.status_code}, {instance.images()} images")


def stopped_with_waiting_clients(instance: Instance) -> str:
    answers: list[httpx.Response] = []
    clients = Thread(target=lambda: answers.extend(at_once(5, lambda _: certify(instance, wait=50, **LONG))))
    clients.start()
    time.sleep(3)
    assert instance.process is not None
    instance.process.terminate()
    clients.join()
    right = all(answer.status_code == 202 and "id" in answer.json() for answer in answers)
    return expect(right and len(answers) == 5, f"{statuses(answers)}, {answers[0].headers.get('content-type')}")


def zero_bytes(instance: Instance) -> str:
    """Stopped, damaged as a power cut does, and started again in the same folder."""
    job = predict(instance, wait=20).json()["id"]
    instance.stop()
    assert instance.folder is not None
    files = sorted((instance.state / "queue").rglob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    with files[-1].open("ab") as file:
        file.write(bytes(600))
    with launched(ALONE, instance.folder, instance.checkout) as again:
        again.wait_until_ready()
        status = again.client.get(f"/jobs/{job}").status_code
    return expect(status == 200, f"it starts; the job of before: {status}")


def many_connections(instance: Instance) -> str:
    before = len(instance.said().splitlines())
    with ExitStack() as stack:
        for _ in range(600):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex((instance.host, instance.port))
        time.sleep(8)
    lines = len(instance.said().splitlines()) - before
    instance.wait_until_ready()
    return expect(lines < 100, f"{lines} lines of log in 8 s")


def clock_forward(instance: Instance) -> str:
    return clock_jumps(instance, 7200)


def clock_backward(instance: Instance) -> str:
    return clock_jumps(instance, -7200)


def clock_jumps(instance: Instance, jump: int) -> str:
    """A queue server with a clock of its own, and a second service on it, whose worker dies after the jump."""
    with TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        clock = Clock(folder / "clock")
        with ClockedServer(folder / "queue", clock) as queue:
            stack = Stack(settings={"REDIS_URL": queue.url, "LEASE_SECONDS": "2"})
            with launched(stack, folder, instance.checkout) as service:
                service.wait_until_ready()
                return ended_after_jump(service, clock, jump)


def ended_after_jump(service: Instance, clock: Clock, jump: int) -> str:
    jobs = [certify(service, n=20_000).json()["id"] for _ in range(4)]
    time.sleep(0.5)
    clock.jump(jump)
    send(service.pid_of("worker"), signal.SIGKILL)
    wait_while(lambda: not all(service.client.get(f"/jobs/{job}").json()["done"] for job in jobs), 60)
    states = [service.client.get(f"/jobs/{job}").json()["status"] for job in jobs]
    return expect(set(states) == {"succeeded"}, f"{states}")


def wait_while(holds: Callable[[], bool], seconds: float = KEPT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and holds():
        time.sleep(0.5)


CHECKS = (
    Check("images of refused requests", "only those of accepted ones are stored", refused_images, FEW),
    Check("images of canceled jobs", "they go with the jobs", canceled_images, SHORT, slow=True),
    Check("outcomes in memory", "they leave the queue server when their time is over", outcomes_in_memory, SHORT,
          slow=True),
    Check("no room on the disk", "below ROBUSTIFY_MIN_FREE_BYTES a request is refused", no_room, NO_ROOM, slow=True),
    Check("stop with waiting clients", "they get 202 and their job", stopped_with_waiting_clients, ALONE),
    Check("zero bytes at the end of the file", "it starts again and knows its jobs", zero_bytes, ALONE, slow=True),
    Check("more connections than files", "a client cannot fill the log", many_connections, FEW_FILES, slow=True),
    Check("clock two hours forward", "no job expires, though a worker dies", clock_forward, slow=True),
    Check("clock two hours backward", "no job stalls, though a worker dies", clock_backward, slow=True),
)  # fmt: skip
