"""The rows of prompts: computed once, and where the text encoder is large, by a process that ends with it.

`python -m adapters.denoisers.prompts SOURCE`, with {file: prompt} as JSON on its input, is that process.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from adapters.child_process import die_with_parent
from adapters.durable_files import write_durably
from adapters.models.denoisers.diffusion import embed_prompts
from adapters.profiles.manifest import read_manifest
from adapters.profiles.profile import Profile
from adapters.profiles.text_encoder import encoder_digest, letters_of_encoder
from adapters.settings import Settings
from robustify.errors import ModelFilesError

ROWS = "rows"

EmbedPrompts = Callable[[Sequence[str]], Sequence[torch.Tensor]]
"""Rows (77, D), float32, of each prompt."""


def prompt_embedder(profile: Profile, settings: Settings) -> EmbedPrompts:
    """In this process where the text encoder is small; else from the cache, which another process fills."""
    if profile.folder is None:
        raise ModelFilesError(f"profile {profile.name} has no text encoder")
    source = str(profile.folder / "denoiser")
    if not profile.large_text_encoder:
        return partial(embed_prompts, source)
    return EmbeddedPrompts(settings.state.prompts, source, encoder_digest(read_manifest(profile.folder)))


@dataclass(frozen=True)
class EmbeddedPrompts:
    """Rows in files of a folder, each named by its text encoder and the digest of both; made where they are missing."""

    cache: Path
    source: str
    encoder: str

    def __call__(self, prompts: Sequence[str]) -> list[torch.Tensor]:
        """Raises ModelFilesError when a prompt cannot be embedded."""
        files = {prompt: self.file_of(prompt) for prompt in prompts}
        if missing := {str(path): prompt for prompt, path in files.items() if not path.is_file()}:
            self.cache.mkdir(parents=True, exist_ok=True)
            embed_in_a_process(self.source, missing)
        return [load_file(files[prompt])[ROWS] for prompt in prompts]

    def file_of(self, prompt: str) -> Path:
        name = hashlib.sha256(json.dumps([self.encoder, prompt]).encode()).hexdigest()
        return self.cache / f"{letters_of_encoder(self.encoder)}{name}.safetensors"


def embed_in_a_process(source: str, files: Mapping[str, str]) -> None:
    """Writes {file: prompt}; the memory of the text encoder is free again when the process has ended."""
    done = subprocess.run(
        [sys.executable, "-m", "adapters.models.denoisers.prompts", source],
        input=json.dumps(files),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise ModelFilesError(f"the prompt cannot be embedded: {words[-1] if words else 'the process died'}")


def main(source: str, files: Mapping[str, str]) -> None:
    """One text encoder for all prompts."""
    try:
        for path, rows in zip(files, embed_prompts(source, list(files.values())), strict=True):
            write_durably(Path(path), save({ROWS: rows.float().contiguous()}))
    except (OSError, ValueError, RuntimeError):
        sys.exit("the files of the text encoder are missing or damaged")


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
