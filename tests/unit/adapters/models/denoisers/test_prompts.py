import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters.models.denoisers.diffusion import embed_prompt
from adapters.models.denoisers.prompts import EmbeddedPrompts, prompt_embedder
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED
from adapters.profiles.text_encoder import encoder_digest
from adapters.settings import Settings
from robustify.errors import ModelFilesError

SOURCE = str(BUNDLED / "denoiser")


@pytest.mark.slow
def test_prompts_when_a_process_of_its_own_embeds_them(tmp_path: Path) -> None:
    """The rows are those of the text encoder in this process; they are made once, also for another process."""
    profile = replace(find_profile("deepfloyd"), folder=BUNDLED)
    embed = prompt_embedder(profile, Settings(state_dir=tmp_path))
    texts = ["", "This is a photo of a SKS "]
    for rows, text in zip(embed(texts), texts, strict=True):
        torch.testing.assert_close(rows, embed_prompt(SOURCE, text))
    assert len(list((tmp_path / "prompts").iterdir())) == 2
    without_encoder = replace(prompt_embedder(profile, Settings(state_dir=tmp_path)), source="nowhere")  # type: ignore
    assert torch.equal(without_encoder(texts[:1])[0], embed(texts[:1])[0])


@pytest.mark.slow
def test_prompts_when_the_text_encoder_is_damaged(tmp_path: Path) -> None:
    """ModelFilesError with the process's last word, and no file of rows."""
    shutil.copytree(BUNDLED / "denoiser" / "tokenizer", tmp_path / "denoiser" / "tokenizer")
    embed = EmbeddedPrompts(tmp_path / "prompts", str(tmp_path / "denoiser"), "digest")
    with pytest.raises(ModelFilesError, match="text encoder are missing or damaged"):
        embed(["a cat"])
    assert list((tmp_path / "prompts").iterdir()) == []


def test_file_of_a_prompt_when_the_encoder_is_another() -> None:
    """Another text encoder or another prompt is another file; another UNet is not."""
    manifest = json.loads((BUNDLED / "manifest.json").read_text())
    encoder = encoder_digest(manifest)
    other_unet = {name: "0" * 64 if "/unet/" in name else digest for name, digest in manifest.items()}
    other_text = {name: "0" * 64 if "/tokenizer/" in name else digest for name, digest in manifest.items()}
    assert encoder_digest(other_unet) == encoder != encoder_digest(other_text)
    files = {
        EmbeddedPrompts(Path(), SOURCE, digest).file_of(prompt) for digest in ("a", "b") for prompt in ("cat", "dog")
    }
    assert len(files) == 4


def test_prompts_when_the_text_encoder_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays in this process."""
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a process was started"))
    assert prompt_embedder(replace(find_profile("deepfloyd"), folder=BUNDLED, large_text_encoder=False), Settings())(
        ["cat"]
    )
