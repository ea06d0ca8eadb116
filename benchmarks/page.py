"""How heavy the page is, how soon it can be used, and how soon the first vote is seen, beside curl in the same run.

    python -m benchmarks.page [--profile mini] [--rounds 15]

1. Weight: bytes and requests until the page can be used, on a first visit.
2. Time to usable: from the address to a field that can be typed in, first visit and second.
3. First vote: from a picture that drops to a vote on the screen, and from curl's start to its first vote, in turns,
   each with a picture that was not asked about before. Goal: at most 0.5 s more on the page.

Needs Debian's chromium and curl. The last line is JSON.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page

from benchmarks.serving import random_picture, served
from tests.browser.chromium import chromium, opened, running_browser
from tests.browser.steps import carried

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DROP = """(transfer) => {
    const drop = new DragEvent("drop", {dataTransfer: transfer, bubbles: true});
    document.querySelector(".drop-picture").dispatchEvent(drop);
    const began = performance.now();
    let isGone = false;
    return new Promise((resolve) => {
        const look = () => {
            const isThere = document.querySelector(".bar-count") !== null;
            if (isThere && isGone) return resolve(performance.now() - began);
            isGone ||= !isThere;
            return requestAnimationFrame(look);
        };
        look();
    });
}"""
"""Milliseconds until a vote is drawn; the votes of the question before go first."""
WEIGHT = """() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
    .map(({name, encodedBodySize}) => [name, encodedBodySize])"""
FIRST_VOTE = re.compile(rb'"votes": ?\[')


def main(
    profile: Annotated[str, typer.Option(help="Which models.")] = "mini",
    rounds: Annotated[int, typer.Option(help="Pictures of each way.")] = 15,
) -> None:
    if chromium() is None:
        sys.exit("There is no Chromium: apt-get install chromium.")
    with tempfile.TemporaryDirectory() as name, served(profile, Path(name)) as server, running_browser() as browser:
        with opened(browser, server.url) as watched:
            page = watched.page
            weight = dict(page.evaluate(WEIGHT))
            usable = [seconds_of(lambda: reload(page)) for _ in range(rounds)]
            first_visit = [seconds_of(lambda: visit(browser, server.url)) for _ in range(3)]
            by_page, by_curl = first_votes(page, server.url, Path(name), rounds)
    report(weight, usable, first_visit, by_page, by_curl)


def visit(browser: Browser, url: str) -> None:
    """With nothing kept from before."""
    with opened(browser, url) as watched:
        watched.page.wait_for_selector(".chips input")


def reload(page: Page) -> None:
    page.reload()
    page.wait_for_selector(".chips input")


def first_votes(page: Page, url: str, folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds by the page and by curl, in turns."""
    page.get_by_role("button", name="Edit as text").click()
    page.get_by_label("One word or phrase in each line").fill("\n".join(LABELS))
    by_page, by_curl = [], []
    for number in range(rounds + 1):
        picture = random_picture(folder, 10_000 + number)
        by_page.append(page.evaluate(DROP, carried(page, picture.read_bytes(), picture.name)) / 1000)
        page.wait_for_selector(".verdict")
        picture = random_picture(folder, 20_000 + number)
        by_curl.append(by_command(picture, url))
    # The first question makes the embeddings of the words, whoever asks it.
    return by_page[1:], by_curl[1:]


def by_command(picture: Path, url: str) -> float:
    """Seconds until curl shows a vote of the same question: it is sent, and its events are read."""
    began = time.perf_counter()
    labels = [word for label in LABELS for word in ("-F", f"labels={label}")]
    ask = ["curl", "-s", "-H", "Prefer: respond-async", "-F", f"image=@{picture}", *labels, f"{url}/predict"]
    job = json.loads(subprocess.run(ask, check=True, capture_output=True).stdout)
    follow = ["curl", "-sN", f"{url}{job['links']['events']}"]
    with subprocess.Popen(follow, stdout=subprocess.PIPE) as following:
        assert following.stdout is not None
        next(line for line in following.stdout if FIRST_VOTE.search(line))
        seconds = time.perf_counter() - began
        following.stdout.read()
    return seconds


def seconds_of(doing: Callable[[], None]) -> float:
    began = time.perf_counter()
    doing()
    return time.perf_counter() - began


def report(
    weight: dict[str, int], usable: list[float], first_visit: list[float], by_page: list[float], by_curl: list[float]
) -> None:
    pairs = [one - other for one, other in zip(by_page, by_curl, strict=True)]
    figures = {
        "requests": len(weight),
        "bytes": sum(weight.values()),
        "first_visit_seconds": statistics.median(first_visit),
        "usable_again_seconds": statistics.median(usable),
        "first_vote_page_seconds": statistics.median(by_page),
        "first_vote_curl_seconds": statistics.median(by_curl),
        "difference_median_seconds": statistics.median(pairs),
        "difference_most_seconds": max(pairs),
        "ratio": statistics.median(by_page) / statistics.median(by_curl),
    }
    for name, value in figures.items():
        print(f"{name:28} {value:.3f}" if isinstance(value, float) else f"{name:28} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
