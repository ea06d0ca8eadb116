"""The words of CLIP's tokenizer, against the tokenizer of the bundled CLIP itself."""

import subprocess
import sys

import open_clip
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.contract.labels import clip_words
from adapters.profiles.profile import BUNDLED

PIECES = "ice Cream 66 6 's ’S - \u00a0 &amp; &lt & _ é Ã© ſ <end_of_text> ﬁ 猫 ! don't ² İ \ufe0f …".split(" ")
TEXTS = st.lists(st.sampled_from([" ", "  ", *PIECES]), min_size=1, max_size=6).map("".join)


@pytest.fixture(scope="module")
def tokenizer() -> open_clip.SimpleTokenizer:
    loaded: open_clip.SimpleTokenizer = open_clip.get_tokenizer(f"local-dir:{BUNDLED / 'clip'}")
    return loaded


@pytest.mark.slow
@given(TEXTS | st.text(max_size=40))
@example("< &amp;amp;")
def test_words_of_any_text(tokenizer: open_clip.SimpleTokenizer, text: str) -> None:
    """They are what the tokenizer splits the text into before it looks into its vocabulary."""
    assert list(clip_words(text)) == tokenizer.pat.findall(tokenizer.clean_fn(text))


@pytest.mark.slow
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6))
def test_words_of_two_texts(tokenizer: open_clip.SimpleTokenizer, pieces: list[str]) -> None:
    """Two texts have the same words exactly when they have the same tokens."""
    first, second = "".join(pieces), " ".join(pieces)
    same_tokens = tokenizer.encode(first) == tokenizer.encode(second)
    assert (clip_words(first) == clip_words(second)) == same_tokens


@pytest.mark.parametrize(
    ("first", "second"),
    [("route 66", "Route66"), ("ice-cream", "ice - cream"), ("salt & pepper", "salt &amp; pepper"), ("cat’s", "cat's")],
)
def test_words_when_only_clip_sees_no_difference(first: str, second: str) -> None:
    """Case, spaces beside other than letters, HTML entities and kinds of quotes do not count."""
    assert clip_words(first) == clip_words(second)
    assert clip_words(first) != clip_words("ice cream")


def test_words_when_no_model_library_is_there() -> None:
    """The service uses this without any of them."""
    script = "import sys, adapters.contract.labels; sys.exit(bool({'torch', 'open_clip'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
