"""Costs that a client chooses, and lines without end."""

import os
import threading
import time

import httpx

from tests.hostile.asking import (
    PATIENCE_SECONDS,
    are_refused_well,
    at_once,
    certify,
    expect,
    predict,
    seconds,
    slow_picture,
    statuses,
)
from tests.hostile.check import Check
from tests.hostile.instance import Instance, Stack, resident_bytes

MEBIBYTE = 1 << 20
PROMPT_SECONDS = 5.0
"""What is cheap is answered in so long, whatever others ask."""
MOST_GROWTH = 600 * MEBIBYTE
SMALL_QUEUE = Stack(settings={"MAX_QUEUED_JOBS": "20"}, shared=False)
MINI = Stack("mini", shared=False)
ADAPTATION = {"name": "pets", "labels": ["cat", "dog"]}


def huge_adaptation(instance: Instance) -> str:
    worker = instance.pid_of("worker")
    before = resident_bytes(worker)
    response = instance.client.post("/adapt", json={**ADAPTATION, "batch_size": 1024, "rank": 64})
    if response.status_code != 202:
        return expect(response.status_code == 422, f"refused with {response.status_code}")
    time.sleep(60)
    instance.client.delete(f"/jobs/{response.json()['id']}")
    time.sleep(60)
    after = resident_bytes(worker)
    return expect(after < before + MOST_GROWTH, f"taken; the idle worker still has {after >> 20} MiB")


def endless_adaptation(instance: Instance) -> str:
    response = instance.client.post("/adapt", json={**ADAPTATION, "steps": 10_000, "batch_size": 64})
    if response.status_code == 202:
        instance.client.delete(f"/jobs/{response.json()['id']}")
    return expect(response.status_code == 422, f"{response.status_code}")


def long_prompt(instance: Instance) -> str:
    label = " ".join(["a very long-haired dog"] * 4)
    response = predict(instance, labels=[f"{label} at sea", f"{label} on land"])
    return expect(response.status_code == 422 and "token" in response.text, f"{response.status_code}: {told(response)}")


def slow_pictures(instance: Instance) -> str:
    image, answers = slow_picture(), list[httpx.Response]()
    flood = threading.Thread(
        target=lambda: answers.extend(at_once(40, lambda _: predict(instance, image + os.urandom(4), wait=0)))
    )
    flood.start()
    time.sleep(0.5)
    waited, small = seconds(lambda: predict(instance, wait=10))
    checked, verified = seconds(lambda: instance.client.post("/certificates/verify", json={"certificate": {}}))
    flood.join()
    measured = f"prediction {waited:.1f} s ({small.status_code}), verification {checked:.1f} s; {statuses(answers)}"
    right = small.status_code in (200, 202) and verified.status_code < 500 and max(waited, checked) < PROMPT_SECONDS
    return expect(right and {503} <= {answer.status_code for answer in answers} and are_refused_well(answers), measured)


def large_bodies(instance: Instance) -> str:
    api = instance.pid_of("api")
    before = resident_bytes(api)
    body = b'{"labels": ["left", "right"], "image": "' + b"A" * (10 * MEBIBYTE) + b'"}'
    answers = at_once(60, lambda _: post_json(instance, body))
    most = resident_bytes(api, "VmHWM") - before
    refused = [answer for answer in answers if answer is not None]
    return expect(most < MOST_GROWTH and are_refused_well(refused), f"{most >> 20} MiB more; {statuses(refused)}")


def post_json(instance: Instance, body: bytes) -> httpx.Response | None:
    """None where the connection was cut while the body was sent."""
    headers = {"Content-Type": "application/json"}
    try:
        return httpx.post(f"{instance.address}/predict", content=body, headers=headers, timeout=PATIENCE_SECONDS)
    except httpx.TransportError:
        return None


def plans(instance: Instance) -> str:
    answers: list[httpx.Response] = []
    flood = threading.Thread(target=lambda: answers.extend(at_once(40, lambda number: plan(instance, number))))
    flood.start()
    time.sleep(0.3)
    waited, small = seconds(lambda: predict(instance, wait=10))
    flood.join()
    measured = f"prediction {waited:.1f} s ({small.status_code}); plans {statuses(answers)}"
    right = small.status_code == 200 and waited < PROMPT_SECONDS
    return expect(right and {503} <= {answer.status_code for answer in answers} and are_refused_well(answers), measured)


def plan(instance: Instance, number: int) -> httpx.Response:
    body = {"target_radius": 0.001 + number / 1e6, "n": 100_000, "n0": 10_000, "p": [0.5 + k / 1e4 for k in range(20)]}
    return httpx.post(f"{instance.address}/plan", json=body, timeout=PATIENCE_SECONDS)


def certificates_at_the_limit(instance: Instance) -> str:
    answers = at_once(40, lambda _: certify(instance, n=100_000))
    waited, small = seconds(lambda: predict(instance, wait=20))
    measured = f"prediction {small.status_code} in {waited:.1f} s; certificates {statuses(answers)}"
    return expect(small.status_code == 200 and are_refused_well(answers), measured)


def told(response: httpx.Response) -> str:
    """The problem's own words, shortened."""
    try:
        document = response.json()
    except ValueError:
        return response.text[:80]
    errors = document.get("errors") or [document]
    return str(errors[0].get("detail"))[:120]


CHECKS = (
    Check("adaptation of huge batches", "batch_size 1,024 with rank 64 is refused, or its memory comes back",
          huge_adaptation, MINI, slow=True),
    Check("adaptation without end", "10,000 steps of 64 images are refused before anything is done", endless_adaptation,
          MINI, slow=True),
    Check("prompt that would be cut", "it is refused at submission, with its length in tokens", long_prompt, MINI,
          slow=True),
    Check("forty slow pictures", "a prediction and a verification are answered meanwhile; surplus gets 503 at once",
          slow_pictures),
    Check("sixty bodies of 10 MiB", "the API takes no more than 600 MiB for all of them", large_bodies,
          Stack(shared=False), slow=True),
    Check("forty plans", "a prediction is answered meanwhile; surplus gets 503 at once", plans),
    Check("certificates at the queue's limit", "a prediction is taken and answered all the same",
          certificates_at_the_limit, SMALL_QUEUE, slow=True),
)  # fmt: skip
