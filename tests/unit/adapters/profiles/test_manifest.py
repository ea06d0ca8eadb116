import json
from pathlib import Path

import pytest

from adapters.profiles.manifest import bytes_of, findings, read_manifest, sha256_of, verify_manifest, write_manifest
from robustify.errors import ModelFilesError

FILES = {"clip/model.safetensors": b"weights", "unet/config.json": b"{}", "unet/model.safetensors": b"more"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    write_manifest(tmp_path, {name: sha256_of(tmp_path / name) for name in FILES})
    return tmp_path


def test_findings_when_the_files_are_whole(folder: Path) -> None:
    """Nothing, and every byte was read."""
    read: list[int] = []
    assert list(findings(folder, read.append)) == []
    assert sum(read) == bytes_of(folder) == sum(map(len, FILES.values()))
    verify_manifest(folder)


def test_findings_when_there_are_several(folder: Path) -> None:
    """Each file that is damaged, missing or not listed is named."""
    (folder / "unet" / "extra.bin").touch()
    (folder / "unet" / "config.json").unlink()
    (folder / "clip" / "model.safetensors").write_bytes(b"weighty")
    assert [finding.split()[2:6] for finding in findings(folder)] == [
        ["unet/extra.bin", "is", "not", "in"],
        ["unet/config.json", "is", "missing:", "restore"],
        ["clip/model.safetensors", "is", "not", "the"],
    ]
    with pytest.raises(ModelFilesError, match="extra"):
        verify_manifest(folder)


@pytest.mark.parametrize("name", ["unet/model.bin", "unet/model.PTH", "../model.safetensors", "/model.safetensors"])
def test_manifest_that_lists_what_is_never_loaded(folder: Path, name: str) -> None:
    """A pickle, or a file elsewhere, is refused unread."""
    write_manifest(folder, {name: "0" * 64})
    with pytest.raises(ModelFilesError, match="pickle|outside"):
        read_manifest(folder)


@pytest.mark.parametrize("content", [b"", b"[", b"3", json.dumps(None).encode()])
def test_manifest_that_is_damaged(folder: Path, content: bytes) -> None:
    """ModelFilesError."""
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelFilesError, match="missing or damaged"):
        read_manifest(folder)
