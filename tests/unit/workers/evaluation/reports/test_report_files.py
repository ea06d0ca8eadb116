"""The files of a report: rows, summary, tables, cards and the page, of a comparison whose names are hostile."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelCardData

from adapters.settings import Settings
from robustify.evaluation.metrics import ImageOutcome, certified_accuracy
from tests.comparisons import HOSTILE, ORACLE_CONFIG, write_comparison
from workers.evaluation.attacks.runs import ROWS as ATTACK_ROWS
from workers.evaluation.comparison.config_file import read_config
from workers.evaluation.comparison.document import Comparison
from workers.evaluation.comparison.preparing import Preparation
from workers.evaluation.comparison.running import Run
from workers.evaluation.reports.plots import Plot
from workers.evaluation.reports.results import read_results
from workers.evaluation.reports.summary import digest_of_results
from workers.evaluation.reports.svg import inline, on_white
from workers.evaluation.reports.write import write_report

pytestmark = pytest.mark.slow
NAMED = {'title = "Smoothed"': f"title = '{HOSTILE}'", 'name = "Pictures"': f"name = '{HOSTILE}'"}
REFERENCES = ("src", "href", "xlink:href", "action", "data", "poster", "srcset")


class Seen(HTMLParser):
    """What a browser would follow, and the text that it would show."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in REFERENCES]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    """The folder of a comparison with its report, and what was compared."""
    folder, text = tmp_path_factory.mktemp("compared"), ORACLE_CONFIG
    for plain, hostile in NAMED.items():
        assert plain in text
        text = text.replace(plain, hostile)
    settings = Settings(state_dir=folder / "state", batch_size=50, shard_samples=50)
    file = read_config(write_comparison(folder, text))
    found = Run(Preparation(file, settings), folder / "output").run()
    write_report(folder / "output")
    return folder / "output", found


@pytest.fixture
def copied(compared: tuple[Path, Comparison], tmp_path: Path) -> tuple[Path, Comparison]:
    """The same in a folder that a test may change."""
    folder, comparison = compared
    return Path(shutil.copytree(folder, tmp_path / "copied")), comparison


def seen(page: Path) -> Seen:
    found = Seen()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def test_page_refers_to_nothing_outside(compared: tuple[Path, Comparison]) -> None:
    """It opens without a network: no script, no style sheet, no font, no picture that is not in it."""
    folder, _ = compared
    page, found = (folder / "index.html").read_text(), seen(folder / "index.html")

    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(found.tags)
    assert found.tags.count("svg") == 4
    assert all(reference.startswith(("#", "data:image/png;base64,")) for reference in found.references)
    assert not re.findall(r"@import|@font-face|url\((?!#)", page)
    assert not re.findall(r"\bon\w+\s*=", re.sub(r">[^<]*<", "><", page))
    assert {reference[1:] for reference in found.references if reference[0] == "#"} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_page_says_what_hostile_names_say(compared: tuple[Path, Comparison]) -> None:
    """They are text, wherever they stand; so are the reasons of gaps."""
    found = seen(compared[0] / "index.html")

    assert found.text.count(HOSTILE) > 5
    assert "no-such-profile" in found.text
    assert "make absent" in found.text


def test_page_for_dark_and_for_paper(compared: tuple[Path, Comparison]) -> None:
    """Colours are variables of the page, which has two sets of them, and a way to print."""
    page = (compared[0] / "index.html").read_text()

    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "var(--series-1)" in page
    assert "currentColor" in page
    assert "#0102" not in page


def test_plots_as_files(compared: tuple[Path, Comparison]) -> None:
    """Each is SVG that can be read alone, in colours of its own."""
    plots = sorted((compared[0] / "plots").glob("*.svg"))

    assert [path.name for path in plots] == ["acr-1.svg", "beside-1.svg", "certified-1.svg", "cost-1.svg"]
    for path in plots:
        assert ElementTree.fromstring(path.read_text()).tag.endswith("svg")
        assert "var(" not in path.read_text()
        assert "mathdefault" not in path.read_text()
        assert "#0102" not in path.read_text()


def test_svg_without_what_nothing_refers_to() -> None:
    """Ids that are not used are gone, those that are stay; the two forms differ in nothing but colours."""
    plot = Plot("x", "x", '<?xml?>\n<svg><g id="axes_1"><path id="m1" fill="#010203"/><use href="#m1"/></g></svg>')

    assert inline(plot.svg) == '<svg><g><path id="m1" fill="currentColor"/><use href="#m1"/></g></svg>'
    assert on_white(plot.svg).startswith("<?xml?>")


def test_summary_names_rows_and_images(compared: tuple[Path, Comparison]) -> None:
    """Each cell has the digest of its rows, each attack that of its images too; versions and settings are there."""
    folder, comparison = compared
    summary = json.loads((folder / "summary.json").read_text())

    assert [cell["cell"]["run"] for cell in summary["cells"]] == [cell.run for cell in comparison.cells]
    assert all(len(cell["rows_sha256"]) == 64 for cell in summary["cells"])
    assert all(len(attack["images_sha256"]) == 64 for attack in summary["attacks"])
    assert summary["environment"]["software"]["torch"]
    assert summary["comparison"]["config"]["attack"]["steps"] == 3
    assert summary["sets"][0]["report"]["images"] == 6


def test_digest_of_rows_that_took_longer(copied: tuple[Path, Comparison]) -> None:
    """It is the same, and another where an answer is another."""
    folder, comparison = copied
    path = comparison.cells[1].rows(folder)
    whole, before = path.read_text(), digest_of_results(read_results(folder, comparison))
    path.write_text(re.sub(r'"seconds":[\d.]+', '"seconds":9.5', whole))
    longer = digest_of_results(read_results(folder, comparison))
    path.write_text(re.sub(r'"answer":(\d)', lambda found: f'"answer":{1 - int(found[1])}', whole, count=1))
    other = digest_of_results(read_results(folder, comparison))

    assert longer == before != other


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def test_rows_in_cohens_columns(compared: tuple[Path, Comparison]) -> None:
    """They come first, and certified accuracy as Cohen's code counts it is that of the rows."""
    folder, comparison = compared
    header = (folder / "rows.csv").read_text().splitlines()[0]
    rows = [row for row in read_csv(folder / "rows.csv") if row["method"] == "smoothed"]
    found = [json.loads(line) for line in comparison.cells[1].rows(folder).read_text().splitlines()]
    outcomes = [ImageOutcome(row["label"], row["answer"], row["radius"]) for row in found]

    assert header.startswith("idx,label,predict,radius,correct,time,")
    for radius in (0.0, 0.1, 0.2, 0.3):
        share = sum(int(row["correct"]) and float(row["radius"]) >= radius for row in rows) / len(rows)
        assert share == certified_accuracy(outcomes, radius)


def test_rows_as_lines_of_json(compared: tuple[Path, Comparison]) -> None:
    """Every row of every cell, with its votes and with the cell that it is of."""
    folder, comparison = compared
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    attacks = [json.loads(line) for line in (folder / "attacks.jsonl").read_text().splitlines()]
    first = json.loads((comparison.attacks[0].folder(folder) / ATTACK_ROWS).read_text().splitlines()[0])

    assert [row["method"] for row in rows] == ["plain"] * 6 + ["smoothed"] * 6
    assert sum(rows[-1]["votes"]) == 100
    assert len(attacks) == 24
    assert {**attacks[0], **first} == attacks[0]
    assert (attacks[0]["eps"], attacks[0]["mode"]) == (0.3, "paper")


def test_tables_say_where_they_are_from(compared: tuple[Path, Comparison]) -> None:
    """The file of the comparison and the digest of all rows stand on top, in both languages."""
    folder, comparison = compared
    digest = json.loads((folder / "summary.json").read_text())["digest"]
    for name in ("tables.md", "tables.tex"):
        text = (folder / name).read_text()
        assert "oracle.toml" in text
        assert digest[:16] in text
        assert comparison.config_sha256[:16] in text
    assert (folder / "tables.tex").read_text().count(r"\toprule") == (folder / "tables.md").read_text().count("\n|--")


def test_cards_of_methods(compared: tuple[Path, Comparison]) -> None:
    """Each method with figures has a model-index that its own reader takes back, and RobustBench's fields."""
    folder, _ = compared
    cards = sorted(path.name for path in (folder / "model-index").glob("*"))
    card = ModelCard(f"---\n{(folder / 'model-index' / 'smoothed.yaml').read_text()}---\n").data
    entries = json.loads((folder / "robustbench.json").read_text())

    assert cards == ["plain.yaml", "smoothed.yaml"]
    assert isinstance(card, ModelCardData)
    assert card.model_name == HOSTILE
    assert {result.metric_type for result in card.eval_results or []} == {
        "accuracy", "certified_accuracy", "average_certified_radius", "robust_accuracy"
    }  # fmt: skip
    assert {(entry["threat_model"], entry["eps"], entry["number_forward_passes"]) for entry in entries} == {
        ("L2", "0.3", 1), ("L2", "0.3", 50)
    }  # fmt: skip


def test_alarm_is_shown_with_its_image(copied: tuple[Path, Comparison]) -> None:
    """In red, on top of the page, with the adversarial image in it."""
    folder, comparison = copied
    path = comparison.cells[1].rows(folder)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    attack = next(attack for attack in comparison.attacks if attack.method == "smoothed")
    answered = json.loads((attack.folder(folder) / ATTACK_ROWS).read_text().splitlines()[0])
    lie = {**rows[0], "answer": 1 - (answered["answer_after"] or 0), "radius": 5.0, "outcome": "certified"}
    path.write_text("".join(json.dumps(row) + "\n" for row in [lie, *rows[1:]]))
    summary, found = write_report(folder), seen(folder / "index.html")

    assert summary.has_alarms
    assert "ALARM: " in found.text
    assert sum(reference.startswith("data:image/png") for reference in found.references) == sum(
        len(check.alarms) for check in summary.checks
    )


def test_rows_of_several_functions(copied: tuple[Path, Comparison]) -> None:
    """A server that changed its models between two rows leaves a gap, and no figure of both together."""
    folder, comparison = copied
    path = comparison.cells[1].rows(folder)
    rows = [{**json.loads(line), "fingerprint": "one"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows[:-1], {**rows[-1], "fingerprint": "other"}]))
    summary = write_report(folder)

    gaps = [gap for gap in summary.gaps if gap.method == "smoothed"]
    assert [gap.why for gap in gaps] == [
        "the server changed its models between these rows: compare again, with another --output"
    ]
    assert "smoothed" not in [figures.method for figures in summary.certified]
