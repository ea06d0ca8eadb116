"""The files of the page: complete in every language, nothing from elsewhere, no text that could become markup."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "service" / "page" / "static"
VENDOR = STATIC / "vendor"
LANGUAGES = ("en", "de")
LOADED_WHEN_NEEDED = frozenset({"vendor/qrcode.module.js"})
MOST_VENDOR_BYTES = 100_000
MOST_BYTES = 250_000
"""Of all that a first visit loads."""
SINKS = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "dangerouslySetInnerHTML", "eval(",
         "new Function", "style=\"", "localStorage.setItem(\"robustify-key")  # fmt: skip


def modules() -> list[Path]:
    """Our own; those of others are as they came."""
    return sorted(path for path in STATIC.rglob("*.js") if VENDOR not in path.parents)


def source() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in modules())


def strings(language: str) -> Mapping[str, str | Mapping[str, str]]:
    found: Mapping[str, str | Mapping[str, str]] = json.loads(
        (STATIC / "strings" / f"{language}.json").read_text("utf-8")
    )
    return found


def placeholders(text: str | Mapping[str, str]) -> set[str]:
    texts = [text] if isinstance(text, str) else [*text.values()]
    return {name for each in texts for name in re.findall(r"\{(\w+)\}", each)}


def test_strings_when_there_are_two_languages() -> None:
    """Both say the same things, with the same values in them."""
    english, german = (strings(language) for language in LANGUAGES)
    assert english.keys() == german.keys()
    differing = [name for name in english if placeholders(english[name]) != placeholders(german[name])]
    assert differing == []


def test_strings_when_the_page_says_something() -> None:
    """Everything that it says is there, and nothing is there that it never says."""
    words, text = strings("en"), source()
    said = set(re.findall(r"""["']([a-z][\w-]*(?:\.[\w-]+)*)["']""", text))
    literal = set(re.findall(r"""\bt\(["']([\w.-]+)["']""", text))
    prefixes = tuple(re.findall(r"`([\w.-]+\.)\$\{", text))
    assert sorted(literal - words.keys()) == []
    assert [name for name in words if name not in said and not name.startswith(prefixes)] == []


def test_index_when_modules_come_and_go() -> None:
    """It names every module at once, so that none waits for the one that imports it."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'"modulepreload" href="page/([^"]+)"', index)) | {"app.js"}
    there = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.suffix == ".js"}
    assert there - named == LOADED_WHEN_NEEDED
    assert named <= there


def test_index_when_its_policy_is_strict() -> None:
    """No script and no style stands in it, and every address in it is relative."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=", index) == []
    assert [address for address in re.findall(r'(?:href|src)="([^"]+)"', index) if re.match(r"/|\w+:", address)] == []


@pytest.mark.parametrize("sink", SINKS)
def test_modules_when_a_text_could_become_markup(sink: str) -> None:
    """No module writes markup, runs a text, or keeps the key where it outlives the tab."""
    assert [path.name for path in modules() if sink in path.read_text(encoding="utf-8")] == []


def test_modules_when_they_name_an_address() -> None:
    """None of another host is in any of them."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    assert re.findall(r"https?://(?!example\.org)[\w.-]+", source() + style) == []


def test_vendor_when_its_files_are_those_that_were_published() -> None:
    """Each is listed with its sha256, has its licence beside it, and all are small together."""
    listed = dict(line.split("  ")[::-1] for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    files = [path for path in VENDOR.iterdir() if path.suffix == ".js"]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == listed
    assert sum(path.stat().st_size for path in files) < MOST_VENDOR_BYTES
    assert {path.name for path in VENDOR.glob("LICENCE-*.txt")} == {
        f"LICENCE-{name}.txt" for name in ("preact", "htm", "qrcode")
    }


def test_page_when_it_grows() -> None:
    """A first visit stays light."""
    loaded = [*STATIC.rglob("*.js"), STATIC / "index.html", STATIC / "style.css", STATIC / "strings" / "en.json"]
    assert sum(path.stat().st_size for path in loaded) < MOST_BYTES
