"""The manifests for Kubernetes say what the rest of the repository says; no cluster is needed."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from adapters.settings import Settings
from service.access.hosts import AllowedHosts
from service.access.policy import PROBES
from service.serving.run import CUT_OFF_SECONDS, GRACE_SECONDS
from service.watching.board_families import backlog_family
from tests.manifests import KUBERNETES, OVERLAYS, RENDERED, ROOT, Object, environment, of_kind, pods, rendered
from workers.evaluation.parts.part import Part, part_of

KNOWN_SETTINGS = {f"ROBUSTIFY_{name.upper()}" for name in Settings.model_fields}


def compose() -> dict[str, Any]:  # Any: as Compose has it.
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return found


def containers(name: str) -> Iterator[tuple[str, Object, Object]]:
    """The name of each workload of a folder, its pods' specification, and each of their containers."""
    for workload, template in pods(rendered(name)):
        for container in template["spec"]["containers"]:
            yield workload, template["spec"], container


def deployment(overlay: str, name: str) -> Object:
    found: Object = of_kind(rendered(f"overlays/{overlay}"), "Deployment", f"robustify-{name}")[0]
    return found


@pytest.mark.parametrize("name", RENDERED)
def test_pods_when_they_are_looked_at(name: str) -> None:
    """None has rights that it does not need, a file system that it can write but where it must, or no limits."""
    for workload, spec, container in containers(name):
        pod, own, said = spec["securityContext"], container["securityContext"], f"{name}: {workload}"
        assert pod["runAsNonRoot"], said
        assert pod["runAsUser"] >= 999, said
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, said
        assert own["allowPrivilegeEscalation"] is False, said
        assert own["readOnlyRootFilesystem"] is True, said
        assert own["capabilities"] == {"drop": ["ALL"]}, said
        assert spec["automountServiceAccountToken"] is False, said
        assert spec["enableServiceLinks"] is False, said
        assert {"cpu", "memory", "ephemeral-storage"} <= {*container["resources"]["requests"]}, said
        assert {"cpu", "memory", "ephemeral-storage"} <= {*container["resources"]["limits"]}, said
        volumes = spec.get("volumes", ())
        assert not any("hostPath" in volume for volume in volumes), said
        assert all("sizeLimit" in volume["emptyDir"] for volume in volumes if "emptyDir" in volume), said


@pytest.mark.parametrize("name", RENDERED)
def test_variables_when_a_pod_has_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that begins like a setting is one, with a value that it takes."""
    for _, _, container in containers(name):
        found = environment(rendered(name), container)
        ours = {key: value for key, value in found.items() if key.startswith("ROBUSTIFY_")}
        assert set(ours) <= KNOWN_SETTINGS
        with monkeypatch.context() as patch:
            for key, value in ours.items():
                patch.setenv(key, value)
            Settings()


def test_settings_when_api_and_workers_read_them() -> None:
    """What decides f comes from one map, which both have."""
    for overlay in OVERLAYS:
        maps = [
            [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
            for workload, _, container in containers(f"overlays/{overlay}")
            if workload in ("robustify-api", "robustify-worker")
        ]
        assert len(maps) == 2
        assert maps[0][0] == maps[1][0]


def test_images_and_ports_when_compose_has_them() -> None:
    """They are the same, and the queue server is started alike, with a password besides."""
    service = compose()
    for overlay in OVERLAYS:
        for workload, spec, container in containers(f"overlays/{overlay}"):
            kind = workload.removeprefix("robustify-")
            image = container["image"].removesuffix(":latest")
            assert f":-{image}}}" in service["worker" if kind == "models" else kind]["image"], workload
            user = f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}"
            assert user in service["worker" if kind == "models" else kind]["user"], workload
    queue = of_kind(rendered("overlays/cpu"), "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]
    assert queue["command"] == [*service["queue"]["command"], "--requirepass", "$(QUEUE_PASSWORD)"]
    port = deployment("cpu", "api")["spec"]["template"]["spec"]["containers"][0]["ports"][0]
    assert service["api"]["ports"][0].endswith(f":{port['containerPort']}")
    assert Settings().port == port["containerPort"]


@pytest.mark.parametrize(("kind", "fewest"), [("api", 10), ("worker", 5)])
def test_settings_when_compose_has_others(kind: str, fewest: int) -> None:
    """API and workers of both have the same defaults wherever both name a setting."""
    given = {}
    for key, value in compose()[kind]["environment"].items():
        if found := re.fullmatch(r"\$\{\w+:-([^}]*)\}", str(value)):
            given[key] = found[1]
    container = deployment("cpu", kind)["spec"]["template"]["spec"]["containers"][0]
    ours = environment(rendered("overlays/cpu"), container)
    names = set(given) & set(ours) - {"ROBUSTIFY_REDIS_URL", "ROBUSTIFY_DEVICE", "ROBUSTIFY_ALLOWED_HOSTS"}
    assert len(names) > fewest
    assert {name: ours[name] for name in names} == {name: given[name] for name in names}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_when_they_are_asked(overlay: str) -> None:
    """They are routes that anybody may ask, by a name that the API has; workers are asked as in their image."""
    container = deployment(overlay, "api")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[name]["httpGet"]
        assert ("GET", asked["path"]) in PROBES
        assert asked["port"] in ports
        (host,) = [header["value"] for header in asked["httpHeaders"] if header["name"] == "Host"]
        assert AllowedHosts.of(Settings(host="0.0.0.0")).check([host])
    worker = deployment(overlay, "worker")["spec"]["template"]["spec"]["containers"][0]
    health = (ROOT / "docker" / "worker.Dockerfile").read_text(encoding="utf-8").split("HEALTHCHECK")[1]
    for name in ("startupProbe", "readinessProbe"):
        assert str(worker[name]["exec"]["command"]).replace("'", '"') in health
    assert "livenessProbe" not in worker


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_when_they_are_told_to_stop(overlay: str) -> None:
    """They have at least the time that Compose gives, and that the API takes."""
    worker, api = (deployment(overlay, name)["spec"]["template"]["spec"] for name in ("worker", "api"))
    assert f"{worker['terminationGracePeriodSeconds']}s" == compose()["worker"]["stop_grace_period"]
    pause = api["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert api["terminationGracePeriodSeconds"] >= pause + GRACE_SECONDS + CUT_OFF_SECONDS + 5


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_noise_key_when_pods_are_looked_at(overlay: str) -> None:
    """Workers have it, and no other pod: pictures are decoded in the API's."""
    having = {
        workload
        for workload, template in pods(rendered(f"overlays/{overlay}"))
        if "robustify-noise-key" in yaml.safe_dump(dict(template))
    }
    assert having == {"robustify-worker"}


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Any: as Kubernetes has it. Whether a selector of labels takes a pod."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_networks_when_a_pod_is_in_them(overlay: str) -> None:
    """Everything is shut for every pod, and opened where it is needed: nobody but API and workers reaches the queue."""
    objects = rendered(f"overlays/{overlay}")
    policies = [found["spec"] for found in of_kind(objects, "NetworkPolicy")]
    found = {name: template["metadata"]["labels"] for name, template in pods(objects)}
    for labels in found.values():
        shut = [policy for policy in policies if "ingress" not in policy and "egress" not in policy]
        assert any(selects(policy["podSelector"], labels) and len(policy["policyTypes"]) == 2 for policy in shut)
    sources = {
        (target, source)
        for target, labels in found.items()
        for policy in policies
        if selects(policy["podSelector"], labels)
        for rule in policy.get("ingress", ())
        for peer in rule["from"]
        for source, others in found.items()
        if "podSelector" in peer and selects(peer["podSelector"], others)
    }
    queue = {("robustify-queue", "robustify-api"), ("robustify-queue", "robustify-worker")}
    assert sources == (set() if overlay == "hosts" else queue)
    assert all(rule["ports"] for policy in policies for rule in (*policy.get("ingress", ()), *policy.get("egress", ())))
    blocks = [
        peer["ipBlock"]
        for policy in policies
        for rule in policy.get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert all("169.254.0.0/16" in block["except"] for block in blocks), "where clouds tell a machine its credentials"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_claims_when_pods_mount_them(overlay: str) -> None:
    """Each is one of the same overlay; without a shared disk there is none."""
    objects = rendered(f"overlays/{overlay}")
    mounted = {
        volume["persistentVolumeClaim"]["claimName"]
        for _, template in pods(objects)
        for volume in template["spec"].get("volumes", ())
        if "persistentVolumeClaim" in volume
    }
    assert mounted == {claim["metadata"]["name"] for claim in of_kind(objects, "PersistentVolumeClaim")}
    assert (overlay == "hosts") == (mounted == set())


@pytest.mark.parametrize("overlay", ["gpu", "hosts"])
def test_scaled_object_when_it_asks_for_the_backlog(overlay: str) -> None:
    """It names a figure that there is, the profile that is served, and a Deployment whose number is its own to set."""
    objects = rendered(f"overlays/{overlay}")
    scaled = of_kind(objects, "ScaledObject")[0]["spec"]
    query = scaled["triggers"][0]["metadata"]["query"]
    assert backlog_family((), {}).name in query
    profile = environment(objects, deployment(overlay, "worker")["spec"]["template"]["spec"]["containers"][0])
    assert f'profile="{profile["ROBUSTIFY_PROFILE"]}"' in query
    assert "replicas" not in deployment(overlay, scaled["scaleTargetRef"]["name"].removeprefix("robustify-"))["spec"]
    assert scaled["minReplicaCount"] == 0
    assert scaled["fallback"]["replicas"] > 0
    assert scaled["triggers"][0]["metadata"]["ignoreNullValues"] == "false"


def test_gpu_when_a_worker_has_one() -> None:
    """Each worker has one of its own, and computes on it."""
    container = deployment("gpu", "worker")["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert environment(rendered("overlays/gpu"), container)["ROBUSTIFY_DEVICE"] == "cuda"


def test_evaluation_when_a_pod_has_an_index() -> None:
    """The pods together have all parts, each once."""
    job = of_kind(rendered("evaluation"), "Job")[0]["spec"]
    shell, flag, script = job["template"]["spec"]["containers"][0]["command"]
    parts = []
    for index in range(job["completions"]):
        shown = script.replace("exec robustify", "printf '%s\\n'")
        said = subprocess.run(
            [shell, flag, shown], env={"JOB_COMPLETION_INDEX": str(index)}, capture_output=True, text=True, check=True
        ).stdout.split()
        parts.append(part_of(said[said.index("--part") + 1]))
    assert parts == [Part(number, job["completions"]) for number in range(1, job["completions"] + 1)]
    assert job["completionMode"] == "Indexed"


def test_document_when_it_names_what_is_made_by_hand() -> None:
    """docs/kubernetes.md makes every secret and every map that pods need and no manifest has."""
    document = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    for name in OVERLAYS:
        maps = {found["metadata"]["name"] for found in of_kind(rendered(f"overlays/{name}"), "ConfigMap")}
        text = yaml.safe_dump_all([dict(found) for found in rendered(f"overlays/{name}")])
        wanted = set(re.findall(r"(?:secretName|secretRef:\n\s+name|secretKeyRef:\n\s+key: \S+\n\s+name): (\S+)", text))
        wanted |= set(re.findall(r"configMap:\n\s+name: (\S+)", text)) - maps
        assert wanted
        for secret in wanted - {"robustify-hub"}:
            assert re.search(rf"create (?:secret generic|configmap) {secret}\b", document), secret


def test_folders_when_the_document_lists_them() -> None:
    """Each folder of manifests has a line in docs/kubernetes.md."""
    document = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    folders = {path.parent.relative_to(KUBERNETES).as_posix() for path in KUBERNETES.rglob("kustomization.yaml")}
    listed = set(re.findall(r"^\| `([\w/]+)/` \|", document, re.MULTILINE))
    assert folders - {"namespace"} == listed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "place", "value", "said"),
    [
        ("cpu", "Deployment", "spec.template.spec.containers.0.imagePulPolicy", "Always", "Kubernetes 1.30"),
        ("cpu", "Deployment", "spec.replicas", "two", "Kubernetes 1.34"),
        ("cpu", "NetworkPolicy", "apiVersion", "networking.k8s.io/v9", "Kubernetes 1.30"),
        ("gpu", "ScaledObject", "spec.maxReplicas", 4, "KEDA: .spec.maxReplicas is not known"),
        ("gpu", "ScaledObject", "spec.scaleTargetRef", {}, "KEDA: spec.scaleTargetRef.name: "),
    ],
)
def test_lint_when_a_manifest_is_wrong(name: str, kind: str, place: str, value: object, said: str) -> None:
    """It names the object and the field, and fails; so does a folder without any object."""
    document = yaml.safe_load(yaml.safe_dump(dict(of_kind(rendered(f"overlays/{name}"), kind)[0])))
    assert lint(document).returncode == 0
    *path, last = place.split(".")
    found = document
    for step in path:
        found = found[int(step) if step.isdecimal() else step]
    found[last] = value
    ended = lint(document)
    assert ended.returncode == 1
    assert said in ended.stdout
    assert f"folder: {kind} {document['metadata']['name']}" in ended.stdout


@pytest.mark.slow
def test_lint_when_nothing_was_rendered() -> None:
    """That is no success."""
    assert lint().returncode == 1


def lint(*documents: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / "manifests.py"), "folder", "1.30", "1.34"]
    return subprocess.run(command, input=yaml.safe_dump_all(documents), capture_output=True, text=True, timeout=60)
