"""The tokens of prompts, against the tokenizer of the bundled CLIP itself, and what is refused by them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.contract.adapt import checked_adaptation
from adapters.contract.fields import FieldsError
from adapters.contract.prompts import check_prompts, merge_ranks, token_count, token_counts
from adapters.contract.records import JobKind
from adapters.models.classifiers.clip_tokens import cut_off
from adapters.preparation import checked
from adapters.profiles.library import find_profile
from adapters.profiles.profile import BUNDLED, Profile, read_class_names
from adapters.profiles.text_encoder import CONFIG, context_length
from adapters.store.tasks import TaskStore
from robustify.types import DEFAULT_TEMPLATE, Task
from tests.unit.adapters.contract.test_clip_words import TEXTS

MINI = find_profile("mini")
LONG = "the ship that has the number 1234567890 1234567890 on its side"


@pytest.fixture(scope="module")
def tokenizer() -> open_clip.SimpleTokenizer:
    loaded: open_clip.SimpleTokenizer = open_clip.get_tokenizer(f"local-dir:{BUNDLED / 'clip'}")
    return loaded


@pytest.mark.slow
@given(TEXTS | st.text(max_size=60) | st.text("aehtsr", max_size=200) | st.from_regex("[a-z' -]{1,60}", fullmatch=True))
@example("< &amp;amp;")
@example("aaaaaaaaaa hahahahaha <END_OF_TEXT>")
def test_tokens_of_any_text(tokenizer: open_clip.SimpleTokenizer, text: str) -> None:
    """They are as many as the tokenizer makes, with its two marks."""
    assert token_count(text) == len(tokenizer.encode(text)) + 2


@pytest.mark.slow
def test_tokens_of_the_classes_of_imagenet(tokenizer: open_clip.SimpleTokenizer) -> None:
    """The same for usual names in the usual template."""
    prompts = [DEFAULT_TEMPLATE.format(name) for name in read_class_names("imagenet")]
    assert [token_count(prompt) for prompt in prompts] == [len(tokenizer.encode(prompt)) + 2 for prompt in prompts]


def test_merges_when_two_would_make_the_same_part() -> None:
    """No two do, on which it rests that they may be made one by one; all that open_clip uses are there."""
    ranks = merge_ranks()
    assert len(ranks) == len({first + second for first, second in ranks}) == 49152 - 256 - 2


@pytest.mark.slow
@given(st.text(max_size=40))
def test_counts_when_a_text_is_obviously_short(text: str) -> None:
    """Whether it has more tokens than are read is the same as if all were counted."""
    (count,) = token_counts([text], 20)
    assert (count > 20) == (token_count(text) > 20)


@pytest.mark.slow
@pytest.mark.parametrize("label", ["horse", LONG, "x" * 60, "naïve café " * 4, "1234567890 12345678"])
def test_prompts_when_the_text_encoder_would_cut_one(tokenizer: open_clip.SimpleTokenizer, label: str) -> None:
    """What is refused is what a worker would refuse: prompts that the text encoder would not read to their end."""
    task = Task(("cat", label))
    problems = list(check_prompts(task, MINI))
    assert bool(problems) == bool(cut_off(tokenizer, task.prompts))
    if problems:
        assert f"at most 32 tokens of a prompt, and with the template '{label}' (2) has " in problems[0].detail
        assert f" {token_count(task.prompts[1])}. Shorten" in problems[0].detail


def test_request_when_a_prompt_is_too_long(tmp_path: Path) -> None:
    """It is refused before anything is queued, naming the field: the labels, or the task that has them."""
    tasks = TaskStore(tmp_path)
    tasks.publish("ships", Task(("cat", LONG)), "a job", 0.0)
    with pytest.raises(FieldsError, match="labels: The text encoder reads at most 32 tokens"):
        checked(JobKind.PREDICT, {"labels": ["cat", LONG]}, True, MINI, tasks)
    with pytest.raises(FieldsError, match="task: The text encoder reads at most 32 tokens"):
        checked(JobKind.PREDICT, {"task": "ships"}, True, MINI, tasks)
    with pytest.raises(FieldsError, match="labels: The text encoder reads at most 32 tokens"):
        checked_adaptation({"name": "ships", "labels": ["cat", LONG], "steps": 0}, True, MINI)


def profile_with(folder: Path, config: str) -> Profile:
    (folder / "clip").mkdir()
    (folder / "clip" / CONFIG).write_text(config)
    return replace(MINI, folder=folder)


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ('{"model_cfg": {"text_cfg": {"context_length": 32}}}', 32),
        ('{"model_cfg": {"text_cfg": {}}}', 77),
        ('{"model_cfg": {"text_cfg": {"hf_tokenizer_name": "timm/SigLIP"}}}', None),
        ('{"model_cfg": {"text_cfg": {"tokenizer_kwargs": {"clean": "canonicalize"}}}}', None),
        ("{}", None),
        ("[", None),
    ],
)
def test_length_when_the_config_says_it(tmp_path: Path, config: str, length: int | None) -> None:
    """As CLIP's own tokenizer cuts it; another tokenizer, or a config that cannot be read, is left to the worker."""
    assert context_length(profile_with(tmp_path, config)) == length


@pytest.mark.parametrize("name", ["oracle-linear", "imagenet-lite0-plain", "mini-remote"])
def test_length_when_there_is_no_text_encoder(name: str) -> None:
    """Nothing is asked of labels that nobody reads as a prompt."""
    assert list(check_prompts(Task(("cat", LONG * 9)), find_profile(name))) == []


def test_tokens_when_no_model_library_is_there() -> None:
    """The service counts them without any."""
    script = (
        "import sys; from adapters.contract.prompts import token_count; "
        "sys.exit(token_count('a horse') != 4 or bool({'torch', 'open_clip', 'tokenizers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_prompt_when_it_just_fits() -> None:
    """The last place may be filled: one token more is refused."""
    fitting = Task(("cat", " ".join(["a"] * 24)))
    assert token_count(fitting.prompts[1]) == 32
    assert not list(check_prompts(fitting, MINI))
    assert list(check_prompts(Task(("cat", " ".join(["a"] * 25))), MINI))


def test_prompts_when_one_template_of_several_is_too_long() -> None:
    """The label is named once, with its longest prompt."""
    task = Task.of(("cat", "dog"), ("a {}", "a {} " + "on a mat " * 10, "the {} " + "on a mat " * 12))
    (problem,) = check_prompts(task, MINI)
    assert problem.detail.count("'dog' (2) has ") == 1
    assert f"has {token_count(task.prompts_with(task.templates[2])[1])}" in problem.detail
