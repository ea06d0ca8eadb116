"""The page of an advice: what it says of each verdict, and that no text of a user becomes a mark of ours."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest

from adapters.profiles.library import find_profile
from adapters.profiles.licences import Business
from robustify.types import Task
from workers.evaluation.advice.document import (
    Advice,
    Asked,
    PartOfLicence,
    PlainAnswers,
    ProtectedAnswers,
    Recommended,
    Step,
)
from workers.evaluation.advice.html import html_page, steps
from workers.evaluation.advice.page import markdown_page
from workers.evaluation.advice.recommendation import Verdict
from workers.evaluation.advice.requests import AskedAs, commands_for
from workers.evaluation.advice.summing_up import share
from workers.evaluation.data.dataset import DataReport
from workers.evaluation.runs import UnreadableFile

MINI = find_profile("mini")
RECOMMENDED = Recommended(
    sigma=0.25, n=500, n0=100, target_radius=0.2, expected=17.6, samples=180.0, seconds=0.9, seconds_at_most=3.0,
    steps=(Step(n=100, expected=15.0, seconds_at_most=1.0), Step(n=500, expected=17.6, seconds_at_most=3.0)),
)  # fmt: skip
PROTECTED = ProtectedAnswers(
    sigma=0.25, right=share(18, 24), abstained=3, lost=3, gained=1, predict_samples=48.0, predict_seconds=0.24,
    certify_seconds=1.1, samples_per_second=200, average_radius=0.21, largest_radius=0.4, radii=(0.4, 0.3, 0.1),
    certified={"0": 3, "0.1": 3, "0.2": 2}, fewest_samples=None,
)  # fmt: skip


def advice(
    verdict: Verdict = Verdict.RECOMMENDED,
    labelled: bool = True,
    target_radius: float | None = None,
    seconds_per_picture: float | None = None,
) -> Advice:
    recommended = RECOMMENDED if verdict is Verdict.RECOMMENDED else None
    about = Asked(
        dataset="pictures-all", profile="mini", classes=10, labelled=labelled, alpha=0.001, n0=25, n=200,
        target_radius=target_radius, seconds_per_picture=seconds_per_picture, most_lost=0.1,
        device="cpu", number_format="float32", threads=2,
    )  # fmt: skip
    return Advice(
        asked=about,
        data=DataReport(24, 240),
        unreadable=(),
        plain=PlainAnswers(
            right=share(20, 24) if labelled else None, distinct_labels=10, distinct_answers=9, seconds=0.005
        ),
        protected=(PROTECTED,),
        verdict=verdict,
        recommended=recommended,
        business=Business.UNCLEAR,
        licences=(PartOfLicence(part="denoiser", name="own weights", business=Business.UNCLEAR),),
        commands=commands_for(AskedAs(Task(("cat", "dog")), MINI), recommended),
    )


def test_page_when_protection_is_recommended() -> None:
    """It says what, why, at what cost and how sure, and has commands to run as they stand."""
    page = markdown_page(advice())

    assert "**Protect with sigma 0.25, at most 500 samples and the target radius 0.2.**" in page
    assert "18 of 24 pictures are answered rightly with it, 20 without it; 3 are not answered" in page
    assert "180 times as long" in page
    assert "20 of 24 leave anything from 63% to 95%" in page
    assert (
        "\nrobustify certify PICTURE.png --labels cat --labels dog --sigma 0.25 --n 500 --target-radius 0.2\n" in page
    )
    assert "may be used in business is not clear (denoiser: own weights)" in page


@pytest.mark.parametrize(
    ("verdict", "asked", "words"),
    [
        (Verdict.GUESSING, {}, "guessing among 10 labels would be on 2.4"),
        (Verdict.NOTHING_CERTIFIED, {}, "nothing can be certified"),
        (Verdict.OUT_OF_REACH, {"target_radius": 3.0}, "sigma 0.25 needs more samples than there can be"),
        (Verdict.LOSES_TOO_MUCH, {}, "even sigma 0.25 loses 2 of 24"),
        (Verdict.TOO_SLOW, {"seconds_per_picture": 0.2}, "in which this machine computes 40 samples"),
        (Verdict.NO_PICTURES, {}, "There is no picture to judge by"),
    ],
)
def test_page_when_nothing_is_recommended(verdict: Verdict, asked: dict[str, Any], words: str) -> None:
    """It says why, and has no command."""
    page = markdown_page(advice(verdict, **asked))

    assert words in page
    assert "What to run" not in page


def test_page_of_pictures_without_labels() -> None:
    """It never says that an answer is right."""
    page = markdown_page(advice(labelled=False))

    assert "rightly" not in page
    assert "as without protection" in page
    assert "have no labels" in page


def test_page_when_business_is_forbidden() -> None:
    """It says so, and what to do."""
    forbidden = advice().model_copy(update={"business": Business.NO})
    licence = PartOfLicence(part="denoiser", name="research only", business=Business.NO)
    page = markdown_page(forbidden.model_copy(update={"licences": (licence,)}))

    assert "forbids business use (denoiser: research only). Take another profile." in page


def test_page_of_a_few_pictures() -> None:
    """One picture of one class: it says that neither tells much."""
    one = advice().model_copy(update={"data": DataReport(1, 1), "protected": (PROTECTED,)})
    plain = PlainAnswers(right=share(1, 1), distinct_labels=1, distinct_answers=1, seconds=0.005)
    page = markdown_page(one.model_copy(update={"plain": plain}))

    assert "So few pictures cannot tell" in page
    assert "All pictures are of one class" in page


@pytest.mark.parametrize("text", ["a|b", "<script>alert(1)</script>", "*x* [y](z) `q` ![i](j) ~~s~~ \\", "two\nlines"])
def test_page_when_a_name_has_marks(text: str) -> None:
    """A file's name is shown as it is, on one line, and becomes no tag."""
    page = advice().model_copy(update={"unreadable": (UnreadableFile(file=text, problem="It is empty."),)})
    shown = html_page(page)
    item = next(line for line in shown.splitlines() if "could not be used" in line)

    assert "<script" not in shown
    assert html.unescape(re.sub(r"<[^>]*>", "", item)) == f"{' '.join(text.split())} could not be used: It is empty."


def test_html_when_it_is_opened_without_a_network() -> None:
    """Nothing is fetched and nothing runs: it has a curve for each sigma, and the tables."""
    page = html_page(advice())

    assert page.count("<polyline") == 1
    assert page.count("<table>") == 4
    assert not re.search(r"<script|<link|<img|https?://(?!127\.0\.0\.1)", page)


def test_curve_of_three_pictures() -> None:
    """It steps down at each radius, from the share that is certified at all."""
    assert steps([0.1, 0.3], 4) == [(0.0, 0.5), (0.1, 0.5), (0.1, 0.25), (0.3, 0.25), (0.3, 0.0)]


def test_commands_when_labels_are_those_of_the_profile() -> None:
    """They are left out; a label is quoted for the shell, and a template is given where it is not the usual one."""
    fixed = replace(MINI, class_list="imagenet")
    assert fixed.class_names is not None
    names = commands_for(AskedAs(Task(fixed.class_names), fixed), RECOMMENDED)
    odd = commands_for(AskedAs(Task(("it's", "@file"), "art of {}"), MINI, profile_name="mini"), RECOMMENDED)

    assert names[0].text == "robustify predict PICTURE.png --sigma 0.25"
    assert odd[0].text == (
        "robustify predict PICTURE.png --labels 'it'\"'\"'s' --labels @file --template 'art of {}' --sigma 0.25 "
        "--profile mini"
    )
    assert odd[3].text.endswith(
        "--form-string labels=@file --form-string 'template=art of {}' --form-string sigma=0.25"
    )


def test_commands_of_a_stored_task() -> None:
    """It is named, and its labels are not."""
    found = commands_for(AskedAs(Task(("cat", "dog")), MINI, stored="pets"), RECOMMENDED)

    assert found[1].text == "robustify certify PICTURE.png --task pets --sigma 0.25 --n 500 --target-radius 0.2"
    assert "--form-string task=pets" in found[4].text
