"""Prompts of models with a tokenizer of Hugging Face, counted without a model library, against open_clip itself."""

import json
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.contract.other_tokens import token_counts
from adapters.contract.prompts import check_prompts
from adapters.models.classifiers.clip_tokens import Tokenizer, cut_off, lengths
from adapters.profiles.library import find_profile
from adapters.profiles.profile import Profile
from adapters.profiles.text_encoder import OtherTokenizer, other_tokenizer
from robustify.types import Task
from tests.unit.adapters.models.classifiers.open_clip_folders import CONTEXT, SIGLIP, write_model, write_tokenizer


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder = tmp_path_factory.mktemp("siglip")
    write_model(folder / "clip", SIGLIP)
    write_tokenizer(folder / "clip")
    return replace(find_profile("mini"), folder=folder)


@pytest.fixture(scope="module")
def tokenizer(profile: Profile) -> Tokenizer:
    loaded: Tokenizer = open_clip.get_tokenizer(f"local-dir:{profile.folder}/clip")
    return loaded


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("a _-.<&;>red\n", max_size=60))
@example("a_red &amp;amp; small-dog.")
def test_tokens_of_any_text(profile: Profile, tokenizer: Tokenizer, text: str) -> None:
    """They are as many as open_clip's tokenizer makes, before it cuts."""
    other = other_tokenizer(profile)
    assert other is not None
    assert list(token_counts(other, [text])) == lengths(tokenizer, [text])


@pytest.mark.parametrize("words", [CONTEXT - 5, CONTEXT - 4])
def test_prompts_when_one_would_be_cut(profile: Profile, tokenizer: Tokenizer, words: int) -> None:
    """What is refused is what a worker would refuse."""
    task = Task(("cat", " ".join(["red"] * words)), "a photo of a {}")
    problems = list(check_prompts(task, profile))
    assert bool(problems) == bool(cut_off(tokenizer, task.prompts))
    assert all(f"at most {CONTEXT} tokens" in problem.detail for problem in problems)


def test_tokens_in_the_mode_of_clips(profile: Profile) -> None:
    """A start, an end and a class token stand about the words in place of the tokenizer's own marks."""
    assert profile.folder is not None
    file = profile.folder / "clip" / "tokenizer.json"
    theirs = open_clip.tokenizer.HFTokenizer(str(file.parent), context_length=CONTEXT, tokenizer_mode="clips")
    other = OtherTokenizer(file, CONTEXT, "whitespace", is_clips=True)
    assert list(token_counts(other, ["red dog"])) == lengths(theirs, ["red dog"]) == [5]


def test_tokenizer_whose_file_is_not_here(profile: Profile, tmp_path: Path) -> None:
    """It is left to the worker, as is one whose cleaning is not known."""
    assert other_tokenizer(replace(profile, folder=tmp_path)) is None
    kwargs = {**SIGLIP, "text_cfg": {**SIGLIP["text_cfg"], "tokenizer_kwargs": {"clean": "other"}}}
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "open_clip_config.json").write_text(json.dumps({"model_cfg": kwargs}))
    write_tokenizer(tmp_path / "clip")
    assert other_tokenizer(replace(profile, folder=tmp_path)) is None
