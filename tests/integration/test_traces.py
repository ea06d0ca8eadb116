"""One request, followed from its client through the API to the shard that counts its votes."""

import json
import socket
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from adapters.settings import Settings
from tests.otlp_receiver import ReceivedSpan, receiving
from tests.pictures import encoded, pixels
from tests.running_instance import running
from workers.commands.demo import free_port

TRACE, CLIENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CANARY = "canary"


def settings_in(folder: Path) -> Settings:
    return Settings(profile="oracle-linear", state_dir=folder, port=free_port(), threads=1)


def predict(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(
        f"/predict?{CANARY}=1",
        files={"image": encoded(pixels(40, 40, 99))},
        data={"labels": [CANARY, "other"]},
        headers=headers,
    )


def test_trace_when_a_request_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server span goes on with the client's trace, the shard's links to the span that put its job on the board, and
    the lines of both logs name the trace. Nothing that the client wrote is told.
    """
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running(settings_in(tmp_path)) as client:
            answer = predict(client, traceparent=f"00-{TRACE}-{CLIENT_SPAN}-01")
            assert answer.status_code == 200, answer.text
            client.get(f"/jobs/{answer.json()['id']}/events")
            server = receiver.first(lambda span: span.span.kind == Span.SPAN_KIND_SERVER)
            producer = receiver.first(lambda span: span.span.kind == Span.SPAN_KIND_PRODUCER)
            shard = receiver.first(lambda span: span.span.kind == Span.SPAN_KIND_CONSUMER)
            inside = [
                receiver.first(lambda span, name=name: span.span.name == name and is_child(span, shard))  # type: ignore[misc]
                for name in ("load image", "count votes", "record votes", "next step")
            ]
        check_spans(server, producer, shard)
    assert {span.service for span in inside} == {"robustify-worker"}
    assert not any(CANARY.encode() in body for body in receiver.bodies)
    assert not any("/events" in span.span.name for span in receiver.spans)
    assert not any(span.span.name.endswith("/readyz") for span in receiver.spans)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert {line["event"] for line in lines if line.get("trace_id") == TRACE} >= {
        "request", "shard_recorded", "job_finished",
    }  # fmt: skip


def check_spans(server: ReceivedSpan, producer: ReceivedSpan, shard: ReceivedSpan) -> None:
    assert (server.service, server.span.name) == ("robustify-api", "POST /predict")
    assert (server.span.trace_id.hex(), server.span.parent_span_id.hex()) == (TRACE, CLIENT_SPAN)
    assert is_child(producer, server)
    assert shard.service == "robustify-worker"
    (link,) = shard.span.links
    assert (link.trace_id.hex(), link.span_id) == (TRACE, producer.span.span_id)
    assert shard.span.trace_id.hex() != TRACE
    assert shard.attributes["robustify.work_job"] == producer.attributes["robustify.work_job"]


def is_child(span: ReceivedSpan, parent: ReceivedSpan) -> bool:
    own, other = span.span, parent.span
    return (own.trace_id, own.parent_span_id) == (other.trace_id, other.span_id)


def test_request_when_no_receiver_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is answered as ever, and the log does not fill with what the receiver does not do."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running(settings_in(tmp_path)) as client:
            assert predict(client).json()["status"] == "succeeded"
    lines = [line for line in capfd.readouterr().err.splitlines() if "opentelemetry" in line or "xport" in line]
    assert len(lines) < 10
