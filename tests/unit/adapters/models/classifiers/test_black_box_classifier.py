import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import SecretStr

from adapters.models.classifiers.black_box import BlackBox, Budget
from adapters.settings import Settings
from robustify.errors import ModelError
from robustify.types import Task

TASK = Task(("dark", "bright"))
IMAGES = torch.tensor([0.1, 0.9, 0.2, 0.8]).view(4, 1, 1, 1).expand(4, 3, 8, 8)


class ServedBox(ThreadingHTTPServer):
    """Says whether an image is bright; `respond` may say something else for the call of that number."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.respond: Callable[[int], tuple[int, object] | None] = lambda call: None
        self.calls = self.under_way = self.most_under_way = 0
        self.seconds = 0.0
        self.authorization: str | None = None
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/classify"


class Handler(BaseHTTPRequestHandler):
    server: ServedBox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        box = self.server
        with box.lock:
            box.calls += 1
            box.under_way += 1
            box.most_under_way = max(box.most_under_way, box.under_way)
            call = box.calls
        box.authorization = self.headers["Authorization"]
        time.sleep(box.seconds)
        status, answer = box.respond(call) or (200, {"label": label_of(self.headers["Content-Type"], body)})
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        with box.lock:
            box.under_way -= 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def label_of(content_type: str, body: bytes) -> str:
    form: Any = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
    pixels = np.asarray(Image.open(io.BytesIO(parts["image"].get_payload(decode=True))))
    return TASK.labels[int(pixels.mean() > 127)]


@pytest.fixture
def box() -> Iterator[ServedBox]:
    with ServedBox() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def remote(box: ServedBox) -> Iterator[BlackBox]:
    classifier = BlackBox.from_settings(Settings(classifier_url=box.url, classifier_calls=2))
    yield replace(classifier, pause_seconds=0.01)
    classifier.client.close()


def test_votes_when_all_goes_well(remote: BlackBox) -> None:
    """One-hot logits of the labels that came back, in the order of the images."""
    assert remote.for_task(TASK)(IMAGES).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_answer_of_this_services_own_predict(box: ServedBox, remote: BlackBox) -> None:
    """The label of a job's result is understood; an abstention is no vote."""
    box.respond = lambda call: (200, {"status": "succeeded", "result": {"label": "bright" if call == 1 else None}})
    logits = remote.for_task(TASK)(IMAGES[:2].flip(0))
    assert logits[~logits.isnan().any(dim=1)].tolist() == [[0, 1]]


def test_call_that_fails_and_then_succeeds(box: ServedBox, remote: BlackBox) -> None:
    """It is made again."""
    box.respond = lambda call: (503, {}) if call < 3 else None
    assert remote.for_task(TASK)(IMAGES[:1]).tolist() == [[1, 0]]
    assert box.calls == 3


@pytest.mark.parametrize(
    ("answer", "calls"),
    [((500, {}), 3), ((403, {}), 1), ((200, b"<html>"), 1), ((200, {"label": "grey"}), 1), ((200, [1]), 1)],
)
def test_answer_that_is_no_vote(box: ServedBox, remote: BlackBox, answer: tuple[int, object], calls: int) -> None:
    """NaN, which counts against the class; only what may pass is asked again."""
    box.respond = lambda call: answer
    assert remote.for_task(TASK)(IMAGES[:1]).isnan().all()
    assert box.calls == calls


def test_black_box_that_is_not_there() -> None:
    """No votes, and no exception."""
    classifier = BlackBox.from_settings(Settings(classifier_url="http://127.0.0.1:9/"))
    with classifier.client:
        assert replace(classifier, pause_seconds=0.01).for_task(TASK)(IMAGES[:1]).isnan().all()


def test_budget_when_it_is_spent(box: ServedBox, remote: BlackBox) -> None:
    """So many calls are made and no more; images without a call have no vote."""
    logits = replace(remote, budget=Budget(3)).for_task(TASK)(IMAGES)
    assert box.calls == 3
    assert logits.isnan().any(dim=1).sum() == 1


def test_calls_under_way_when_there_are_many(box: ServedBox, remote: BlackBox) -> None:
    """Never more at once than allowed."""
    box.seconds = 0.05
    images = torch.linspace(0, 1, 8).view(8, 1, 1, 1).expand(8, 3, 4, 4)
    remote.for_task(TASK)(images)
    assert box.most_under_way == 2


def test_padding_of_a_batch(box: ServedBox, remote: BlackBox) -> None:
    """The same image is paid for once in a batch."""
    assert remote.for_task(TASK)(IMAGES[:1].expand(5, -1, -1, -1)).tolist() == [[1, 0]] * 5
    assert box.calls == 1


def test_token_when_one_is_set(box: ServedBox) -> None:
    """It is sent as the black box expects it."""
    settings = Settings(classifier_url=box.url, classifier_token=SecretStr("t0ken"))
    classifier = BlackBox.from_settings(settings)
    with classifier.client:
        classifier.for_task(TASK)(IMAGES[:1])
    assert box.authorization == "Bearer t0ken"


def test_black_box_without_an_address() -> None:
    """ModelError that names the setting."""
    with pytest.raises(ModelError, match="ROBUSTIFY_CLASSIFIER_URL"):
        BlackBox.from_settings(Settings())
