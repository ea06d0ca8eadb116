"""Classifiers that are tried before their folder is served."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapters.hub.pull import adopt
from adapters.models.kinds import CLASSIFIERS
from adapters.models.loaded import Placement
from adapters.models.trial import answered, try_classifier
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED, Profile
from adapters.settings import Settings
from robustify.errors import ModelFilesError
from tests.unit.adapters.models.classifiers.open_clip_folders import SIGLIP, VIT, write_model, write_tokenizer

WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return replace(find_profile("unconditional-clip"), side=32, folder=tmp_path / "served")


def tried(profile: Profile, folder: Path) -> None:
    try_classifier(profile, Settings(), folder)


@pytest.mark.parametrize("kind", [VIT, SIGLIP], ids=["its own tokenizer", "one of Hugging Face"])
def test_classifier_that_answers(profile: Profile, tmp_path: Path, kind: dict[str, Any]) -> None:
    """It is asked about one picture with two labels, its answer is finite, and its folder is published."""
    profile = replace(profile, denoiser="identity", sources=profile.sources[1:])
    clip = write_model(tmp_path / "mine" / "clip", kind)
    if kind is SIGLIP:
        write_tokenizer(clip)
    asked: list[torch.Tensor] = []

    def try_out(folder: Path) -> None:
        tried(profile, folder)
        placement = Placement(replace(profile, folder=folder), Settings(), torch.device("cpu"), torch.float32)
        asked.append(answered(CLASSIFIERS["clip"](placement), profile))

    adopt(profile, tmp_path / "mine", lambda done, total: None, try_out)
    assert profile.is_there
    (logits,) = asked
    assert logits.shape == (1, 2)
    assert logits.isfinite().all()


def test_classifier_whose_tokenizer_has_more_words(profile: Profile, tmp_path: Path) -> None:
    """One line says that the files do not fit, and not a traceback of the library's."""
    text = {**SIGLIP["text_cfg"], "vocab_size": 2}
    write_model(tmp_path / "clip", {**SIGLIP, "text_cfg": text})
    write_tokenizer(tmp_path / "clip")
    with pytest.raises(ModelFilesError, match=r"gave no answer \(IndexError\)"):
        tried(profile, tmp_path)


def test_classifier_with_a_damaged_number(profile: Profile, tmp_path: Path) -> None:
    """Logits that are not finite are refused: every vote would be lost."""
    folder = write_model(tmp_path / "clip", VIT)
    weights = load_file(folder / WEIGHTS)
    weights["visual.proj"] = torch.full_like(weights["visual.proj"], torch.nan)
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(ModelFilesError, match="no finite numbers"):
        tried(profile, tmp_path)


def test_folder_when_its_classifier_does_not_answer(profile: Profile, tmp_path: Path) -> None:
    """It is not published; once the missing file is there, it is, and with every file of the tokenizer."""
    profile = replace(profile, denoiser="identity", sources=profile.sources[1:])
    origin = tmp_path / "mine"
    clip = write_model(origin / "clip", SIGLIP)
    with pytest.raises(ModelFilesError, match="none of its files is beside"):
        adopt(profile, origin, lambda done, total: None, lambda folder: tried(profile, folder))
    assert profile.folder is not None
    assert not profile.folder.exists()
    write_tokenizer(clip)
    adopt(profile, origin, lambda done, total: None, lambda folder: tried(profile, folder))
    assert profile.is_there
    assert (profile.folder / "clip" / "tokenizer.json").is_file()


def test_tokenizer_files_that_nobody_reads(profile: Profile, tmp_path: Path) -> None:
    """They are left out, so that what was pulled before there were tokenizers has the digest that it had."""
    profile = replace(profile, denoiser="identity", sources=profile.sources[1:])
    clip = tmp_path / "mine" / "clip"
    clip.mkdir(parents=True)
    for path in (BUNDLED / "clip").iterdir():
        (clip / path.name).hardlink_to(path)
    write_tokenizer(clip)
    adopt(profile, tmp_path / "mine", lambda done, total: None)
    assert profile.folder is not None
    assert {path.name for path in (profile.folder / "clip").iterdir()} == {WEIGHTS, "open_clip_config.json"}
