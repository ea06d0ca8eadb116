"""A LoRA from the model hub: which file is taken, at which commit, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.contract.exchange import LoraRepository, WantedLora, is_repository
from adapters.hub.client import RemoteFile
from adapters.hub.lora import MOST_BYTES, FetchedLora, check_size, fetch_lora
from robustify.errors import HubError, InvalidInputError
from tests.fake_hub import COMMIT, FakeHub

REPO = "somebody/pets"
LARGE = b"tensors" * 20_000
"""So large that the hub tells its sha256."""


def published(hub: FakeHub, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = hub.root / REPO / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def fetched(hub: FakeHub, folder: Path, revision: str | None = None, file: str | None = None) -> FetchedLora:
    wanted = WantedLora(repo=REPO, revision=revision, file=file)
    return fetch_lora(wanted, folder, lambda done, total: None, hub.url)


@pytest.mark.parametrize(
    ("files", "file", "taken"),
    [
        (["mine.safetensors", "README.md"], None, "mine.safetensors"),
        (["last.safetensors", "checkpoint-500/last.safetensors"], None, "last.safetensors"),
        (["unet/mine.safetensors"], None, "unet/mine.safetensors"),
        (["a.safetensors", "b.safetensors", "old.bin"], "b.safetensors", "b.safetensors"),
    ],
)
def test_file_that_is_taken(hub: FakeHub, tmp_path: Path, files: list[str], file: str | None, taken: str) -> None:
    """The one that is named, or the only one, or that at the top; no other is downloaded. The commit is recorded."""
    published(hub, {name: LARGE + name.encode() for name in files})
    found = fetched(hub, tmp_path / "here", file=file)

    assert found.repository == LoraRepository(repo=REPO, revision=COMMIT, file=taken)
    assert found.path.read_bytes() == LARGE + taken.encode()
    assert [*hub.sent] == [Path(taken).name]


def test_config_beside_the_file(hub: FakeHub, tmp_path: Path) -> None:
    """It comes too, because the strength may stand there; one of another folder does not."""
    config = json.dumps({"r": 4, "lora_alpha": 8}).encode()
    published(hub, {"unet/a.safetensors": LARGE, "unet/adapter_config.json": config, "adapter_config.json": b"{}"})
    found = fetched(hub, tmp_path / "here", revision="main")

    assert found.path.with_name("adapter_config.json").read_bytes() == config
    assert not (tmp_path / "here" / "adapter_config.json").exists()


@pytest.mark.parametrize(
    ("files", "file", "message"),
    [
        (["pytorch_lora_weights.bin"], None, "as pickles do: convert them to safetensors"),
        (["unet/pets.pt"], None, "as pickles do: convert them to safetensors"),
        (["README.md"], None, "it is no LoRA"),
        (["a.safetensors", "b.safetensors"], None, "choose one with --file: a.safetensors; b.safetensors"),
        (["a/x.safetensors", "b/x.safetensors"], None, "choose one with --file"),
        (["a.safetensors", "a.bin"], "a.bin", "a.bin is no safetensors file"),
        (["a.safetensors"], "b.safetensors", "has no file b.safetensors"),
    ],
)
def test_repository_that_is_refused(
    hub: FakeHub, tmp_path: Path, files: list[str], file: str | None, message: str
) -> None:
    """One sentence says why, and nothing is downloaded."""
    published(hub, dict.fromkeys(files, LARGE))
    with pytest.raises(InvalidInputError, match=message):
        fetched(hub, tmp_path / "here", file=file)
    assert hub.sent == {}


def test_revision_that_is_not_there(hub: FakeHub, tmp_path: Path) -> None:
    """No other commit is taken in its place."""
    published(hub, {"a.safetensors": LARGE})
    with pytest.raises(HubError, match="no such revision"):
        fetched(hub, tmp_path, revision="v2")


def test_file_that_is_too_large() -> None:
    """Whole models are not downloaded to be refused then."""
    with pytest.raises(InvalidInputError, match="weights of a whole model"):
        check_size(RemoteFile("model.safetensors", MOST_BYTES + 1, None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("somebody/pets", True),
        ("some-body/pets_1.5", True),
        ("pets.safetensors", False),
        ("loras/pets.safetensors", False),
        ("loras/pets.bin", False),
        ("a/b/c", False),
        ("/tmp/pets", False),
        ("pets", False),
    ],
)
def test_text_of_a_repository(text: str, expected: bool) -> None:
    """OWNER/NAME alone; what ends as a file of tensors is a path."""
    assert is_repository(text) is expected
