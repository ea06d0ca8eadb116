"""Files of tensors from elsewhere, good and bad."""

import logging
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.models.denoisers.tensor_files import read_tensors
from robustify.errors import ModelFilesError

ONES = {"a": torch.ones(2)}


class Code:
    """What a pickle of it would run."""


def digest_of(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_safetensors(tmp_path: Path) -> None:
    """They are read without a digest, and with theirs; another digest is refused."""
    path = tmp_path / "model.safetensors"
    save_file(ONES, path)
    for digest in (None, digest_of(path)):
        torch.testing.assert_close(read_tensors(path, digest), ONES, rtol=0, atol=0)
    with pytest.raises(ModelFilesError, match="another sha256"):
        read_tensors(path, "0" * 64)


def test_pickle_with_its_digest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is read, after a warning that names the file and its digest."""
    path = tmp_path / "model.pth"
    torch.save(ONES, path)
    with caplog.at_level(logging.WARNING):
        torch.testing.assert_close(read_tensors(path, digest_of(path)), ONES, rtol=0, atol=0)

    assert "model.pth" in caplog.text
    assert digest_of(path) in caplog.text


def test_pickle_without_a_digest(tmp_path: Path) -> None:
    """It is refused unread."""
    path = tmp_path / "model.pth"
    torch.save(ONES, path)
    with pytest.raises(ModelFilesError, match="give its sha256"):
        read_tensors(path, None)


def test_pickle_that_holds_more_than_tensors(tmp_path: Path) -> None:
    """No code of it runs: it is refused, whatever its digest."""
    path = tmp_path / "model.pth"
    torch.save({"a": Code()}, path)
    with pytest.raises(ModelFilesError, match="more than tensors"):
        read_tensors(path, digest_of(path))


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """One that is missing, one that is damaged and one that holds a single tensor are refused."""
    with pytest.raises(ModelFilesError, match=r"model\.pth is missing"):
        read_tensors(tmp_path / "model.pth", None)
    for name in ("damaged.safetensors", "damaged.pt"):
        path = tmp_path / name
        path.write_bytes(b"no tensors at all")
        with pytest.raises(ModelFilesError, match="damaged"):
            read_tensors(path, digest_of(path))
    torch.save(torch.ones(2), tmp_path / "one.pt")
    with pytest.raises(ModelFilesError, match="no state dict"):
        read_tensors(tmp_path / "one.pt", digest_of(tmp_path / "one.pt"))
