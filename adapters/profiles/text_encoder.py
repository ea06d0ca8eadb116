"""What a profile's text encoders are, as far as its files say it: how long a prompt one reads, and which one it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from adapters.profiles.manifest import read_manifest
from adapters.profiles.profile import Profile
from robustify.errors import ModelFilesError

CONFIG = "open_clip_config.json"
USUAL_LENGTH = 77
TOKENIZER, LIBRARY = "tokenizer.json", "tokenizers"
USUAL_CLEANING = "whitespace"
CLEANINGS = (USUAL_CLEANING, "lower", "canonicalize")
OTHER_TOKENIZERS = ("hf_tokenizer_name", "tokenizer_kwargs")
"""Where a config names one of these, its tokenizer is not CLIP's own, or not as it comes."""
ENCODER_PARTS = ("denoiser/text_encoder/", "denoiser/tokenizer/")
LETTERS_OF_ENCODER = 16


def context_length(profile: Profile) -> int | None:
    """The tokens of a prompt of CLIP's own tokenizer, its two marks included; None where that is not known.

    The API may run where the models are not: then the worker finds out.
    """
    if profile.classifier != "clip" or profile.folder is None:
        return None
    return stated_length(profile.folder / "clip" / CONFIG)


@cache
def stated_length(config: Path) -> int | None:
    try:
        text = json.loads(config.read_text(encoding="utf-8"))["model_cfg"]["text_cfg"]
        is_own = not any(text.get(name) for name in OTHER_TOKENIZERS)
        return int(text.get("context_length", USUAL_LENGTH)) if is_own else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class OtherTokenizer:
    """A tokenizer of Hugging Face beside an open_clip model: its file, how many tokens are read of a prompt, and how
    open_clip cleans a prompt before.
    """

    file: Path
    length: int
    clean: str
    is_clips: bool
    """Whether open_clip puts marks of its own about the tokens."""


def other_tokenizer(profile: Profile) -> OtherTokenizer | None:
    """Of a profile that has one here, if this process can read it: else the worker finds out what is too long."""
    if profile.classifier != "clip" or profile.folder is None or find_spec(LIBRARY) is None:
        return None
    return stated_tokenizer(profile.folder / "clip")


@cache
def stated_tokenizer(folder: Path) -> OtherTokenizer | None:
    try:
        text = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"]["text_cfg"]
        clean = (text.get("tokenizer_kwargs") or {}).get("clean", USUAL_CLEANING)
        length, is_clips = int(text.get("context_length", USUAL_LENGTH)), text.get("tokenizer_mode") == "clips"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    is_known = text.get("hf_tokenizer_name") and clean in CLEANINGS and (folder / TOKENIZER).is_file()
    return OtherTokenizer(folder / TOKENIZER, length, clean, is_clips) if is_known else None


def encoder_of(profile: Profile) -> str | None:
    """The digest of the large text encoder before the denoiser; None where the profile has none here."""
    if profile.folder is None or not profile.large_text_encoder:
        return None
    try:
        return encoder_digest(read_manifest(profile.folder))
    except ModelFilesError:
        return None


def encoder_digest(manifest: Mapping[str, str]) -> str:
    """sha256 over the files that decide the rows of a prompt."""
    files = {name: sha256 for name, sha256 in manifest.items() if name.startswith(ENCODER_PARTS)}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def letters_of_encoder(encoder: str) -> str:
    """What the names of files begin with that an encoder made, which its digest names."""
    return f"{encoder[:LETTERS_OF_ENCODER]}-"
