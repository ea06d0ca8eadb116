"""The requests that the documents show, run as they stand against a running service."""

import ast
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from standardwebhooks import Webhook

from adapters.contract.labels import task_id
from adapters.profiles.profile import Profile
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from adapters.store.tasks import TaskStore
from robustify.types import Task

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "client" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^curl (?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
PICTURE = ROOT / "adapters" / "embedded" / "weights" / "examples" / "horse.png"
SERVICES = ("http://127.0.0.1:8000", "https://robustify.example.org")
HELPER = "page/events.js"
ELSEWHERE = {"docs/client.md", "client/README.md"}
"""Whose examples have a test of their own: test_client_package.py."""
LANGUAGES = {"", "sh", "python", "js", "json"}
"""JSON is what is answered; other tests compare it with what the service describes."""
NOT_READY = "/readyz"
"""No worker lives in this test."""


def shown(language: str) -> list[tuple[str, str]]:
    """The blocks of code in a language, each with its document."""
    found = [
        (path.relative_to(ROOT).as_posix(), match) for path in DOCUMENTS for match in BLOCK.findall(path.read_text())
    ]
    return [(path, text) for path, (named, text) in found if named == language and path not in ELSEWHERE]


COMMANDS = [(path, command) for path, text in shown("") + shown("sh") for command in COMMAND.findall(text)]
PROGRAMS = shown("python")
SCRIPTS = shown("js")


@dataclass(frozen=True)
class Shell:
    """Runs commands in a folder that has what they name, against a service."""

    folder: Path
    address: str
    key: str
    job: str

    def status_of(self, command: str) -> str:
        """Of the answer; the command is the document's, but for the address, the key and the id of a job."""
        for service in SERVICES:
            command = command.replace(service, self.address)
        command = command.replace("rk_…", self.key).replace("jobs/ID", f"jobs/{self.job}")
        quiet = r"curl --silent --output answer --write-out '%{http_code}' -H 'Prefer: respond-async' "
        finished = subprocess.run(
            ["bash", "-c", command.replace("curl ", quiet, 1)], cwd=self.folder, capture_output=True, text=True,
            timeout=60, env={"PATH": os.environ["PATH"], "KEY": self.key},
        )  # fmt: skip
        return finished.stdout


@pytest.fixture(scope="module")
def shell(
    api_queue: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory, adapting_profile: Profile
) -> Iterator[Shell]:
    from tests.integration.api.conftest import running_api

    folder = tmp_path_factory.mktemp("documents")
    (folder / "adapters").symlink_to(ROOT / "adapters")
    for name in ("a.png", "b.png", "horse.png"):
        shutil.copy(PICTURE, folder / name)
    settings = Settings(profile="mini", state_dir=folder / "state", redis_url=api_queue.url)
    with running_api(settings, adapting_profile) as api:
        key = ApiKeyStore(settings.state.api_keys).create("reader", time.time())
        for tasks in (TaskStore(settings.state.tasks), TaskStore.of(key.key.id, settings.state.tasks)):
            tasks.publish("things", Task(("cat", "horse", "ship")), "a job", 0.0)
        data = {"labels": ["document left", "document right"]}
        headers = {"Prefer": "respond-async"}
        job = api.client.post("/predict", files={"image": PICTURE.read_bytes()}, data=data, headers=headers).json()
        yield Shell(folder, str(api.client.base_url).rstrip("/"), key.token, job["id"])


def test_documents_when_they_are_read() -> None:
    """There are examples in them: a change of how they are written does not lose them."""
    assert len(COMMANDS) >= 12
    assert len(PROGRAMS) >= 2
    assert len(SCRIPTS) >= 1
    assert {path for path, _ in COMMANDS} >= {"README.md", "docs/http-api.md"}
    assert task_id("things")


def test_documents_when_an_example_is_written_in_a_new_way() -> None:
    """Each language is one that is run, and no line that asks by curl is missed."""
    blocks = [block for path in DOCUMENTS for block in BLOCK.findall(path.read_text(encoding="utf-8"))]
    assert {language for language, _ in blocks} <= LANGUAGES
    asking = [line for _, text in blocks for line in text.splitlines() if re.search(r"\bcurl\b", line)]
    assert len(asking) == len(COMMANDS), asking


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: `apt-get install curl`")
@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_command_when_it_is_run(shell: Shell, path: str, command: str) -> None:
    """The service takes it: nothing in it is misspelt or of another release."""
    status = shell.status_of(command)
    assert status in (("200", "503") if NOT_READY in command else ("200", "202")), (shell.folder / "answer").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("path", "program"), PROGRAMS)
def test_program_when_it_is_run(
    working_api: "Api", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, program: str
) -> None:
    """It ends with what it says, given what the text around it names: an event, or the labels by their scores."""
    shutil.copy(PICTURE, tmp_path / "horse.png")
    monkeypatch.chdir(tmp_path)
    key = ApiKeyStore(working_api.settings.state.api_keys).create("reader", time.time()).token
    address = str(working_api.client.base_url).rstrip("/")
    for service in SERVICES:
        program = program.replace(service, address)
    result = result_of(ast.parse(program.replace("rk_…", key), path), given(working_api, key))
    if isinstance(result, list):
        assert sorted(element.label for element in result) == ["cat", "horse"]
    else:
        assert result == {"type": "job.succeeded"}


def result_of(program: ast.Module, names: dict[str, object]) -> object:
    """The value of its last line: of an expression, or what it gives a name to."""
    last = program.body[-1]
    if isinstance(last, ast.Expr):
        last = ast.copy_location(ast.Assign([ast.Name("result", ast.Store())], last.value), last)
        program.body[-1] = ast.fix_missing_locations(last)
    assert isinstance(last, ast.Assign)
    assert isinstance(last.targets[0], ast.Name)
    exec(compile(program, "an example", "exec"), names)
    return names[last.targets[0].id]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js: `apt-get install nodejs`")
@pytest.mark.parametrize(("path", "script"), SCRIPTS)
def test_script_when_it_is_run(working_api: "Api", path: str, script: str) -> None:
    """It ends with the job, given what the text around it names; Node.js takes modules from files alone."""
    token = ApiKeyStore(working_api.settings.state.api_keys).create("reader", time.time()).token
    headers = {"Authorization": f"Bearer {token}", "Prefer": "respond-async"}
    job = working_api.client.post(
        "/predict", files={"image": PICTURE.read_bytes()}, data={"labels": ["left", "right"]}, headers=headers
    ).json()
    module = (ROOT / "service" / "page" / "static" / "events.js").as_uri()
    script = script.replace(f"{SERVICES[0]}/{HELPER}", module).replace(
        SERVICES[0], str(working_api.client.base_url).rstrip("/")
    )
    named = f"const id = {job['id']!r}, key = {token!r}, controller = new AbortController();\n"
    command = ["node", "--input-type=module", "--eval", f"{named}{script}console.log(job.result.outcome);"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert finished.stdout.split()[-1] in ("predicted", "abstained"), (path, finished.stderr)


def given(api: "Api", key: str) -> dict[str, object]:
    """What examples name and do not make: the secret of a webhook, and a request that is signed with it."""
    answer = api.client.get("/webhooks/secret", headers={"Authorization": f"Bearer {key}"}).json()
    body, now = '{"type": "job.succeeded"}', datetime.now(UTC)
    headers = {
        "webhook-id": "a", "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(answer["secret"]).sign("a", now, body),
    }  # fmt: skip
    return {"secret": answer["secret"], "request": SimpleNamespace(body=body, headers=headers)}
