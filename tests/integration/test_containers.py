"""The images and the compose file as they are shipped, on a CPU: built, started, asked, and a worker of them killed.

It needs the scripts of ../shared/containers, which put a Docker engine on a machine without a registry, and root. With
CONTAINERS_MUST_RUN, as in CI, it fails where they are missing.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.certificates.key_files import new_rsa_key

ROOT = Path(__file__).parents[2]
KIT = ROOT.parent / "shared" / "containers"
EXAMPLE = ROOT / "adapters" / "embedded" / "weights" / "examples" / "horse.png"
QUEUE_IMAGE = "valkey/valkey:9.1.2-alpine"
SERVICE_IMAGE, WORKER_IMAGE = "robustify-service:test", "robustify-worker:test"
MODEL_LIBRARIES = ("torch", "torchvision", "diffusers", "transformers", "open_clip", "timm")
MUST_RUN = "CONTAINERS_MUST_RUN" in os.environ
UID = 10001
SECOND = "oracle-linear"
BUILD_SECONDS, START_SECONDS, ANSWER_SECONDS = 3600.0, 600.0, 600.0
SAMPLES = 1000

WaitUntil = Callable[..., None]
FreePort = Callable[[], int]

pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(not (MUST_RUN or KIT.is_dir()), reason="needs the scripts of ../shared/containers"),
    pytest.mark.skipif(not (MUST_RUN or os.geteuid() == 0), reason="needs root: the scripts start a Docker engine"),
]


def run(command: list[str], seconds: float, **environment: str) -> str:
    """What a command prints; the test fails with all it said when it does."""
    finished = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=seconds
    )
    assert finished.returncode == 0, f"{' '.join(command)}\n{finished.stdout[-4000:]}\n{finished.stderr[-4000:]}"
    return finished.stdout


@dataclass(frozen=True)
class Stack:
    """The compose project of this test."""

    project: str
    environment: Mapping[str, str]
    key: str = ""

    def compose(self, *arguments: str, seconds: float = START_SECONDS) -> str:
        files = ("-f", "docker-compose.yml", "-f", "compose.cpu.yaml", "--profile", "second")
        return run([str(KIT / "compose"), "-p", self.project, *files, *arguments], seconds, **self.environment)

    def container(self, service: str) -> dict[str, Any]:
        """What the engine says of the service's container."""
        name = self.compose("ps", "--all", "--quiet", service).strip()
        document: dict[str, Any] = json.loads(run(["docker", "inspect", name], 60))[0]
        return document

    def python(self, service: str, code: str) -> str:
        """What a snippet prints in the running container."""
        return self.compose("exec", "-T", service, "python", "-c", code).strip()

    @property
    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.environment['API_PORT']}", headers=headers, timeout=120)


@pytest.fixture(scope="module")
def engine() -> Iterator[None]:
    """A Docker engine with the base images; stopped afterwards, unless it ran before."""
    ran_before = is_running()
    run([str(KIT / "setup"), QUEUE_IMAGE], BUILD_SECONDS)
    yield
    if not ran_before:
        os.kill(int(Path("/var/run/docker.pid").read_text(encoding="ascii")), signal.SIGTERM)


def is_running() -> bool:
    try:
        return subprocess.run(["docker", "version"], capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory, free_port: FreePort) -> Iterator[Stack]:
    """Both images built and all containers up and healthy; nothing of it is left afterwards but the images."""
    environment = {
        "API_PORT": str(free_port()),
        "SERVICE_IMAGE": SERVICE_IMAGE,
        "WORKER_IMAGE": WORKER_IMAGE,
        "QUEUE_IMAGE": QUEUE_IMAGE,
        "QUEUE_USER": owner_of_the_data(QUEUE_IMAGE),
        "SECOND_PROFILE": SECOND,
        "NOISE_KEY_FILE": str(secret_file(tmp_path_factory.mktemp("secrets"))),
        # So that a certificate has many shards, and a batch ends soon.
        "ROBUSTIFY_BATCH_SIZE": "25",
        "ROBUSTIFY_SHARD_SAMPLES": "50",
        # These tests look as often as they can.
        "ROBUSTIFY_REQUESTS_PER_MINUTE": "100000",
    }
    stack = Stack(f"robustify-test-{os.getpid()}", environment)
    try:
        stack.compose("build", seconds=BUILD_SECONDS)
        made = json.loads(stack.compose("run", "--rm", "keys", "create", "test", "--json"))
        stack = replace(stack, key=made["key"])
        stack.compose("up", "--detach", "--wait", "--wait-timeout", str(int(START_SECONDS)))
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")


def owner_of_the_data(image: str) -> str:
    """The image's own user; the stand-in's has other numbers than the official image's."""
    return run(["docker", "run", "--rm", "--entrypoint", "stat", image, "-c", "%u:%g", "/data"], 120).strip()


def secret_file(folder: Path) -> Path:
    """As docs/deploy.md makes it: for the containers' user alone."""
    path = folder / "noise_key"
    path.write_text(new_rsa_key(), encoding="ascii")
    path.chmod(0o400)
    os.chown(path, UID, UID)
    return path


def submit(client: httpx.Client, kind: str, wait: int, **fields: Any) -> dict[str, Any]:
    data = {"labels": ["cat", "horse", "ship"], **fields}
    answer = client.post(
        f"/{kind}", files={"image": EXAMPLE.read_bytes()}, data=data, headers={"Prefer": f"wait={wait}"}
    )
    assert answer.is_success, answer.text
    job: dict[str, Any] = answer.json()
    return job


def read(client: httpx.Client, job: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"/jobs/{job['id']}").json()
    return document


@pytest.mark.parametrize("image", [SERVICE_IMAGE, WORKER_IMAGE])
def test_an_image(stack: Stack, image: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what it is, runs as nobody's user, and knows when it is well; its size is printed."""
    document = json.loads(run(["docker", "image", "inspect", image], 60))[0]
    config = document["Config"]
    assert config["User"] == f"{UID}:{UID}"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    with capsys.disabled():
        print(f"\n{image}: {document['Size'] / 1e6:.0f} MB")


def test_the_service_image(stack: Stack) -> None:
    """It has no model library, no weights, and no secret."""
    libraries = stack.python(
        "api", f"from importlib.util import find_spec as f; print(*(n for n in {MODEL_LIBRARIES} if f(n)))"
    )
    weights = stack.python(
        "api", "import adapters, pathlib as p; print(*p.Path(adapters.__file__).parent.rglob('*.safetensors'))"
    )
    assert (libraries, weights) == ("", "")
    places = ("/run/secrets/noise_key", "/state/noise_key")
    assert stack.python("api", f"import os; print(*map(os.path.exists, {places}))") == "False False"


@pytest.mark.parametrize("service", ["queue", "api", "worker"])
def test_a_container(stack: Stack, service: str) -> None:
    """It runs as no root, without capabilities, on a root file system that it cannot write, within limits."""
    document = stack.container(service)
    host = document["HostConfig"]
    assert document["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    status = stack.compose("exec", "-T", service, "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status
    root = stack.compose("exec", "-T", service, "grep", " / ", "/proc/mounts")
    assert root.split()[3].split(",")[0] == "ro"


def test_the_networks(stack: Stack) -> None:
    """Only the API is published, on this machine alone; queue and worker have no way out."""
    published = {service: stack.container(service)["HostConfig"]["PortBindings"] for service in ("queue", "worker")}
    assert published == {"queue": {}, "worker": {}}
    bindings = stack.container("api")["HostConfig"]["PortBindings"]
    assert bindings == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": stack.environment["API_PORT"]}]}
    queue_network = f"{stack.project}_queue"
    for service in ("queue", "worker"):
        assert list(stack.container(service)["NetworkSettings"]["Networks"]) == [queue_network]
    assert json.loads(run(["docker", "network", "inspect", queue_network], 60))[0]["Internal"]


def test_a_worker_is_killed(stack: Stack, wait_until: WaitUntil) -> None:
    """It is started again and is well again; the certificate that it was busy with has every vote, once."""
    with stack.client as client:
        prediction = submit(client, "predict", 60)
        assert (prediction["status"], prediction["result"]["outcome"]) == ("succeeded", "predicted"), prediction
        container = stack.container("worker")
        job = submit(client, "certify", 0, n0="100", n=str(SAMPLES))
        wait_until(lambda: read(client, job)["progress"]["done"] >= 200, ANSWER_SECONDS)
        os.kill(container["State"]["Pid"], signal.SIGKILL)
        assert read(client, job)["status"] == "running"
        wait_until(lambda: read(client, job)["done"], ANSWER_SECONDS)
        result = read(client, job)["result"]
    assert result["outcome"] == "certified"
    assert (sum(vote["count"] for vote in result["votes"]), result["label"]) == (SAMPLES, "horse")
    assert 0 < result["radius"] < 1
    wait_until(lambda: stack.container("worker")["State"]["Health"]["Status"] == "healthy", START_SECONDS)
    restarted = stack.container("worker")
    assert (restarted["Id"], restarted["RestartCount"]) == (container["Id"], 1)


def test_two_profiles(stack: Stack) -> None:
    """Each has a worker of its own, and answers where a request names it."""
    with stack.client as client:
        assert client.get("/readyz", params={"profile": SECOND}).json()["profiles"] == {"mini": 1, SECOND: 1}
        for profile, labels in (("mini", ["cat", "horse", "ship"]), (SECOND, ["left", "right"])):
            job = submit(client, "predict", 60, n="60", labels=labels, profile=profile)
            assert (job["status"], job["result"]["model"]["profile"]) == ("succeeded", profile)


def test_the_queue_server_is_replaced(stack: Stack, wait_until: WaitUntil) -> None:
    """A new container on the same volume knows every outcome: the same question has the same answer, at once."""
    with stack.client as client:
        before = submit(client, "predict", 60, n="50")
        stack.compose("rm", "--stop", "--force", "queue")
        assert client.get("/readyz").status_code == 503
        stack.compose("up", "--detach", "--wait", "queue")
        wait_until(lambda: client.get("/readyz").is_success, ANSWER_SECONDS)
        assert read(client, before) == before
        assert submit(client, "predict", 60, n="50")["result"] == before["result"]


def test_a_worker_is_stopped(stack: Stack, wait_until: WaitUntil) -> None:
    """It gives its work back within the grace period and ends as it should; the next one goes on."""
    with stack.client as client:
        name = stack.container("worker")["Id"]
        job = submit(client, "certify", 0, n0="100", n=str(SAMPLES), sigma="0.5")
        wait_until(lambda: read(client, job)["progress"]["done"] >= 100, ANSWER_SECONDS)
        # It waits for as long as the compose file grants, and says 137 where that was too short.
        run(["docker", "stop", name], 120)
        assert stack.container("worker")["State"]["ExitCode"] == 0
        assert read(client, job)["status"] in ("queued", "running")
        run(["docker", "start", name], 120)
        wait_until(lambda: read(client, job)["done"], ANSWER_SECONDS)
        assert sum(vote["count"] for vote in read(client, job)["result"]["votes"]) == SAMPLES


def test_the_logs(stack: Stack) -> None:
    """Nothing of the noise key is in what the containers say or in what the engine shows of them."""
    secret = Path(stack.environment["NOISE_KEY_FILE"]).read_text(encoding="ascii").splitlines()[1]
    said = stack.compose("logs", "--no-color")
    assert "worker_started" in said
    shown = json.dumps([stack.container(service) for service in ("queue", "api", "worker")])
    assert secret not in said + shown
