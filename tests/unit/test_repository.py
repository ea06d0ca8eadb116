"""The repository keeps what it says of itself: packages, file map, settings, glossary, decisions, versions."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from adapters.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("robustify", "adapters", "workers", "service")
FOLDERS = (*PACKAGES, "client/robustify_client")
MODEL_LIBRARIES = ("torch", "torchvision", "diffusers", "transformers", "open_clip", "timm")
GLOSSARY_WORDS = (
    "task", "job", "shard", "sample", "vote", "batch", "profile", "fingerprint", "certificate", "abstain", "rule",
    "tally", "claim", "verdict",
)  # fmt: skip
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def modules_on_disk() -> set[str]:
    """Every module that has something in it."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix() for path in paths if path.stat().st_size}


def modules_in_the_map() -> list[str]:
    """Every module that a table of docs/map.md names, under the folder of its heading."""
    modules, folder = [], ""
    for line in read("docs/map.md").splitlines():
        if head := re.match(r"## `(\S+/)`", line):
            folder = head[1]
        elif entry := re.match(r"\| `(\S+\.py)` \| \S", line):
            modules.append(folder + entry[1])
    return modules


def run_python(code: str, folder: Path) -> str:
    """What a fresh interpreter prints that sees the installed packages and nothing of its working folder."""
    command = [sys.executable, "-I", "-c", code]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def printed(default: object) -> str:
    return "not set" if default is None else str(default)


def test_package_names_when_looked_up_from_another_folder(tmp_path):
    """The four names resolve inside this repository, whatever else is installed under such common names."""
    code = f"import importlib.util as u; print(*(u.find_spec(name).origin for name in {PACKAGES}), sep='\\n')"
    origins = run_python(code, tmp_path).split()
    assert [Path(origin).resolve() for origin in origins] == [ROOT / name / "__init__.py" for name in PACKAGES]


@pytest.mark.slow
def test_service_when_all_of_it_is_imported(tmp_path):
    """No module of the front end loads a model library."""
    names = sorted(name[:-3].replace("/", ".") for name in modules_on_disk() if name.startswith("service/"))
    loading = "; ".join(f"import {name.removesuffix('.__init__')}" for name in names if not name.endswith("__main__"))
    code = f"import sys; {loading or 'pass'}; print(*(name for name in {MODEL_LIBRARIES} if name in sys.modules))"
    assert run_python(code, tmp_path).split() == []


@pytest.mark.slow
def test_service_group_when_the_service_imports_a_package():
    """The packages of the service's image are project requirements, and are what its modules name, but for three.

    uvicorn runs it; FastAPI reads forms with python-multipart, and Swagger UI comes from fastapi-offline.
    """
    distributions = packages_distributions()
    names = {name for path in modules_of_the_service() for name in imported(path)}
    wanted = {distributions[name][0].lower().replace("_", "-") for name in names if name in distributions}
    group = {Requirement(line).name for line in project()["dependency-groups"]["service"]}
    assert group == (wanted | {"uvicorn", "python-multipart", "fastapi-offline"}) - {"robustify", "pydantic-core"}
    required = {Requirement(line).name for line in project()["project"]["dependencies"]}
    assert group - required == set()


LATER = ("adapters.store.connecting", "adapters.store.object_store")
"""Imported only where the settings name an object store."""


def modules_of_the_service() -> list[Path]:
    """The files of ours that a process has in memory once it has imported all of the front end."""
    names = [name[:-3].replace("/", ".") for name in modules_on_disk() if name.startswith("service/")]
    code = f"""import importlib, sys
sys.path.insert(0, {str(ROOT)!r})
for name in {[*names, *LATER]}: importlib.import_module(name)
ours = [module for name, module in sys.modules.items() if name.split(".")[0] in {PACKAGES}]
print(*(module.__file__ for module in ours), sep="\\n")"""
    return [Path(line) for line in run_python(code, ROOT).splitlines()]


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_method_when_it_imports_something():
    """The method knows no vendor and no transport: numbers, tensors, a cipher and the standard library are its own."""
    paths = [path for path in (ROOT / "robustify").rglob("*.py")]
    names = {name for path in paths for name in imported(path)}
    assert names - sys.stdlib_module_names == {"robustify", "numpy", "scipy", "torch", "cryptography"}


def test_map_when_modules_come_and_go():
    """docs/map.md names every module of the four packages and of the client once, and none that is gone."""
    on_disk, in_map = modules_on_disk(), modules_in_the_map()
    assert sorted(on_disk - set(in_map)) == [], "missing in docs/map.md"
    assert sorted(set(in_map) - on_disk) == [], "in docs/map.md, but gone"
    assert len(in_map) == len(set(in_map)), "named twice in docs/map.md"


def test_readme_when_it_names_make_targets():
    """Every `make` command of the README exists."""
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", read("README.md"), re.MULTILINE))
    assert {first or second for first, second in named} - targets == set()


def test_readme_when_it_grows():
    """It can be read in five minutes: the map and the rest are pages of their own."""
    assert len(read("README.md").splitlines()) < 150


def test_configuration_when_settings_change():
    """docs/configuration.md has one row for every setting, with its environment variable and its default."""
    rows = re.findall(r"^\| `(ROBUSTIFY_\w+)` \| `?([^|`]*)`? \|", read("docs/configuration.md"), re.MULTILINE)
    settings = {f"ROBUSTIFY_{name.upper()}": printed(field.default) for name, field in Settings.model_fields.items()}
    assert {name: default.strip() for name, default in rows} == settings


@pytest.mark.parametrize("word", GLOSSARY_WORDS)
def test_glossary_when_the_project_uses_a_word(word):
    """Each of the project's words has an entry of its own."""
    assert re.search(rf"^\*\*{word}\*\*", read("docs/glossary.md"), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_when_a_document_points_to_a_file(document):
    """Every relative link leads to a file of the repository."""
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_when_a_document_names_a_file(document):
    """Every path of a module that a document names is there; what tells of the past may name what is gone."""
    folders = "|".join((*PACKAGES, "tests", "benchmarks", "docker", "examples"))
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", document.read_text(encoding="utf-8"))
    gone = [path for path in named if not (ROOT / path).exists()]
    assert gone == [] or document.name in ("CHANGELOG.md", "house.md")


def test_decisions_when_one_is_added():
    """Decisions are numbered without a gap and say context, decision, consequences and alternatives."""
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        headings = re.findall(r"^## (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], path.name


def test_changelog_when_the_version_is_raised():
    """The newest version of the changelog is the project's."""
    newest = re.search(r"^## \[(\d[^\]]*)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == project()["project"]["version"]


def test_project_when_somebody_tries_to_upload_it():
    """The classifier that makes package indexes refuse an upload is there."""
    assert "Private :: Do Not Upload" in project()["project"]["classifiers"]


def test_lock_when_a_requirement_changes():
    """Every requirement is pinned once, at a version within its bounds."""
    pins = re.findall(r"^([a-z0-9.-]+)==(\S+)", read("requirements.lock"), re.MULTILINE)
    versions = dict(pins)
    wanted = project()["project"]["dependencies"] + project()["project"]["optional-dependencies"]["dev"]
    assert len(pins) == len(versions)
    for requirement in map(Requirement, [*wanted, *project()["build-system"]["requires"]]):
        assert requirement.specifier.contains(versions[requirement.name.lower().replace("_", "-")]), requirement


def test_lock_when_it_is_made():
    """The lock file is pip's resolution without the project, CUDA's packages for Linux alone."""
    versions = {"Robustify": "0.1.0", "nvidia_cublas": "13.1", "PyYAML": "6.0"}
    report = {"install": [{"metadata": {"name": name, "version": version}} for name, version in versions.items()]}
    command = [sys.executable, str(ROOT / ".ci" / "lock.py")]
    output = subprocess.run(command, input=json.dumps(report), check=True, capture_output=True, text=True).stdout
    lines = [line for line in output.splitlines() if not line.startswith("#")]
    assert lines == ['nvidia-cublas==13.1 ; sys_platform == "linux"', "pyyaml==6.0"]
