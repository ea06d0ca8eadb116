"""The user of the queue server that docs/deploy.md describes: it may do what API and workers do, and no more."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from adapters.queue.board import JobBoard
from adapters.queue.board_script import MOST_LIBRARIES, PREFIX
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from tests.integration.api.conftest import Api

ROOT = Path(__file__).parents[3]
RULE = re.compile(r"^user robustify on >PASSWORD (.*)$", re.MULTILINE)
CALLED = re.compile(r"call\('([A-Z]+)'")
PASSWORD = "a-password"


def documented() -> list[str]:
    found = RULE.search((ROOT / "docs" / "deploy.md").read_text())
    assert found is not None
    return found[1].split()


def allowed() -> set[str]:
    return {rule[1:] for rule in documented() if rule.startswith("+")}


def called_in_lua() -> set[str]:
    scripts = (ROOT / "adapters" / "queue" / "script").glob("*.lua")
    names = {name.lower() for path in scripts for name in CALLED.findall(path.read_text())}
    return (names - {"memory"}) | {"memory|usage"}


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[redis.Redis]:
    """Who runs a queue server that lets nobody in but the operator and that user."""
    with EmbeddedServer(tmp_path / "server") as server, connect(server.url) as client:
        client.execute_command("ACL", "SETUSER", "robustify", "on", f">{PASSWORD}", *documented())
        for number in range(MOST_LIBRARIES):  # Those of earlier releases, which make room for this one's.
            client.function_load(
                f"#!lua name={PREFIX}{number}\nredis.register_function('f{number}', function() return 1 end)"
            )
        client.config_resetstat()
        yield client


@pytest.fixture
def settings(operator: redis.Redis, tmp_path: Path) -> Settings:
    path = operator.connection_pool.connection_kwargs["path"]
    url = f"unix://{path}?username=robustify&password={PASSWORD}"
    return Settings(profile="oracle-linear", redis_url=url, state_dir=tmp_path / "state", threads=1, lease_seconds=1.0)


@pytest.fixture
def service(
    settings: Settings, start_api: Callable[[Settings], Api], start_loaded_worker: Callable[..., Any],
    wait_until: Callable[..., None],
) -> Api:  # fmt: skip
    api = start_api(settings)
    start_loaded_worker(settings)
    wait_until(lambda: api.client.get("/readyz").status_code == 200)
    return api


def use_everything(service: Api, picture: bytes) -> None:
    """What clients, operators and the service itself do with the queue server."""
    client = service.client
    for path, n in (("/predict", "100"), ("/certify", "200"), ("/certify", "100000")):
        headers = {"Prefer": f"wait={0 if n == '100000' else 20}"}
        job = client.post(path, files={"image": picture}, data={"labels": ["a", "b"], "n": n}, headers=headers).json()
    assert client.delete(f"/jobs/{job['id']}").status_code == 200
    assert client.delete(f"/jobs/{job['id']}/data").status_code == 204
    for path in ("/ledger", "/metrics", "/readyz"):
        assert client.get(path).status_code == 200
    with connect(str(service.settings.redis_url)) as connection:
        connection.ping()  # As one does that was idle for a while.
        board = JobBoard(connection, service.settings)
        list(board.earlier_keys(drops=True))
        board.tick()


def test_user_when_everything_is_used(
    service: Api, operator: redis.Redis, picture: bytes, wait_until: Callable[..., None]
) -> None:
    """Nothing is refused to it; each command that it may use is used, or stands in the board's script."""
    use_everything(service, picture)
    wait_until(lambda: "cmdstat_blpop" in operator.info("commandstats"))
    refused = {(entry["reason"], entry["object"]) for entry in operator.acl_log()}
    used = {name.removeprefix("cmdstat_") for name in operator.info("commandstats")}
    assert refused == set()
    assert called_in_lua() - allowed() == set()
    assert allowed() - used - called_in_lua() == set()


@pytest.mark.parametrize(
    "command", [["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["SET", "other", "1"], ["GET", "other"],
                ["EVAL", "return 1", "0"], ["ACL", "WHOAMI"], ["PUBLISH", "other", "x"], ["SHUTDOWN"]],
)  # fmt: skip
def test_user_when_it_wants_more(settings: Settings, command: list[str]) -> None:
    """It is refused."""
    with connect(str(settings.redis_url)) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)
