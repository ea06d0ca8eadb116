"""What every request gets and leaves behind, on an API as it is served, without a queue."""

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.contract.access import EVERY_SCOPE
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from service.watching.access_log import LOGGER
from tests.serving import Served, app_without_queue, served

HEADER = "X-Request-Id"

pytestmark = pytest.mark.slow  # Each scrape waits for the queue server that is not there.


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests: each asks for what no other does."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path_factory.mktemp("state"))
    app = app_without_queue(settings)

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("nobody planned for this")

    with served(settings, app) as api:
        yield api


def lines_of(caplog: pytest.LogCaptureFixture, count: int) -> list[dict[str, Any]]:  # Any: as logging has it.
    """So many lines, which are written just after the answers were sent."""
    deadline = time.monotonic() + 5
    while True:
        lines = [record.__dict__ for record in caplog.records if record.name == LOGGER]
        if len(lines) >= count or time.monotonic() > deadline:
            return lines
        time.sleep(0.01)


def samples(api: Served) -> dict[tuple[str, ...], float]:
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    found = [sample for family in families for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in found}


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/docs"])
def test_id_when_a_client_has_one(api: Served, path: str) -> None:
    """It is on the answer, whatever becomes of the request."""
    assert api.client.get(path, headers={HEADER: "mine-1"}).headers[HEADER] == "mine-1"


def test_id_when_it_is_not_safe(api: Served) -> None:
    """The answer has one of ours."""
    made = api.client.get("/healthz", headers={HEADER: "two words"}).headers[HEADER]
    assert len(made) == 32


def test_failure_when_nobody_planned_for_it(api: Served) -> None:
    """It is a problem document with the headers of all others, and counted."""
    # The server closes a connection on which this happened.
    answer = api.client.get("/fails", headers={HEADER: "mine-2", "Connection": "close"})
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.headers[HEADER] == "mine-2"
    assert samples(api)["robustify_http_requests_total", "/fails", "500", "GET"] == 1


def test_parser_when_it_refuses(api: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Its answer has an id too, the one of its line in the log."""
    caplog.set_level(logging.INFO, LOGGER)
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall(b"no http at all\r\n\r\n")
        answer = connection.recv(65536).decode()
    (line,) = lines_of(caplog, 1)
    assert f"x-request-id: {line['request_id']}" in answer.lower()
    assert (line["status"], line["problem"]) == (400, "bad-request")
    assert samples(api)["robustify_http_requests_total", "400", "none", "other"] == 1


def test_line_when_a_client_writes_what_it_likes(api: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of its path, its query, its method or its headers is in the log or the metrics."""
    caplog.set_level(logging.DEBUG, LOGGER)
    api.client.request("CANARY", "/tasks/canary?canary=1", headers={"User-Agent": "canary", HEADER: "canary canary"})
    text = api.client.get("/metrics").text
    assert "canary" not in text.lower()
    lines = lines_of(caplog, 2)
    assert [line["method"] for line in lines] == ["other", "GET"]
    assert "canary" not in repr(lines).lower()


def test_line_when_a_route_answers(api: Served, caplog: pytest.LogCaptureFixture) -> None:
    """It names the route by its parameters, with the problem and the bytes of both sides."""
    caplog.set_level(logging.INFO, LOGGER)
    answer = api.client.get("/tasks/some")
    (line,) = lines_of(caplog, 1)
    assert (line["route"], line["status"], line["problem"]) == ("/tasks/{name}", 404, "unknown-task")
    assert (line["bytes_in"], line["bytes_out"]) == (0, len(answer.content))


def test_metrics_when_a_caller_is_no_operator(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who has no key gets none, nor who has one without the scope. The log has the ids of keys, and no secret."""
    caplog.set_level(logging.INFO, LOGGER)
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, keyless="nobody")
    store = ApiKeyStore(settings.state.api_keys)
    user, operator = store.create("user", time.time()), store.create("operator", time.time(), EVERY_SCOPE)
    with served(settings) as api:
        statuses = [
            api.client.get("/metrics", headers=headers).status_code
            for headers in ({}, bearer(user.token), bearer(operator.token))
        ]
        lines = lines_of(caplog, 3)
    assert statuses == [401, 403, 200]
    assert [line.get("owner") for line in lines] == [None, user.key.id, operator.key.id]
    assert not any(token.rpartition("_")[2] in repr(lines) for token in (user.token, operator.token))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_metrics_without_a_queue(api: Served) -> None:
    """The process tells of itself, and that the queue server does not answer."""
    api.client.get("/healthz")
    found = samples(api)
    assert found[("robustify_queue_up",)] == 0
    assert found["robustify_http_requests_total", "/healthz", "200", "GET"] >= 1
    assert found[("process_resident_memory_bytes",)] > 0
    assert not any("created" in name[0] for name in found)
    assert ("robustify_jobs_running",) not in found


def test_names_when_they_are_read_by_people(api: Served) -> None:
    """All of ours begin alike and say what they are."""
    families = list(text_string_to_metric_families(api.client.get("/metrics").text))
    assert all(family.name.startswith(("robustify_", "process_")) for family in families)
    assert all(family.documentation for family in families)
