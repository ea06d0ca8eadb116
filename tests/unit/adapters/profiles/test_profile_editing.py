"""Measured numbers in a profile's file: their lines alone change, in every layout that TOML allows."""

import stat
import tomllib
from pathlib import Path

import pytest

from adapters.profiles.editing import edit_file, edited
from adapters.profiles.files import read_profile
from robustify.errors import InvalidInputError

MEASURED: dict[str, int | str] = {"batch": 20, "shard": 140, "dtype": "bfloat16"}
GOOD = """\
# My classifier.
name = "own"
description = "Mine."
licence = "Mine."
side = 64  # as it was trained
batch = 10  # samples of one forward pass
shard = 20
dtype = "float32"

[denoiser]
kind = "identity"

[denoiser.licence]
name = "no model"
business = "yes"

[classifier]
kind = "clip"

[classifier.licence]
name = "Mine"
business = "unclear"
"""


def test_file_with_all_keys() -> None:
    """Three values change; comments, order and everything else stay."""
    expected = (
        GOOD.replace("batch = 10  #", "batch = 20  #")
        .replace("shard = 20", "shard = 140")
        .replace('dtype = "float32"', 'dtype = "bfloat16"')
    )
    assert edited(GOOD, MEASURED) == expected
    assert edited(expected, MEASURED) == expected


def test_file_without_the_keys() -> None:
    """They are put behind the others, above the first table, each in a line of its own."""
    bare = GOOD.replace("batch = 10  # samples of one forward pass\nshard = 20\n", "").replace(
        'dtype = "float32"\n', ""
    )
    found = edited(bare, MEASURED)
    assert 'trained\nbatch = 20\nshard = 140\ndtype = "bfloat16"\n\n[denoiser]' in found
    assert [line for line in found.splitlines() if line in bare.splitlines()] == bare.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("batch=10", "batch=20"),
        ("  batch\t=   10   ", "  batch\t=   20   "),
        ('"batch" = 1_0 # ten', '"batch" = 20 # ten'),
        ("'batch' = 0xA#ten = 10", "'batch' = 20#ten = 10"),
        ("batch = +10", "batch = 20"),
    ],
)
def test_lines_in_odd_layouts(line: str, expected: str) -> None:
    """Spaces, quotes, comments and other ways to write a number: all but the number stays."""
    text = f'name = "own"\n{line}\nside = 64\n'
    assert edited(text, {"batch": 20}) == f'name = "own"\n{expected}\nside = 64\n'


def test_key_in_another_table() -> None:
    """It is another key: the one of the file is put above all tables."""
    text = 'name = "own"\nside = 64\n[classifier.options]\nbatch = 10\n[[other]]\nbatch = 11\n'
    assert edited(text, {"batch": 20}) == text.replace("side = 64\n", "side = 64\nbatch = 20\n")


def test_key_within_a_longer_text() -> None:
    """A line of a text is no key, though it looks like one; nor is it a neighbour to put a new line behind."""
    text = 'description = """\nbatch = 10\nside = 64\n"""\nname = "own"\n'
    assert edited(text, {"batch": 20}) == text + "batch = 20\n"
    assert edited(text + "batch = 10\n", {"batch": 20}) == text + "batch = 20\n"


def test_key_in_a_comment() -> None:
    """It stays there, and a line is added."""
    text = '# batch = 10\nname = "own"\n'
    assert edited(text, {"batch": 20}) == text + "batch = 20\n"


def test_file_of_another_system() -> None:
    """Lines that end with CRLF still do, the new ones too; characters that end no line of TOML end none here."""
    text = 'name = "own"\r\n# a\u2028b\r\nbatch = 10 # ten\r\n\r\n[denoiser]\r\nkind = "identity"\r\n'
    found = edited(text, MEASURED)
    expected = 'batch = 20 # ten\r\nshard = 140\r\ndtype = "bfloat16"\r\n'
    assert found == text.replace("batch = 10 # ten\r\n", expected)


def test_file_whose_last_line_has_no_end() -> None:
    """The new line does not become a part of it."""
    found = edited('classifier = {kind = "clip", batch = 3}\nside = 64', {"batch": 20})
    assert tomllib.loads(found) == {"classifier": {"kind": "clip", "batch": 3}, "side": 64, "batch": 20}
    assert edited("batch = 10", {"batch": 20}) == "batch = 20"


def test_file_without_neighbours() -> None:
    """The first line is above all tables."""
    assert edited('[denoiser]\nkind = "identity"\n', {"batch": 20}).startswith("batch = 20\n[denoiser]")


def test_value_over_several_lines() -> None:
    """Nothing is written, and the message says what to write."""
    text = 'name = "own"\ndtype = """\\\n  float32"""\n'
    with pytest.raises(ValueError, match='Write dtype = "bfloat16" above its first table'):
        edited(text, {"dtype": "bfloat16"})


def test_profile_on_disk(tmp_path: Path) -> None:
    """It is the same profile with other numbers; its mark of UTF-8, its mode and links to it stay."""
    path, link = tmp_path / "kept.toml", tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    path.chmod(0o644)
    link.symlink_to(path)
    edit_file(link, MEASURED)
    profile = read_profile(link)
    assert (profile.batch_size, profile.shard_samples, profile.dtype, profile.side) == (20, 140, "bfloat16", 64)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.read_bytes().startswith(b"\xef\xbb\xbf# My")


def test_file_that_is_no_profile(tmp_path: Path) -> None:
    """It stays as it is, and the message names it."""
    path = tmp_path / "own.toml"
    path.write_text("batch 10\n")
    with pytest.raises(InvalidInputError, match=r"own\.toml is left as it is"):
        edit_file(path, MEASURED)
    assert path.read_text() == "batch 10\n"
