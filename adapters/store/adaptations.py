"""What adaptations made: folders that are named by the digest of what decides f, and never change.

Models are read from files, so that there is always a folder on this machine. Where adaptations are stored elsewhere,
the folder has copies, of which only what is asked for is fetched.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from adapters.canonical_json import json_digest
from adapters.contract.exchange import LoraOrigin
from adapters.contract.results import Figures
from adapters.durable_files import TEMPORARY_PREFIX, locked, sync, write_durably, write_whole
from adapters.store.disk_cache import DiskCache
from adapters.store.objects import Objects
from robustify.errors import StoredTaskError

NAME = re.compile(r"[0-9a-f]{64}")
MANIFEST = "manifest.json"
LORA, PROMPT, CLASSIFIER = "lora.safetensors", "prompt.safetensors", "classifier.safetensors"
FUNCTION_FILES = (LORA, PROMPT, CLASSIFIER)
"""The change of the denoiser, the rows of its prompt, the change of the classifier; each may be missing."""
REPORT, CONTACT_SHEET, DENOISED_SHEET = "report.json", "references.png", "denoised.png"
PICTURES = (CONTACT_SHEET, DENOISED_SHEET)
REFERENCES = "references"
MISSING = "what was adapted to this task is missing or damaged: adapt it again"
DAMAGED = "what was adapted to this task is damaged: adapt it again"


class StoredReference(BaseModel):
    """What a reference image shows, how it was drawn, whether it was held back, and its file."""

    file: str
    label: str
    index: int
    shot: int
    seed: int
    prompt: str
    held_back: bool


class Manifest(BaseModel):
    """`function`: the digest of the models, and of each file that decides f; `files`: that of each other file."""

    function: Mapping[str, str | None]
    files: Mapping[str, str] = {}
    """Of releases that did not write it down, empty."""
    labels: tuple[str, ...] = ()
    references: tuple[StoredReference, ...] = ()
    figures: Figures | None = None
    origin: LoraOrigin | None = None
    """Of a LoRA that somebody else trained."""
    prompt: str | None = None


@dataclass(frozen=True)
class StoredAdaptation:
    """A folder with its manifest: `models` is the digest of the models that it changes."""

    digest: str
    folder: Path
    manifest: Manifest
    elsewhere: "Objects | None" = field(default=None, compare=False)
    """What the folder has copies of; None where it has all."""

    @property
    def models(self) -> str:
        return str(self.manifest.function["models"])

    @property
    def figures(self) -> Figures | None:
        """What it brought on held-back references."""
        return self.manifest.figures

    def file(self, name: str) -> Path | None:
        """A file's path; None when the adaptation has none of that name. Raises StoredTaskError as `fetch`."""
        path = self.folder / name
        if not path.is_file() and self.elsewhere is not None:
            fetch(self.elsewhere, name, path, self._digest_of(name))
        return path if path.is_file() else None

    def complete(self) -> Path:
        """The folder with all files. Raises StoredTaskError as `fetch`."""
        for entry in () if self.elsewhere is None else self.elsewhere.entries():
            self.file(entry.name)
        return self.folder

    @property
    def references(self) -> Sequence[StoredReference]:
        return self.manifest.references

    def _digest_of(self, name: str) -> str | None:
        return self.manifest.function.get(name) if name in FUNCTION_FILES else self.manifest.files.get(name)


class AdaptationStore:
    """A folder of adaptations. `elsewhere`: where they are stored, if the folder is only a cache of them."""

    def __init__(self, root: Path, elsewhere: Objects | None = None, cache: DiskCache | None = None) -> None:
        self._root, self._elsewhere, self._cache = root, elsewhere, cache

    def add(self, made: Path, models: str, about: Mapping[str, object]) -> StoredAdaptation:
        """Copies what lies in `made` into the store and returns it; what is there already stays, unless it is damaged.

        The digest covers the models and the files that decide f; `about` is written beside it for people.
        """
        function = function_of(made, models)
        digest = json_digest(function)
        with locked(self._root):
            if not self._is_stored(digest):
                self.delete(digest)
                self._place(made, digest, {**about, "files": files_of(made), "function": function})
                self._send(digest)
            return self.get(digest)

    def get(self, digest: str) -> StoredAdaptation:
        """Raises StoredTaskError when it is missing, or when a file that decides f is not the one of its digest."""
        if self._elsewhere is None:
            return self._checked(digest)
        try:
            return self._checked(digest)
        except StoredTaskError:
            self._fetch(digest, FUNCTION_FILES)
        return self._checked(digest)

    def about(self, digest: str) -> StoredAdaptation:
        """The same for who reads no weights: where they are stored elsewhere, they are not fetched."""
        if self._elsewhere is None:
            return self.get(digest)
        try:
            return self._known(digest)
        except StoredTaskError:
            self._fetch(digest, ())
        return self._known(digest)

    def delete(self, digest: str) -> None:
        """Takes it out of sight at once, then removes it."""
        if self._elsewhere is not None:
            self._elsewhere.remove(f"{digest}/{MANIFEST}")
            for entry in self._elsewhere.below(digest).entries():
                self._elsewhere.remove(f"{digest}/{entry.name}")
        self._delete_here(digest)

    def _delete_here(self, digest: str) -> None:
        folder = self._root / digest
        if folder.is_dir():
            gone = tempfile.mkdtemp(dir=self._root, prefix=TEMPORARY_PREFIX)
            with suppress(FileNotFoundError):  # Another process was first.
                os.rename(folder, Path(gone) / digest)
            shutil.rmtree(gone, ignore_errors=True)

    def _is_stored(self, digest: str) -> bool:
        """Whole and undamaged."""
        if self._elsewhere is not None and self._elsewhere.read(f"{digest}/{MANIFEST}") is None:
            return False
        try:
            self.get(digest)
        except StoredTaskError:
            return False
        return True

    def _known(self, digest: str) -> StoredAdaptation:
        if not NAME.fullmatch(digest):
            raise StoredTaskError("an adaptation is named by its sha256: 64 hexadecimal digits")
        folder = self._root / digest
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
            function = {"models": manifest.function["models"], **manifest.function}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoredTaskError(MISSING) from error
        if json_digest(function) != digest:
            raise StoredTaskError(DAMAGED)
        return StoredAdaptation(digest, folder, manifest, self._elsewhere and self._elsewhere.below(digest))

    def _checked(self, digest: str) -> StoredAdaptation:
        found = self._known(digest)
        try:
            function = function_of(found.folder, found.models)
        except OSError as error:
            raise StoredTaskError(MISSING) from error
        if json_digest(function) != digest:
            raise StoredTaskError(DAMAGED)
        if self._elsewhere is not None:
            with suppress(OSError):
                os.utime(found.folder)  # It counts as used now.
        return found

    def _fetch(self, digest: str, names: Sequence[str]) -> None:
        """Makes a copy of the manifest and of these files, in place of one that is missing or damaged."""
        if self._elsewhere is None or not NAME.fullmatch(digest):
            raise StoredTaskError("an adaptation is named by its sha256: 64 hexadecimal digits")
        self._root.mkdir(parents=True, exist_ok=True)
        origin, partial = self._elsewhere.below(digest), Path(tempfile.mkdtemp(dir=self._root, prefix=TEMPORARY_PREFIX))
        try:
            for name in (MANIFEST, *names):
                fetch(origin, name, partial / digest / name)
            if not (partial / digest).is_dir():
                raise StoredTaskError(MISSING)
            self._delete_here(digest)
            size = sum(path.stat().st_size for path in (partial / digest).iterdir())
            with suppress(FileExistsError, OSError):  # Another process was first.
                os.rename(partial / digest, self._root / digest)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        if self._cache is not None:
            self._cache.note_added(size)

    def _send(self, digest: str) -> None:
        """Stores what is here elsewhere: the manifest last, without which nothing is there."""
        if self._elsewhere is None:
            return
        folder = self._root / digest
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        for name in sorted(names, key=lambda name: (name == MANIFEST, name)):
            self._elsewhere.write(f"{digest}/{name}", (folder / name).read_bytes())
        if self._cache is not None:
            self._cache.note_added(sum((folder / name).stat().st_size for name in names))

    def _place(self, made: Path, digest: str, manifest: Mapping[str, object]) -> None:
        partial = Path(tempfile.mkdtemp(dir=self._root, prefix=TEMPORARY_PREFIX))
        try:
            copy_folder(made, partial / digest)
            text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
            write_durably(partial / digest / MANIFEST, text.encode())
            for path in (partial / digest).rglob("*"):
                sync(path)
            os.rename(partial / digest, self._root / digest)
            sync(self._root)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def fetch(elsewhere: Objects, name: str, path: Path, sha256: str | None = None) -> None:
    """Copies a file of an adaptation, if it has one of that name. Raises StoredTaskError where it is another's."""
    content = elsewhere.read(name)
    if content is None:
        return
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise StoredTaskError(f"{name} of what was adapted to this task is damaged in the store: adapt it again")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def copy_folder(source: Path, target: Path) -> None:
    """All that was written whole; raises the OSError itself, of which `shutil.copytree` keeps the text only."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            copy_folder(path, target / path.name)
        elif not path.name.startswith(TEMPORARY_PREFIX):
            shutil.copyfile(path, target / path.name)


def function_of(folder: Path, models: str | None) -> Mapping[str, str | None]:
    """What the digest of an adaptation is over: the digest of the models, and of each file that decides f."""
    return {"models": models, **{name: file_digest(folder / name) for name in FUNCTION_FILES}}


def files_of(folder: Path) -> Mapping[str, str]:
    """The digests of all other files, which are for people."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(TEMPORARY_PREFIX))
    names = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        name: str(file_digest(path)) for name, path in sorted(names.items()) if name not in (*FUNCTION_FILES, MANIFEST)
    }


def file_digest(path: Path) -> str | None:
    """The sha256 of a file; None when there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
