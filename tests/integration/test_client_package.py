"""The client as others install it: a wheel without torch, whose shared modules are the repository's."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from robustify_client import Client
from tests.integration.conftest import FreePort
from tests.running_instance import running

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns("*.safetensors", "__pycache__", "build", "*.egg-info")
MOVED = re.compile(r"\brobustify_client\.shared\.(?=adapters|robustify)")
UNMOVED = re.compile(r"^\s*(from|import) (adapters|robustify)[. ]", re.MULTILINE)
NO_NETWORK = re.compile("NewConnectionError|Could not find a version|name resolution|ConnectTimeout|ProxyError")
HEAVY = ("torch", "diffusers", "transformers", "fastapi", "redis", "adapters", "robustify", "service", "workers")
URL = "http://127.0.0.1:8000"
HORSE = BUNDLED / "examples" / "horse.png"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel is made of, in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("client", "adapters", "robustify"):
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the setuptools that is here."""
    folder = tmp_path_factory.mktemp("wheels")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    run([sys.executable, "-m", "pip", "wheel", *options, checkout / "client"])
    (built,) = folder.glob("robustify_client-*.whl")
    return built


def run(command: list[object], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done


def test_wheel_and_repository(wheel: Path) -> None:
    """Every file of the wheel is one of the repository, but for where shared modules are imported from."""
    with ZipFile(wheel) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    shared = {
        name.removeprefix("robustify_client/shared/"): text for name, text in sources.items() if "/shared/" in name
    }
    assert shared.pop("__init__.py")
    own = {f"client/{name}": text for name, text in sources.items() if "/shared/" not in name}
    assert {"adapters/certificates/checks.py", "robustify/smoothing/claims.py"} <= shared.keys()
    for name, text in (shared | own).items():
        assert MOVED.sub("", text) == (ROOT / name).read_text(encoding="utf-8"), name
    assert not [name for name, text in sources.items() if UNMOVED.search(text)]


def test_wheel_by_itself(wheel: Path, tmp_path: Path) -> None:
    """Of the wheel alone a certificate can be checked, and nothing heavy or of the repository is loaded for it."""
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = f"""
import sys
sys.path[:] = [{str(tmp_path)!r}, *(path for path in sys.path if path != {str(ROOT)!r})]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
import robustify_client
assert robustify_client.__file__.startswith({str(tmp_path)!r}), robustify_client.__file__
print(robustify_client.verify(b"{{}}").verdict)
print(*(name for name in {HEAVY} if name in sys.modules))
"""
    done = run([sys.executable, "-c", code], tmp_path)
    assert done.stdout.splitlines() == ["not valid", ""]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, free_port: FreePort) -> Iterator[str]:
    """The address of a service of the bundled models."""
    settings = Settings(
        profile="mini",
        state_dir=tmp_path_factory.mktemp("state"),
        port=free_port(),
        redis_url=None,
        log_level="WARNING",
    )
    with running(settings) as client:
        yield str(client.base_url)


def test_fresh_environment(checkout: Path, service: str, tmp_path: Path) -> None:
    """`pip install ./client` and the lines of its README: no torch comes along."""
    python = tmp_path / "venv" / "bin" / "python"
    run([sys.executable, "-m", "venv", tmp_path / "venv"])
    options = ["--disable-pip-version-check", "--quiet", "--retries", "1", "--constraint", ROOT / "requirements.lock"]
    install = [python, "-m", "pip", "install", *options, checkout / "client"]
    installed = subprocess.run([*map(str, install)], capture_output=True, text=True, timeout=500)
    if installed.returncode and NO_NETWORK.search(installed.stderr):
        pytest.skip("no package index can be reached")
    assert installed.returncode == 0, installed.stderr
    shutil.copy(HORSE, tmp_path / "horse.png")
    assert run([python, "-c", lines_of_readme(service)], tmp_path).stdout.strip() == "horse"
    listed = run([python, "-m", "pip", "list", "--disable-pip-version-check", "--format=freeze"]).stdout.lower()
    assert "robustify-client==" in listed
    assert not re.search("^(torch|numpy|scipy|pillow|robustify)==", listed, re.MULTILINE)


def lines_of_readme(url: str) -> str:
    """Its Python, with the address of another service."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / "client" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    return str(found[0]).replace(URL, url)


def test_documents(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of Python of docs/client.md runs, one after the other."""
    for label in ("horse", "ship"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        shutil.copy(HORSE, tmp_path / "pictures" / label)
    shutil.copy(HORSE, tmp_path)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) > 5
    run_cells(blocks, service)


def test_notebook(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of docs/client.ipynb runs, one after the other; none was saved with what it printed."""
    notebook = json.loads((ROOT / "docs" / "client.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[] for _ in cells]
    shutil.copy(HORSE, tmp_path)
    monkeypatch.chdir(tmp_path)
    run_cells(["".join(cell["source"]) for cell in cells], service)


def run_cells(cells: list[str], service: str) -> None:
    """Runs Python of a document, with the address of another service; its clients are closed, which nobody writes."""
    names: dict[str, object] = {}
    try:
        for number, cell in enumerate(cells):
            exec(compile(cell.replace(URL, service.rstrip("/")), f"block {number}", "exec"), names)
    finally:
        for value in names.values():
            if isinstance(value, Client):
                value.close()
