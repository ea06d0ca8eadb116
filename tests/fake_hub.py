"""As much of the model hub as its client needs to list and download a repository; served on this machine."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from tests.threaded_server import ThreadedServer

COMMIT = "c0ffee" + "0" * 34
LARGE_BYTES = 100_000
"""From here on a file is one of the large ones, whose sha256 the hub tells."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator["FakeHub"]:
    """The bundled models under the names of the paper's: they are of the same layout."""
    denoiser, clip, generator = (source.repo for source in find_profile("deepfloyd").sources)
    with FakeHub(tmp_path / "hub") as server:
        for repo, name in ((denoiser, "denoiser"), (clip, "clip"), (generator, "generator")):
            server.add(repo, BUNDLED / name)
        yield server


class FakeHub(ThreadedServer):
    """Repositories {name: folder} at one commit each."""

    def __init__(self, root: Path) -> None:
        super().__init__(Handler)
        self.root = root
        self.refusal: tuple[int, str] | None = None
        self.cut_after: int | None = None
        self.lies = False
        self.sent: dict[str, int] = {}
        self.ranges: list[str] = []

    def add(self, repo: str, folder: Path, place: str = "") -> None:
        """A copy of the folder becomes the repository, or a folder of it."""
        shutil.copytree(folder, self.root / repo / place, dirs_exist_ok=True)


class Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        if self.server.refusal is not None:
            status, code = self.server.refusal
            self.answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})
        elif path.startswith("api/models/"):
            self.list(path.removeprefix("api/models/"))
        else:
            repo, _, rest = path.partition("/resolve/")
            commit, _, name = rest.partition("/")
            self.send_file(self.server.root / repo / name, commit)

    def list(self, path: str) -> None:
        repo, _, revision = path.partition("/revision/")
        folder = self.server.root / repo
        if not folder.is_dir():
            return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if revision not in ("", "main", COMMIT):
            return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        siblings = [self.sibling(folder, path) for path in files]
        document = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
        self.answer(200, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def sibling(self, folder: Path, path: Path) -> dict[str, Any]:
        described: dict[str, Any] = {"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size}
        if path.stat().st_size >= LARGE_BYTES:
            described["lfs"] = {"sha256": sha256(path), "size": path.stat().st_size, "pointerSize": 134}
        return described

    def send_file(self, path: Path, commit: str) -> None:
        if commit != COMMIT or not path.is_file():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        content, start = path.read_bytes(), 0
        if self.server.lies and len(content) >= LARGE_BYTES:
            content = bytes(len(content))
        if self.command == "GET" and (wanted := self.headers["Range"]):
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            self.server.ranges.append(wanted)
        headers = {"ETag": f'"{sha256(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.command == "GET":
            # Before the answer: who has the last byte may look at once.
            self.server.sent[path.name] = self.server.sent.get(path.name, 0) + len(content) - start
        self.answer(206 if start else 200, content[start:], headers)

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            cut = self.server.cut_after
            if cut is not None and len(content) > cut:
                self.wfile.write(content[:cut])
                self.wfile.flush()
                # What follows would be refused too: the client is to see a hub that has gone.
                self.server.refusal = (503, "")
                self.close_connection = True
            else:
                self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
