"""The manifest of a folder of models: every file with its sha256, and what is wrong with the files."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from adapters.durable_files import write_durably
from robustify.errors import ModelFilesError

MANIFEST = "manifest.json"
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
CHUNK = 1 << 22

OnBytes = Callable[[int], None]
"""Called with the number of bytes that were read."""


def read_manifest(folder: Path) -> dict[str, str]:
    """{name: sha256}. Raises ModelFilesError when it is missing, damaged, or lists what is never loaded."""
    try:
        manifest: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names = list(manifest)
    except (OSError, ValueError, TypeError) as error:
        raise ModelFilesError("the manifest of the models is missing or damaged: restore the models") from error
    check_names(names)
    return manifest


def check_names(names: list[str]) -> None:
    """Refuses pickles, which may run code, and names outside the folder."""
    for name in names:
        if is_pickle(name):
            raise ModelFilesError(f"model file {name} is a pickle: only safetensors are loaded")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ModelFilesError(f"model file {name} lies outside the folder of the models: restore the models")


def is_pickle(name: str) -> bool:
    return name.lower().endswith(PICKLES)


def write_manifest(folder: Path, manifest: Mapping[str, str]) -> None:
    content = json.dumps(dict(sorted(manifest.items())), indent=1) + "\n"
    write_durably(folder / MANIFEST, content.encode())


def verify_manifest(folder: Path) -> None:
    """Every file of the manifest must be there, unchanged, and no other beside them.

    A loader that finds an index or a tokenizer file that is not listed may load other weights than those checked.
    """
    for finding in findings(folder):
        raise ModelFilesError(finding)


def findings(folder: Path, on_bytes: OnBytes = lambda count: None) -> Iterator[str]:
    """One sentence for each file that is missing, changed, or not listed; what takes no reading comes first."""
    yield from quick_findings(folder)
    manifest = read_manifest(folder)
    for name in sorted(name for name in manifest if (folder / name).is_file()):
        if sha256_of(folder / name, on_bytes) != manifest[name]:
            yield f"model file {name} is not the one of the manifest: restore the weights"


def quick_findings(folder: Path) -> Iterator[str]:
    """What is wrong as far as no file has to be read."""
    manifest = read_manifest(folder)
    for name in surplus(folder, manifest):
        yield f"model file {name} is not in the manifest: remove it"
    for name in sorted(manifest):
        if not (folder / name).is_file():
            yield f"model file {name} is missing: restore the weights"


def surplus(folder: Path, manifest: Mapping[str, str]) -> list[str]:
    """Files of the models that the manifest does not list."""
    models = {name.partition("/")[0] for name in manifest}
    paths = (path for model in models for path in (folder / model).rglob("*") if path.is_file())
    return sorted({path.relative_to(folder).as_posix() for path in paths} - manifest.keys())


def bytes_of(folder: Path) -> int:
    """How much there is to read for `findings`."""
    paths = [folder / name for name in read_manifest(folder)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def sha256_of(path: Path, on_bytes: OnBytes = lambda count: None) -> str:
    """Of a file that may be larger than the memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()
