"""A comparison from its file to its folder: gaps, resuming, side by side, and what it costs."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from adapters.settings import Settings
from robustify.errors import InvalidInputError
from tests.comparisons import ORACLE_CONFIG, without_methods, write_comparison
from tests.forks import start
from workers.evaluation.attacks.runs import ROWS as ATTACK_ROWS
from workers.evaluation.comparison.config_file import ConfigError, read_config
from workers.evaluation.comparison.costs import cost_of_comparison
from workers.evaluation.comparison.document import ATTACKS, ROWS, Comparison, read_comparison
from workers.evaluation.comparison.preparing import Preparation
from workers.evaluation.comparison.running import Run
from workers.evaluation.reports.write import write_report


def preparation(folder: Path, text: str = ORACLE_CONFIG, workers: int = 1) -> Preparation:
    settings = Settings(state_dir=folder / "state", batch_size=50, shard_samples=50)
    return Preparation(read_config(write_comparison(folder, text)), settings, workers=workers)


def run(folder: Path, output: str = "output", text: str = ORACLE_CONFIG, workers: int = 1) -> Comparison:
    return Run(preparation(folder, text, workers), folder / output).run()


def row_files(output: Path) -> list[Path]:
    return sorted([*output.glob(f"{ROWS}/*.jsonl"), *output.glob(f"{ATTACKS}/*/{ATTACK_ROWS}")])


def lines_in(output: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in row_files(output))


def without_times(output: Path) -> None:
    """Rewrites all rows as if they had taken no time."""
    for path in row_files(output):
        rows = [{**json.loads(line), "seconds": 0.0} for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def report_files(output: Path) -> Iterator[tuple[str, bytes]]:
    """Everything but the rows of the cells and what `robustify attack` leaves beside them."""
    for path in sorted(output.rglob("*")):
        name = path.relative_to(output).as_posix()
        if path.is_file() and not name.startswith((f"{ROWS}/", f"{ATTACKS}/")):
            yield name, path.read_bytes()


def test_comparison_of_two_methods(tmp_path: Path) -> None:
    """Every cell has its rows, every attack its images too; what is not there is a gap that says how to make it."""
    found = run(tmp_path)
    (gap,) = found.gaps

    assert [cell.method for cell in found.cells] == ["plain", "smoothed"]
    assert [(attack.method, attack.mode) for attack in found.attacks] == [
        ("plain", "paper"), ("smoothed", "paper"), ("plain", "strong"), ("smoothed", "strong")
    ]  # fmt: skip
    assert (gap.method, gap.sigma, gap.command) == ("absent", None, "make absent")
    assert "no-such-profile" in gap.why
    assert lines_in(tmp_path / "output") == 6 * 6
    for attack in found.attacks:
        assert len(list(attack.folder(tmp_path / "output").glob("images/*.npy"))) == 6
    assert read_comparison(tmp_path / "output") == found


@pytest.mark.slow
def test_comparison_that_is_killed_ends_with_the_same_report(tmp_path: Path) -> None:
    """Wherever SIGKILL meets it, in a certificate or in an attack: byte for byte, but for how long its rows took."""
    run(tmp_path, "whole")
    killed = tmp_path / "killed"
    for lines in (3, 8, 20):
        kill_after(tmp_path, killed, lines)
    run(tmp_path, "killed")
    for output in (tmp_path / "whole", killed):
        without_times(output)
        write_report(output)

    assert dict(report_files(killed)) == dict(report_files(tmp_path / "whole"))


def kill_after(folder: Path, output: Path, lines: int) -> None:
    """Starts a comparison in a process of its own, and kills it when its files have so many lines."""
    process = start(compare, folder, output)
    while lines_in(output) < lines:
        assert process.is_alive(), "the comparison ended before it could be killed"
        time.sleep(0.001)
    process.kill()
    process.join()


def compare(folder: Path, output: Path) -> None:
    """What the process does; it is found by its name."""
    torch.set_num_threads(1)
    Run(preparation(folder), output).run()


@pytest.mark.slow
def test_comparison_in_several_processes(tmp_path: Path) -> None:
    """It has the same rows as one in a single process, but for their times."""
    smoothed = without_methods(ORACLE_CONFIG, "plain", "absent")
    run(tmp_path, "alone", smoothed)
    run(tmp_path, "together", smoothed, workers=2)
    rows = {}
    for output in ("alone", "together"):
        without_times(tmp_path / output)
        rows[output] = {path.relative_to(tmp_path / output): path.read_bytes() for path in row_files(tmp_path / output)}

    assert rows["alone"] == rows["together"]


def test_fewer_images_under_attack(tmp_path: Path) -> None:
    """They are at even distances, and are beside the certificates of the same images."""
    found = run(tmp_path, text=ORACLE_CONFIG.replace("m = 2", "m = 2\nlimit = 3"))
    output = tmp_path / "output"

    assert {attack.images for attack in found.attacks} == {3}
    for attack in found.attacks:
        cell = next(cell for cell in found.cells if cell.method == attack.method)
        certified = [json.loads(line)["file"] for line in cell.rows(output).read_text().splitlines()]
        attacked = [json.loads(line)["file"] for line in (attack.folder(output) / ATTACK_ROWS).read_text().splitlines()]
        assert attack.positions is not None
        assert attacked == [certified[position] for position in attack.positions]


@pytest.mark.slow
def test_rows_that_are_damaged(tmp_path: Path) -> None:
    """Their cells are gaps with the reason, and all others go on."""
    first = run(tmp_path)
    attack = next(attack for attack in first.attacks if attack.method == "plain")
    first.cells[1].rows(tmp_path / "output").write_text("no row\n")
    (attack.folder(tmp_path / "output") / ATTACK_ROWS).write_text("no row\n")
    found = run(tmp_path)
    summary = write_report(tmp_path / "output")

    assert [(gap.method, gap.mode) for gap in found.gaps[1:]] == [("smoothed", None), ("plain", "paper")]
    assert all("is no row" in gap.why for gap in found.gaps[1:])
    assert [figures.method for figures in summary.certified] == ["plain"]
    assert {figures.method: [*figures.robust_accuracy] for figures in summary.robust} == {
        "smoothed": ["paper", "strong"], "plain": ["strong"]
    }  # fmt: skip
    assert summary.gaps == found.gaps


def test_set_that_is_not_there(tmp_path: Path) -> None:
    """It is no gap: no method could be asked about it."""
    with pytest.raises(ConfigError, match=r"oracle\.toml: set Pictures: "):
        run(tmp_path, text=ORACLE_CONFIG.replace('path = "pictures"', 'path = "elsewhere"'))


def test_cost_before_and_after(tmp_path: Path) -> None:
    """Before, every image of every cell is missing and no speed is known; afterwards nothing is."""
    before = cost_of_comparison(preparation(tmp_path), tmp_path / "output")
    passes, answer = 3 * 3 * 2, 50  # Of 3 gradients, which count three each, through 2 copies; and of PREDICT.
    by_words = {cell.words: cell for cell in before.cells}
    run(tmp_path)
    after = cost_of_comparison(preparation(tmp_path), tmp_path / "output")

    assert before.without_rate == 6
    assert [cell.missing for cell in before.cells] == [6] * 6
    paper = by_words["Smoothed, Pictures, sigma 0.25, smooth-adv paper at eps 0.3"]
    assert paper.forwards == 6 * (passes + 2 * answer)
    assert before.cells[1].forwards == 6 * 120
    assert before.cells[0].forwards == 6
    assert [gap.method for gap in before.gaps] == ["absent"]
    assert (after.forwards, after.without_rate) == (0, 0)


@pytest.mark.slow
def test_cost_of_what_is_half_done(tmp_path: Path) -> None:
    """The rows that are there tell how long those that are missing take."""
    found = run(tmp_path)
    path = found.cells[1].rows(tmp_path / "output")
    rows = [{**json.loads(line), "seconds": 2.0} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:4]))
    cost = cost_of_comparison(preparation(tmp_path), tmp_path / "output")

    assert (cost.forwards, cost.seconds, cost.without_rate) == (2 * 120, 4.0, 0)


def test_folder_of_no_comparison(tmp_path: Path) -> None:
    """A report of it is refused with what would do."""
    with pytest.raises(InvalidInputError, match="that `robustify compare` has written"):
        write_report(tmp_path)


def test_report_of_a_run_that_is_not_finished(tmp_path: Path) -> None:
    """Cells without all rows are gaps that say how far they are."""
    found = run(tmp_path)
    (smoothed,) = [cell for cell in found.cells if cell.method == "smoothed"]
    path = smoothed.rows(tmp_path / "output")
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:4]))
    summary = write_report(tmp_path / "output")

    assert [gap.why for gap in summary.gaps if gap.method == "smoothed"] == [
        "4 of 6 images are done: run the comparison again, it goes on from there"
    ]
    assert [figures.method for figures in summary.certified] == ["plain"]
