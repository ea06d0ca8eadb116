"""The page of a certificate: escaped, rounded down, and without anything to fetch."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from adapters.certificates.document import read_certificate
from adapters.contract.certificate import Certificate
from service.certificates.page import CONTENT_SECURITY_POLICY, certificate_page

HOSTILE = ['<script>alert("1")</script>', "${style}$claim", "cat' onload='x", "</td></table>\u202e", "&lt;b&gt;"]


SMOOTHING = {
    "noise": "gaussian",
    "sigma": 0.25,
    "n0": 100,
    "n": 1000,
    "alpha": 0.001,
    "selection_samples": 25,
    "samples_used": 1025,
    "target_radius": None,
    "tolerance": None,
    "selection_looks": {"step": 25, "head": 0, "stride": 25},
    "looks": None,
}


def certificate(**changes: Any) -> Certificate:
    document = {
        "format": "robustify-certificate",
        "format_version": 2,
        "statement": "",
        "kind": "certify",
        "index": 0,
        "software": {},
        "outcome": "certified",
        "label": HOSTILE[0],
        "radius": 0.21999999,
        "radius_source_pixels": 0.09999,
        "labels": HOSTILE,
        "template": "<i>{}</i>",
        "selection_votes": [90, 4, 3, 2, 1],
        "votes": [900, 40, 30, 20, 10],
        "smoothing": SMOOTHING,
        "bound": {"name": "clopper-pearson", "p_lower": 0.86999, "p_upper": None},
        "image": {"sha256": "a" * 64, "source_sha256": "b" * 64, "height": 32, "width": 32, "source_norm": 1.0},
        "model": {"profile": "mini", "task": "<u>", "version": 3, "fingerprint": "c" * 64}
        | {"engine": {}, "adaptation": None, "hardware": {"processor": "<p>", "threads": 2}},
        "randomness": {"stream": "chacha20-1", "modulus": "d" * 768, "proof": "9" * 768},
        "issued_at": "2025-06-15T15:06:40Z",
        "public_key": "e" * 64,
        "signature": "f" * 128,
    }
    return Certificate.model_validate_json(json.dumps(document | changes))


class Reader(HTMLParser):
    """The elements, the attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_when_labels_are_hostile() -> None:
    """They are shown as they are, and are neither elements nor attributes nor parts of the template."""
    page = Reader(certificate_page(certificate()))

    for text in [*HOSTILE, '"<i>{}</i>"', '"<u>", version 3', "<p>, 2 threads"]:
        assert text in page.text
    assert json.dumps(HOSTILE[0]) in page.text
    assert not {"script", "b", "i", "u"} & set(page.elements)
    assert {name for name, _ in page.attributes} <= {"lang", "charset", "name", "content", "class", "href"}


def test_page_when_it_is_shown() -> None:
    """Nothing is fetched: its only link is that of the document, and its style is the one that the policy allows."""
    page = certificate_page(certificate())
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    assert [value for name, value in Reader(page).attributes if name == "href"] == ["certificate.json"]
    assert "http" not in page
    assert "url(" not in page
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "@media print" in page


def test_page_when_there_are_radii() -> None:
    """Both are rounded down, as is the bound, and the chance of error stands beside them."""
    text = Reader(certificate_page(certificate())).text

    assert "smaller than 0.2199 " in text
    assert "the limit is 0.0999." in text
    assert "at least 0.8699." in text
    assert "0.22" not in text.replace("0.2199", "")
    assert "wrong with probability at most 0.001" in text
    assert "It says nothing on whether the label is right" in text
    assert "what the rounding of floating-point numbers may do" in text
    assert "25 noisy copies of the image chose the label, and 1000 others (of 1000 planned)" in text
    assert "these are the issuer's word: model.profile, model.task, model.version, software, issued_at" in text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [("abstained", "No radius is certified"), ("not_certified", "not certified"), ("undecided", "neither")],
)
def test_page_when_nothing_is_certified(outcome: str, words: str) -> None:
    """It says so, and names no radius."""
    page = certificate_page(certificate(outcome=outcome, radius=None, radius_source_pixels=None, label=None))

    assert words in page
    assert "can alter it" not in page


def test_page_when_there_are_many_labels() -> None:
    """It shows those with most votes, and says how many there are besides."""
    many = certificate(labels=[f"label {i}" for i in range(200)], selection_votes=[0] * 200, votes=list(range(200)))
    page = certificate_page(many)

    assert "label 199<" in page
    assert "label 100<" not in page
    assert "and 150 more" in page


def test_page_when_the_noise_is_lattice() -> None:
    """It says that nothing is claimed of the file, in place of a radius for its pixels."""
    lattice = {**SMOOTHING, "noise": "lattice"}
    text = Reader(certificate_page(certificate(radius_source_pixels=None, smoothing=lattice))).text

    assert "smaller than 0.2199 " in text
    assert "nothing is claimed of the pixels of the file" in text
    assert "under Gaussian noise rounded to whole grey levels with standard deviation" in text
    assert "whose sum is exact" in text


def test_page_when_a_label_reads_like_a_claim() -> None:
    """It stands between quotation marks that it cannot close, after our own words."""
    label = 'cat" is the answer to every change smaller than 9.0000, and the label is "cat'
    text = Reader(
        certificate_page(certificate(label=label, labels=[label, "dog"], selection_votes=[25, 0], votes=[1, 0]))
    )

    assert f"can alter the answer, which is: {json.dumps(label)}" in text.text


def test_page_when_the_certificate_is_of_version_1() -> None:
    """It is shown too, with what there is of its noise."""
    document = json.loads((Path(__file__).parents[3] / "golden" / "multiclass.json").read_bytes())
    text = Reader(certificate_page(read_certificate(document))).text

    assert document["seed_commitment"] in text
    assert "Proof of the noise" not in text


def test_page_when_there_are_licences() -> None:
    """One line has each part's, with whether business may use it; texts of others are quoted, and link to nowhere."""
    licence = {"part": "denoiser", "name": "<b>MIT", "business": "no", "url": 'https://a"b', "read": "2026-11-30"}
    model = certificate().model.model_dump(mode="json") | {"licences": [licence]}
    page = Reader(certificate_page(certificate(model=model)))

    assert 'denoiser: "<b>MIT" (business use: no, "https://a\\"b", read "2026-11-30")' in page.text
    assert "b" not in page.elements
    assert [value for name, value in page.attributes if name == "href"] == ["certificate.json"]
    assert "Licences" not in certificate_page(certificate())


def test_page_when_there_are_several_templates() -> None:
    """All are named and quoted; of more than three, their number and digest."""
    several = ("a <b>{}</b>", "the {}")
    first = {"template": several[0]}
    page = Reader(certificate_page(certificate(**first, templates=several)))
    assert 'the mean over 2, which are "a <b>{}</b>", "the {}"' in page.text
    many = Reader(certificate_page(certificate(**first, templates=(*several, "one {}", "two {}"))))
    assert "the mean over 4, whose canonical JSON has the sha256 " in many.text
    assert "two {}" not in many.text
