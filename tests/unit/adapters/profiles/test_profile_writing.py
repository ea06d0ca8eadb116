"""The text of a new profile's file: what is written is what is read again."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.images import ResizeMode
from adapters.profiles.detection import Detected
from adapters.profiles.files import read_profile
from adapters.profiles.licences import Business, Licence
from adapters.profiles.options.onnx_model import OnnxOptions
from adapters.profiles.options.restoration import RestorationOptions
from adapters.profiles.profile import Profile
from adapters.profiles.writing import NewPart, NewProfile, business_of, licence_in, quoted, text_of

MIT = Licence(name="MIT", business=Business.YES, url="https://opensource.org/license/mit")
NONE = NewPart(Detected("identity"), MIT)
CLIP = NewPart(Detected("clip"), MIT)


def read_again(folder: Path, denoiser: NewPart = NONE, classifier: NewPart = CLIP) -> Profile:
    path = folder / "mine.toml"
    path.write_text(text_of(NewProfile("mine", 64, 0.125, denoiser, classifier)), encoding="utf-8")
    return read_profile(path)


def test_file_when_it_is_read_again(tmp_path: Path) -> None:
    """Side, noise, preprocessing, classes, options and licences are those that were given."""
    options = {"mean": [123.5, 117, 104], "range": "0..255"}
    birds = Detected("onnx", 64, ResizeMode.SQUASH, "labels.json", {"file": "birds.onnx", "layout": "NHWC"})
    network = NewPart(Detected("restoration"), MIT, {"max_sigma": 0.196, "noise_map": True})
    found = read_again(tmp_path, network, NewPart(birds, MIT, options | {"mean": [123.5, 117.0, 104.0]}, True))

    assert (found.side, found.default_sigma, found.preprocessing.mode) == (64, 0.125, ResizeMode.SQUASH)
    assert (found.class_list, found.repeats) == ("labels.json", "number")
    assert found.denoiser_options == RestorationOptions(max_sigma=0.196, noise_map=True)
    assert found.classifier_options == OnnxOptions(
        file="birds.onnx", layout="NHWC", range="0..255", mean=(123.5, 117.0, 104.0)
    )
    assert [(licence.part, licence.name, licence.url) for licence in found.licences] == [
        ("denoiser", "MIT", MIT.url),
        ("classifier", "MIT", MIT.url),
    ]


@pytest.mark.parametrize("kind", ["ffdnet", "identity", "super-resolution", "unconditional", "prx-pixel"])
def test_file_of_each_denoiser(kind: str, tmp_path: Path) -> None:
    """Each that needs no options, with its package where it has one."""
    assert read_again(tmp_path, NewPart(Detected(kind), MIT)).denoiser == kind


ODD = [
    'a "quoted" name',
    "C:\\models\\new",
    "line\nbreak\tand tab",
    "\x7f\x00\x1b[31m",
    "模型 ü",
    "# no comment",
]


@pytest.mark.parametrize("name", ODD)
def test_licence_with_odd_characters(name: str, tmp_path: Path) -> None:
    """It is the same when it is read again."""
    licence = Licence(name=name, business=Business.UNCLEAR)
    found = read_again(tmp_path, classifier=NewPart(Detected("clip"), licence))
    assert found.licences[1].name == name


@given(st.text())
def test_text_when_it_is_quoted(text: str) -> None:
    """It is a string of TOML, whatever is in it."""
    assert tomllib.loads(f"key = {quoted(text)}") == {"key": text}


def test_text_with_bytes_that_are_no_character() -> None:
    """As the command line may hand them over: a question mark stands for each."""
    assert tomllib.loads(f"key = {quoted('a' + chr(0xDCFF))}") == {"key": "a?"}


def test_licences_that_are_long(tmp_path: Path) -> None:
    """Their names are whole, and the sentence about them is cut to what a profile takes."""
    long = NewPart(Detected("clip"), Licence(name="x" * 200, business=Business.NO))
    found = read_again(tmp_path, NewPart(Detected("identity"), long.licence), long)
    assert len(found.licence) == 300
    assert found.licences[1].name == "x" * 200


CARDS = {
    "---\nlicense: apache-2.0\n---\n": ("apache-2.0", Business.YES),
    '---\ntags: [a]\nlicense: "cc-by-nc-4.0"\n---\n': ("cc-by-nc-4.0", Business.NO),
    "---\nlicense: other\n---\n": ("other", Business.UNCLEAR),
    "license: mit\n": ("not stated", Business.UNCLEAR),
    "": ("not stated", Business.UNCLEAR),
}


@pytest.mark.parametrize(("card", "expected"), CARDS.items())
def test_licence_of_a_model_card(card: str, expected: tuple[str, Business], tmp_path: Path) -> None:
    """Its head is believed; without one, nothing is stated, and business use is unclear."""
    (tmp_path / "README.md").write_text(card)
    found = licence_in(tmp_path)
    assert (found.name, found.business) == expected


def test_licence_that_is_not_known() -> None:
    """Neither allowed nor forbidden is unclear."""
    assert business_of("openrail") is Business.UNCLEAR
