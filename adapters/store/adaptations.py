"""What adaptations made, on disk: folders that are named by the digest of what decides f, and never change."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from adapters.canonical_json import json_digest
from adapters.contract.exchange import LoraOrigin
from adapters.contract.results import Figures
from adapters.durable_files import TEMPORARY_PREFIX, locked, sync, write_durably
from robustify.errors import StoredTaskError

NAME = re.compile(r"[0-9a-f]{64}")
MANIFEST = "manifest.json"
LORA, PROMPT, CLASSIFIER = "lora.safetensors", "prompt.safetensors", "classifier.safetensors"
FUNCTION_FILES = (LORA, PROMPT, CLASSIFIER)
"""The change of the denoiser, the rows of its prompt, the change of the classifier; each may be missing."""
REPORT, CONTACT_SHEET, DENOISED_SHEET = "report.json", "references.png", "denoised.png"
PICTURES = (CONTACT_SHEET, DENOISED_SHEET)
REFERENCES = "references"


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
    """`function`: the digest of the models, and of each file that decides f; the rest is for people."""

    function: Mapping[str, str | None]
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

    @property
    def models(self) -> str:
        return str(self.manifest.function["models"])

    @property
    def figures(self) -> Figures | None:
        """What it brought on held-back references."""
        return self.manifest.figures

    def file(self, name: str) -> Path | None:
        """A file's path; None when the adaptation has none of that name."""
        path = self.folder / name
        return path if path.is_file() else None

    @property
    def references(self) -> Sequence[StoredReference]:
        return self.manifest.references


class AdaptationStore:
    """A folder of adaptations."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, made: Path, models: str, about: Mapping[str, object]) -> StoredAdaptation:
        """Copies what lies in `made` into the store and returns it; what is there already stays, unless it is damaged.

        The digest covers the models and the files that decide f; `about` is written beside it for people.
        """
        function = function_of(made, models)
        digest = json_digest(function)
        with locked(self._root):
            try:
                return self.get(digest)
            except StoredTaskError:
                self.delete(digest)
            self._place(made, digest, {**about, "function": function})
            return self.get(digest)

    def get(self, digest: str) -> StoredAdaptation:
        """Raises StoredTaskError when it is missing, or when a file that decides f is not the one of its digest."""
        if not NAME.fullmatch(digest):
            raise StoredTaskError("an adaptation is named by its sha256: 64 hexadecimal digits")
        folder = self._root / digest
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
            function = function_of(folder, manifest.function["models"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoredTaskError("what was adapted to this task is missing or damaged: adapt it again") from error
        if json_digest(function) != digest:
            raise StoredTaskError("what was adapted to this task is damaged: adapt it again")
        return StoredAdaptation(digest, folder, manifest)

    def delete(self, digest: str) -> None:
        """Takes the folder out of sight at once, then removes it."""
        folder = self._root / digest
        if folder.is_dir():
            gone = tempfile.mkdtemp(dir=self._root, prefix=TEMPORARY_PREFIX)
            with suppress(FileNotFoundError):  # Another process was first.
                os.rename(folder, Path(gone) / digest)
            shutil.rmtree(gone, ignore_errors=True)

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


def file_digest(path: Path) -> str | None:
    """The sha256 of a file; None when there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
